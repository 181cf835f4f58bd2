"""`/gpu node`: the list of nodes, and taking one out of service and back."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain import policy
from bot.domain.booking import Booking
from bot.domain.cluster import Node
from bot.domain.drain import Drain
from bot.domain.errors import N_, Missing
from bot.domain.notes import Note
from bot.domain.request import parse_drain
from bot.domain.shape_rules import known_node
from bot.domain.words import Text
from bot.services.drain import Drained, drain
from bot.services.look import drained_nodes
from bot.services.resume import resume as back_into_service
from bot.slack import forms, phrases
from bot.slack.blocks import inputs, modal
from bot.slack.blocks.build import actions, button, message, section, sections, told
from bot.slack.blocks.reason import plain_reason
from bot.slack.context import Block, Call, Form, FormAnswer, Press, Reply
from bot.slack.ids import ActionId, BlockId, CallbackId
from bot.slack.payload import pack_page, unpack_page
from bot.slack.reader import Mrkdwn
from bot.slack.registry import Group, action, submission, verb
from bot.slack.return_address import metadata

EXAMPLE = "/gpu node drain gpu-01 until fri 18:00 new power supply"
#: One block a node leaves room for the heading and the buttons within Slack's 50.
PER_PAGE = 20


@verb(
    "node",
    group=Group.LAB,
    usage=["node", "node drain NAME [until WHEN] reason", "node resume NAME"],
    summary=N_("the nodes; admins take them out of service and back"),
    examples=["node", "node drain gpu-01 until fri 18:00 new power supply", "node resume gpu-01"],
    details=N_(
        "A drained node takes no new work. Bookings that have not started move to another node "
        "of the same model where one is free; everybody concerned is told."
    ),
)
def node(call: Call, text: str) -> Reply:
    """List the nodes, drain one or resume one."""
    word, _, rest = text.partition(" ")
    if not word:
        return node_page(call, 0)
    if word.casefold() == "drain":
        return _drain_by_text(call, rest.strip())
    if word.casefold() == "resume":
        return resume(call, Text.of(rest.strip()).typed)
    raise Missing(what=Note(N_("Drain a node or resume one?")), example=EXAMPLE)


def _drain_by_text(call: Call, text: str) -> Reply:
    policy.check_admin(call.site.cluster, call.actor)
    asked = parse_drain(
        text,
        now=call.now,
        zone=call.reader.zone,
        cluster=call.site.cluster,
        month_first=call.reader.month_first,
    )
    done = drain(
        call.site,
        call.actor,
        asked.node,
        until=asked.until,
        reason=asked.reason,
        now=call.now,
        key=call.key,
    )
    return _drained(call, done)


@action(ActionId.NODE_PAGE)
def press_page(press: Press) -> Reply:
    """Another page of nodes."""
    return node_page(press, unpack_page(press.value)[0])


@action(ActionId.DRAIN)
def press_drain(press: Press) -> None:
    """Open the form to drain a node, for those who may."""
    policy.check_admin(press.site.cluster, press.actor)
    known_node(press.site.cluster, press.value)
    reader = press.reader
    view = modal.form(
        press,
        CallbackId.DRAIN,
        title=reader.plain("Drain a node"),
        submit=reader.plain("Drain"),
        data={"node": press.value},
        blocks=[
            section(reader.text(N_("*{node}* takes no new work from now on."), node=press.value)),
            inputs.field(
                BlockId.UNTIL,
                reader.plain("Until"),
                inputs.moment(),
                optional=True,
                hint=reader.plain("Left empty, until it is resumed."),
            ),
            plain_reason(press),
        ],
    )
    press.open_view(view)


@submission(CallbackId.DRAIN)
def submitted(form: Form) -> FormAnswer:
    """Drain the form's node."""
    done = drain(
        form.site,
        form.actor,
        str(metadata(form.view).get("node", "")),
        until=forms.picked_moment(form.values, BlockId.UNTIL),
        reason=forms.typed(form.values, BlockId.REASON),
        now=form.now,
        key=form.key,
    )
    return _drained(form, done)


@action(ActionId.RESUME)
def press_resume(press: Press) -> Reply:
    """Bring the button's node back."""
    return resume(press, press.value)


def resume(call: Call, name: str) -> Reply:
    """Bring a node back into service."""
    policy.check_admin(call.site.cluster, call.actor)
    if not name:
        raise Missing(what=Note(N_("Which node?")), example="/gpu node resume gpu-01")
    resumed = back_into_service(call.site, call.actor, name, now=call.now, key=call.key)
    return message(call.reader.text(N_("*{node}* is back in service."), node=resumed.node))


def node_page(call: Call, page: int) -> Reply:
    """One page of nodes, each with the button that changes its state for those who may."""
    reader, cluster = call.reader, call.site.cluster
    drains = drained_nodes(call.site)
    pages = max(1, -(-len(cluster.nodes) // PER_PAGE))
    page = min(page, pages - 1)
    shown = cluster.nodes[page * PER_PAGE :][:PER_PAGE]
    said = reader.many("*{n} node*", "*{n} nodes*", len(cluster.nodes))
    rows = [_row(call, of, drains.get(of.name)) for of in shown]
    turn = [
        button(
            reader.plain(N_("Page {n} of {pages}"), n=other + 1, pages=pages),
            f"{ActionId.NODE_PAGE}:{other}",
            pack_page(other),
        )
        for other in (page - 1, page + 1)
        if 0 <= other < pages
    ]
    return message(said, *rows, actions(*turn), replace=True, title=reader.plain("Nodes"))


def _row(call: Call, of: Node, drain: Drain | None) -> Block:
    reader = call.reader
    text = reader.text(
        N_("*{name}* {gpus} × {model} · {state}"),
        name=of.name,
        gpus=of.gpus,
        model=of.model,
        state=drain_state(call, drain),
    )
    if not call.site.cluster.is_admin(call.actor.name):
        return section(text)
    if drain is None:
        return section(text, button(reader.plain("Drain…"), ActionId.DRAIN, of.name))
    return section(text, button(reader.plain("Resume"), ActionId.RESUME, of.name))


def drain_state(call: Call, drain: Drain | None) -> Mrkdwn:
    """Whether a node takes work, and if not, why and until when."""
    if drain is None:
        return call.reader.text(N_("in service"))
    because = phrases.because_of_drain(call.reader, drain)
    if drain.end is None:
        return call.reader.text(N_("out of service{because}"), because=because)
    return call.reader.text(
        N_("out of service until {end}{because}"), end=drain.end, because=because
    )


def _drained(call: Call, done: Drained) -> Reply:
    """What became of the bookings in the drain's way."""
    reader = call.reader
    said = reader.text(
        N_("*{node}* is {state}"), node=done.drain.node, state=drain_state(call, done.drain)
    )
    lines = [
        said,
        *_group(call, N_("*Moved to other nodes:*"), done.moved),
        *_group(call, N_("*No other node is free; their owners are told:*"), done.stranded),
        *_group(call, N_("*Running there until they end:*"), done.running),
    ]
    if len(lines) == 1:
        lines.append(reader.text(N_("No booking was in the way.")))
    undo = button(reader.plain("Resume"), ActionId.RESUME, done.drain.node)
    return told(said, *sections(lines), actions(undo))


def _group(call: Call, heading: str, bookings: Sequence[Booking]) -> list[Mrkdwn]:
    if not bookings:
        return []
    reader, cluster = call.reader, call.site.cluster
    lines = [
        reader.text(
            N_("• {line} {owner}"),
            line=phrases.line(reader, cluster, booking),
            owner=phrases.actor_name(reader, booking.owner),
        )
        for booking in bookings
    ]
    return [reader.text(heading), *lines]

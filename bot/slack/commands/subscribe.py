"""*Subscribe…*: an address that keeps one's own calendar program up to date."""

from __future__ import annotations

from bot.domain.access import Token
from bot.domain.errors import N_, NotFound
from bot.domain.notes import Note
from bot.services.feed import FeedKind, FeedTarget
from bot.services.subscribe import Subscription, unsubscribe
from bot.services.subscribe import subscribe as subscribe_to
from bot.slack import forms
from bot.slack.blocks import inputs, modal
from bot.slack.blocks.build import actions, button, message, option, section
from bot.slack.blocks.feeds import feed_name
from bot.slack.context import Block, Call, Form, FormAnswer, Press, Reply
from bot.slack.ids import ActionId, BlockId, CallbackId
from bot.slack.payload import unpack_id
from bot.slack.reader import Reader
from bot.slack.registry import action, submission
from bot.slack.return_address import IN_LIST


def subscribe_button(reader: Reader, target: FeedTarget | None = None) -> Block:
    """The button that opens the form; `target` is chosen there at first, None: one's own."""
    value = "" if target is None else str(target)
    return button(reader.plain("Subscribe…"), ActionId.SUBSCRIBE + IN_LIST, value)


@action(ActionId.SUBSCRIBE)
def press_subscribe(press: Press) -> None:
    """Ask whose bookings the calendar should show."""
    reader = press.reader
    about = reader.text(
        N_(
            "Have these bookings in your own calendar, such as Google Calendar, Outlook or "
            "Apple's: you get an address that keeps it up to date."
        )
    )
    menu = inputs.grouped_select(_choices(press), press.value or str(_own(press)))
    blocks = [section(about), inputs.field(BlockId.FEED, reader.plain("Whose bookings"), menu)]
    view = modal.form(
        press,
        CallbackId.SUBSCRIBE,
        title=reader.plain("Subscribe"),
        submit=reader.plain("Get the address"),
        blocks=blocks,
    )
    press.open_view(view)


def _own(call: Call) -> FeedTarget:
    return FeedTarget(FeedKind.PERSON, call.actor.name)


def _choices(call: Call) -> list[tuple[str, list[Block]]]:
    """Oneself, every team and every node, under a heading each."""
    reader, cluster = call.reader, call.site.cluster
    teams = [(FeedTarget(FeedKind.TEAM, team.name), team.name) for team in cluster.teams]
    nodes = [
        (FeedTarget(FeedKind.NODE, node.name), f"{node.name} · {node.gpus} × {node.model}")
        for node in cluster.nodes
    ]
    groups = (
        (reader.plain("You"), [(_own(call), reader.plain("My bookings"))]),
        (reader.plain("Teams"), teams),
        (reader.plain("Nodes"), nodes),
    )
    return [
        (label, [option(caption, str(target)) for target, caption in entries])
        for label, entries in groups
    ]


@submission(CallbackId.SUBSCRIBE)
def submitted(form: Form) -> FormAnswer:
    """Show the new address, or say that there is one already."""
    target = _target(forms.chosen(form.values, BlockId.FEED))
    return _told(form, subscribe_to(form.site, form.actor, target, now=form.now))


@action(ActionId.SUBSCRIBE_AGAIN)
def press_again(press: Press) -> Reply:
    """Make a new address in place of the old one."""
    target = _target(press.value)
    return _told(press, subscribe_to(press.site, press.actor, target, again=True, now=press.now))


@action(ActionId.UNSUBSCRIBE)
def press_remove(press: Press) -> Reply:
    """Have an address open nothing any more."""
    token_id = unpack_id(press.value)
    removed = unsubscribe(press.site, press.actor, token_id, now=press.now)
    said = press.reader.text(
        N_("The address for {what} opens nothing any more."), what=feed_name(press.reader, removed)
    )
    return message(said, replace=True, title=press.reader.plain("Subscribe"))


def _told(call: Call, made: Subscription) -> Reply:
    said = _there_is_one(call, made.token) if made.url is None else _here_it_is(call, made)
    title = call.reader.plain("Subscribe")
    return message(said, _buttons(call, made.token), replace=True, title=title)


def _here_it_is(call: Call, made: Subscription) -> str:
    return call.reader.text(
        N_(
            "This address shows {what}. Add it in your calendar program as a calendar from the "
            "web:\n`{url}`\nIt is shown only now. Whoever has it can read that calendar, so keep "
            "it to yourself; you can replace or remove it at any time."
        ),
        what=feed_name(call.reader, made.token),
        url=made.url,
    )


def _there_is_one(call: Call, token: Token) -> str:
    return call.reader.text(
        N_(
            "You have an address for {what} already, made {at}. I keep no copy of it, so I "
            "cannot show it again. *New address* makes another one; the old one then opens "
            "nothing any more."
        ),
        what=feed_name(call.reader, token),
        at=token.created_at,
    )


def _buttons(call: Call, token: Token) -> Block:
    reader = call.reader
    return actions(
        button(reader.plain("New address"), ActionId.SUBSCRIBE_AGAIN, token.target or ""),
        button(reader.plain("Remove the address"), ActionId.UNSUBSCRIBE, str(token.id)),
    )


def _target(text: str) -> FeedTarget:
    try:
        return FeedTarget.parse(text)
    except ValueError:
        raise NotFound(what=Note(N_("such calendar address"))) from None

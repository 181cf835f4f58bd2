"""Audit records in words: for a booking's thread, its history, and notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bot.domain.actor import GPUBOT
from bot.domain.booking import booking_label
from bot.domain.errors import N_
from bot.domain.window import Window
from bot.services.record import AuditRecord
from bot.slack import phrases
from bot.slack.reader import Mrkdwn, Reader


def dated(reader: Reader, record: AuditRecord, *, named: bool = True) -> Mrkdwn:
    """A record as a line of a list: when, which booking (where not plain), what happened."""
    what = sentence(reader, record)
    if record.booking is None or not named:
        return reader.text(N_("• {at}: {what}"), at=record.at, what=what)
    label = booking_label(record.booking)
    return reader.text(N_("• {at} · *{label}*: {what}"), at=record.at, label=label, what=what)


def sentence(reader: Reader, record: AuditRecord) -> Mrkdwn:
    """What happened, in words: "@bob cancelled it: “node needed”"."""
    say = SENTENCES.get(record.action, _other)
    actor = phrases.actor_name(reader, record.actor)
    # gpubot's own reasons are sentences of ours; people's are what they typed.
    own = record.actor == GPUBOT.name and record.reason
    reason = str(reader.text(record.reason)) if own else record.reason
    return Mrkdwn(say(reader, record, actor) + phrases.because(reader, reason))


def _reserved(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    after = record.after or {}
    return reader.text(
        N_("{actor} reserved {gpus} on {nodes}, {window}"),
        actor=actor,
        gpus=reader.many_plain("{n} GPU", "{n} GPUs", int(after.get("gpus", 0))),
        nodes=_nodes(after),
        window=window_of(after),
    )


def _simple(template: str) -> Callable[[Reader, AuditRecord, object], Mrkdwn]:
    def say(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
        return reader.text(template, actor=actor, node=record.node or "")

    return say


def _released_part(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    before, after = _both(record)
    given = int(before["gpus"]) - int(after["gpus"])
    return reader.many(
        "{actor} gave back {n} GPU; {left} left on {nodes}",
        "{actor} gave back {n} GPUs; {left} left on {nodes}",
        given,
        actor=actor,
        left=int(after["gpus"]),
        nodes=_nodes(after),
    )


def _extended(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    before, after = _both(record)
    return reader.text(
        N_("{actor} extended it by {length}, until {end}{place}"),
        actor=actor,
        length=_instant(after["end"]) - _instant(before["end"]),
        end=_instant(after["end"]),
        place=_new_place(reader, before, after),
    )


def _moved(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    before, after = _both(record)
    return reader.text(
        N_("{actor} moved it from {old} to {new}{place}"),
        actor=actor,
        old=_instant(before["start"]),
        new=_instant(after["start"]),
        place=_new_place(reader, before, after),
    )


def _displaced(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    before, after = _both(record)
    return reader.text(
        N_("It moved from {old} to {new}, because {node} goes out of service"),
        old=_nodes(before),
        new=_nodes(after),
        node=record.node or _nodes(before),
    )


def _offered(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    return reader.text(
        N_("{actor} offered to hand it over to {receiver}"),
        actor=actor,
        receiver=phrases.person(reader, (record.after or {})["receiver"]),
    )


def _transferred(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    before, after = _both(record)
    old, new = (phrases.person(reader, state["owner"]) for state in (before, after))
    if before["team"] == after["team"]:
        return reader.text(N_("{new} accepted it from {old}"), old=old, new=new)
    return reader.text(
        N_("{new} accepted it from {old}; it belongs to team {team} now"),
        old=old,
        new=new,
        team=after["team"],
    )


def _withdrawn(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    receiver = (record.after or {}).get("receiver")
    if receiver is None:
        return reader.text(N_("{actor} withdrew the offer to hand it over"), actor=actor)
    return reader.text(
        N_("{actor} withdrew the offer to hand it over to {receiver}"),
        actor=actor,
        receiver=phrases.person(reader, receiver),
    )


def _drained(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    until = (record.after or {}).get("until")
    if until is None:
        return reader.text(N_("{actor} took {node} out of service"), actor=actor, node=record.node)
    return reader.text(
        N_("{actor} took {node} out of service until {until}"),
        actor=actor,
        node=record.node,
        until=_instant(until),
    )


def _other(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    return reader.text(N_("{actor}: {action}"), actor=actor, action=record.action)


SENTENCES: Mapping[str, Callable[[Reader, AuditRecord, object], Mrkdwn]] = {
    "reserved": _reserved,
    "started": _simple(N_("It started")),
    "ended": _simple(N_("It ended")),
    "cancelled": _simple(N_("{actor} cancelled it")),
    "released": _simple(N_("{actor} released it")),
    "released_part": _released_part,
    "extended": _extended,
    "moved": _moved,
    "transfer_offered": _offered,
    "transferred": _transferred,
    "transfer_declined": _simple(N_("{actor} declined to take it over")),
    "transfer_withdrawn": _withdrawn,
    "transfer_expired": _simple(N_("The offer to hand it over expired")),
    "displaced": _displaced,
    "stranded": _simple(N_("{actor} took {node} out of service")),
    "node_back": _simple(N_("{node} is back in service, so it can start as planned")),
    "node_drained": _drained,
    "node_resumed": _simple(N_("{actor} brought {node} back into service")),
}


def window_of(state: Mapping[str, Any]) -> Window:
    """The window of a booking as a record keeps it."""
    return Window(_instant(state["start"]), _instant(state["end"]))


def _both(record: AuditRecord) -> tuple[dict[str, Any], dict[str, Any]]:
    return record.before or {}, record.after or {}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _nodes(state: Mapping[str, Any]) -> str:
    return ", ".join(node for node, _ in state.get("shares", ()))


def _new_place(reader: Reader, before: Mapping[str, Any], after: Mapping[str, Any]) -> Mrkdwn:
    if before["shares"] == after["shares"]:
        return Mrkdwn("")
    return reader.text(N_(", now on {nodes}"), nodes=_nodes(after))

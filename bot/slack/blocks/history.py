"""Audit records in words: for a booking's thread, its history, and notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from bot.domain.access import TokenKind
from bot.domain.actor import GPUBOT
from bot.domain.booking import booking_label
from bot.domain.errors import N_
from bot.services.record import AuditRecord
from bot.slack import phrases
from bot.slack.blocks import (
    gpu_history,
    job_history,
    membership_history,
    run_history,
    wait_history,
)
from bot.slack.blocks.means import by_means
from bot.slack.blocks.recorded import both, instant, new_place, nodes_of, window_of
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
    said = say(reader, record, actor)
    means = by_means(reader, record)
    return Mrkdwn(said + means + lateness(reader, record) + phrases.because(reader, reason))


#: What is due at an instant of the booking's window, and after how long it is late.
DUE = {"started": "start", "ended": "end", "reclaimed": "end"}
LATE = timedelta(minutes=2)


def lateness(reader: Reader, record: AuditRecord) -> Mrkdwn:
    """That something due came late, because gpubot or its database was away; else nothing."""
    if record.action not in DUE:
        return Mrkdwn("")
    late = record.at - instant((record.after or {})[DUE[record.action]])
    if late < LATE:
        return Mrkdwn("")
    return reader.text(N_(" ({length} late: gpubot was away)"), length=_minutes(late))


def _minutes(length: timedelta) -> timedelta:
    return timedelta(minutes=length // timedelta(minutes=1))


def _reserved(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    after = record.after or {}
    return reader.text(
        N_("{actor} reserved {gpus} on {nodes}, {window}"),
        actor=actor,
        gpus=reader.many_plain("{n} GPU", "{n} GPUs", int(after.get("gpus", 0))),
        nodes=nodes_of(after),
        window=window_of(after),
    )


def _simple(template: str) -> Callable[[Reader, AuditRecord, object], Mrkdwn]:
    def say(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
        return reader.text(template, actor=actor, node=record.node or "")

    return say


def _released_part(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    before, after = both(record)
    given = int(before["gpus"]) - int(after["gpus"])
    return reader.many(
        "{actor} gave back {n} GPU; {left} left on {nodes}",
        "{actor} gave back {n} GPUs; {left} left on {nodes}",
        given,
        actor=actor,
        left=int(after["gpus"]),
        nodes=nodes_of(after),
    )


def _extended(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    before, after = both(record)
    return reader.text(
        N_("{actor} extended it by {length}, until {end}{place}"),
        actor=actor,
        length=instant(after["end"]) - instant(before["end"]),
        end=instant(after["end"]),
        place=new_place(reader, before, after),
    )


def _moved(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    before, after = both(record)
    return reader.text(
        N_("{actor} moved it from {old} to {new}{place}"),
        actor=actor,
        old=instant(before["start"]),
        new=instant(after["start"]),
        place=new_place(reader, before, after),
    )


def _displaced(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    before, after = both(record)
    return reader.text(
        N_("It moved from {old} to {new}, because {node} goes out of service"),
        old=nodes_of(before),
        new=nodes_of(after),
        node=record.node or nodes_of(before),
    )


def _offered(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    return reader.text(
        N_("{actor} offered to hand it over to {receiver}"),
        actor=actor,
        receiver=phrases.person(reader, (record.after or {})["receiver"]),
    )


def _transferred(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    before, after = both(record)
    said = _accepted(reader, record, actor)
    if not before.get("job") or after.get("job"):
        return said
    old = phrases.person(reader, before["owner"])
    return phrases.joined(said, reader.text(N_("the command of {old} will not run there"), old=old))


def _accepted(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    before, after = both(record)
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
        until=instant(until),
    )


def _took(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    after = record.after or {}
    preemptees = [booking_label(booking) for booking in after.get("preemptees", ())]
    return reader.text(
        N_("{what}, for urgent work; {preemptees} made room"),
        what=_reserved(reader, record, actor),
        preemptees=preemptees or "–",
    )


def _by_preemptor(template: str, alone: str) -> Callable[[Reader, AuditRecord, object], Mrkdwn]:
    """A sentence that names the urgent booking, in `{preemptor}`, where the record has it."""

    def say(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
        before, after = both(record)
        preemptor = after.get("preemptor")
        until = after.get("reclaim_at", after.get("end", before.get("end")))
        fields = {
            "actor": actor,
            "preemptor": "–" if preemptor is None else booking_label(int(preemptor)),
            "at": "–" if until is None else instant(until),
        }
        return reader.text(alone if preemptor is None else template, **fields)

    return say


def _moved_for_urgent(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    before, after = both(record)
    return reader.text(
        N_("It made room for urgent work: it moved from {old} to {new}{place}"),
        old=instant(before["start"]),
        new=instant(after["start"]),
        place=new_place(reader, before, after),
    )


def _restored(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    return reader.text(
        N_("The urgent work was called off: it has {window} back"),
        window=window_of(record.after or record.before or {}),
    )


def _at_end(template: str) -> Callable[[Reader, AuditRecord, object], Mrkdwn]:
    """A sentence with the start and the end that the booking has now."""

    def say(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
        window = window_of(record.after or record.before or {})
        return reader.text(template, actor=actor, start=window.start, end=window.end)

    return say


def _more_time(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    end = window_of(record.after or {}).end
    if record.actor == GPUBOT.name:
        said = N_("The warning came late, so it keeps its GPUs until {end}")
        return reader.text(said, end=end)
    said = N_("{actor} asked for more time to save a checkpoint: until {end}")
    return reader.text(said, actor=actor, end=end)


def _booked_again(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    after = record.after or {}
    lost = after.get("preemptee")
    return reader.text(
        N_("{actor} booked {gpus} on {nodes}, {window}, in place of {label}"),
        actor=actor,
        gpus=reader.many_plain("{n} GPU", "{n} GPUs", int(after.get("gpus", 0))),
        nodes=nodes_of(after),
        window=window_of(after),
        label="–" if lost is None else booking_label(int(lost)),
    )


def _token(of_token: str, of_feed: str) -> Callable[[Reader, AuditRecord, object], Mrkdwn]:
    """A sentence about a token: its number and name."""

    def say(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
        known = record.before or record.after or {}
        template = of_feed if known.get("kind") == TokenKind.FEED else of_token
        return reader.text(template, actor=actor, id=known["token"], name=known["name"])

    return say


def _other(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    return reader.text(N_("{actor}: {action}"), actor=actor, action=record.action)


def _audit_acknowledged(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    after = record.after or {}
    by = after.get("by")
    said = (
        N_("{by}, on the server, looked into the audit log at record {number}: {said}")
        if by
        else N_("An operator looked into the audit log at record {number}: {said}")
    )
    return reader.text(said, by=by, number=after["seq"], said=after["said"])


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
    "took": _took,
    "brought_forward": _at_end(
        N_("It starts earlier, {start}, because its GPUs were given back early")
    ),
    "postponed": _at_end(N_("It starts {start}, so that those who make room can save their work")),
    "warned": _by_preemptor(
        N_("Its GPUs are needed for urgent work, {preemptor}, and are reclaimed {at}"),
        N_("Its GPUs are needed for urgent work and are reclaimed {at}"),
    ),
    "moved_for_urgent": _moved_for_urgent,
    "lost_to_urgent": _by_preemptor(
        N_("It made room for urgent work, {preemptor}; no other window fits"),
        N_("It made room for urgent work; no other window fits"),
    ),
    "more_time": _more_time,
    "released_early": _simple(N_("{actor} saved a checkpoint and gave its GPUs back early")),
    "reclaimed": _by_preemptor(
        N_("Its GPUs were reclaimed for urgent work, {preemptor}"),
        N_("Its GPUs were reclaimed for urgent work"),
    ),
    "restored": _restored,
    "kept_new_time": _at_end(N_("{actor} keeps the new time, {start}")),
    "booked_again": _booked_again,
    "overran": _at_end(N_("Its run may finish, until {end} at most, while nobody needs its GPUs")),
    "overrun_ended": _at_end(N_("Its GPUs are needed, so its run has until {end} to finish")),
    "asked_idle": _simple(N_("Nobody seemed to use it, so its owner was asked about it")),
    "still_needed": _simple(N_("{actor} said that it is still needed")),
    "no_show": _simple(N_("Nobody used it, so its GPUs were given back")),
    "token_made": _token(
        N_("{actor} made the token {id} “{name}”"), N_("{actor} made the calendar address {id}")
    ),
    "token_revoked": _token(
        N_("{actor} revoked the token {id} “{name}”"),
        N_("{actor} removed the calendar address {id}"),
    ),
    "audit_acknowledged": _audit_acknowledged,
    **job_history.SENTENCES,
    **wait_history.SENTENCES,
    **gpu_history.SENTENCES,
    **membership_history.SENTENCES,
    **run_history.SENTENCES,
}

"""What every change leaves behind, in its own transaction.

One record in the audit chain, and outbox rows for the messages that will tell people about it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select, true, update
from sqlmodel import col

from bot.domain.actor import Actor
from bot.domain.booking import Booking
from bot.domain.cluster import Notify
from bot.domain.drain import Drain
from bot.domain.job_shown import job_in_words
from bot.domain.transfer import Transfer
from bot.services.change import Change
from bot.services.quiet import held_until
from bot.store import models, queries
from bot.store.prepared import Inserting, Prepared
from bot.store.tables import table_of

#: How a record's fields are written, and how they are hashed: made once, as a function is not.
_WRITTEN = json.JSONEncoder(ensure_ascii=False, sort_keys=True)
_HASHED = json.JSONEncoder(ensure_ascii=False)

#: The hash that the first record follows.
FIRST_HASH = "0" * 64

#: Direct messages that quiet hours hold back: nothing is lost by reading them in the morning.
CAN_WAIT = frozenset({"notice", "entry", "left_team"})

#: An App Home opened longer ago than this is drawn when it is opened next, not before.
HOME_KEPT_FRESH = timedelta(days=30)


_PERSON = table_of(models.Person)
_APPEND = Inserting(models.Audit)
_POST = Inserting(
    models.Outbox,
    number="id",
    unless="dedupe_key",
    always={
        "state": "pending", "attempts": 0, "retry_at": None, "settled_at": None, "error": None,
    },
)  # fmt: skip
_DRAW_AGAIN = Prepared(
    update(_PERSON)
    .where(_PERSON.c.home_opened_at > bindparam("since"), _PERSON.c.home_stale.is_(False))
    .values(home_stale=true())
)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One change: who did what, when and why, and what it was before and after."""

    seq: int
    at: datetime
    actor: str
    action: str
    booking: int | None
    node: str | None
    reason: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    hash: str


def record(
    change: Change,
    actor: Actor,
    action: str,
    *,
    booking: int | None = None,
    node: str | None = None,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> int:
    """Append one audit record to the chain; return its sequence number.

    What somebody did by a token or on the page says so under `via` in `after`.
    """
    if actor.via:
        after = {**(after or {}), "via": actor.via}
    values: dict[str, Any] = {
        "seq": (change.version.seq or 0) + 1,
        "at": change.now,
        "actor": actor.name,
        "action": action,
        "booking": booking,
        "node": node,
        "reason": reason,
        "before": _as_json(before),
        "after": _as_json(after),
        "previous_hash": change.version.hash or FIRST_HASH,
    }
    values["hash"] = record_hash(values)
    _APPEND.later(change.connection, values)
    change.version = change.version._replace(seq=values["seq"], hash=values["hash"])
    change.recorded.append(values)
    return int(values["seq"])


def record_hash(values: Mapping[str, Any]) -> str:
    """The hash of a record: SHA-256 over its fields and the hash of the record before it."""
    fields = ("seq", "actor", "action", "booking", "node", "reason", "before", "after")
    content = [values["at"].isoformat(), *(values[name] for name in fields)]
    text = _HASHED.encode([*content, values["previous_hash"]])
    return hashlib.sha256(text.encode()).hexdigest()


def describe(booking: Booking) -> dict[str, Any]:
    """A booking as the audit keeps it; instants are ISO 8601 in UTC."""
    return {
        "owner": booking.owner,
        "team": booking.team,
        "start": booking.window.start.isoformat(),
        "end": booking.window.end.isoformat(),
        "gpus": booking.gpus,
        "shares": [[share.node, share.gpus] for share in booking.shares],
        "priority": int(booking.priority),
        "preemptible": booking.preemptible,
        "purpose": booking.purpose,
        "state": booking.state.value,
        **_only_sometimes(booking),
    }


def _only_sometimes(booking: Booking) -> dict[str, Any]:
    """What most bookings do not have."""
    found: dict[str, Any] = {}
    if booking.gpu_ids:
        found["gpu_ids"] = [[node, list(ids)] for node, ids in booking.gpu_ids]
    if booking.queued:
        found["queued"] = True
    if booking.overrun_from is not None:
        found["overrun_from"] = booking.overrun_from.isoformat()
    if booking.job is not None:
        found["job"] = job_in_words(booking.job)
    if booking.continues is not None:
        found["continues"] = booking.continues
    return found


def record_booking(
    change: Change,
    actor: Actor,
    action: str,
    *,
    before: Booking | None,
    after: Booking,
    reason: str = "",
    node: str | None = None,
    tell: Iterable[str] = (),
    receiver: str | None = None,
    details: Mapping[str, Any] | None = None,
    told: bool = False,
    quiet: bool = False,
) -> int:
    """Record a change of a booking; its card, its thread and the people concerned will tell.

    `node` is the node that made the change necessary, `receiver` whom the booking is offered to,
    `details` what the record should know besides. With `told` a message of its own tells the
    people; with `quiet` only the card changes.

    The owner hears directly when somebody else acted; `tell` names further people. Whoever acts
    is never told what they just did. Returns the audit record's sequence number.
    """
    seq = record(
        change,
        actor,
        action,
        booking=after.id,
        node=node,
        reason=reason,
        before=None if before is None else describe(before),
        after={
            **describe(after),
            **({} if receiver is None else {"receiver": receiver}),
            **(details or {}),
        },
    )
    # A booking that was just made says itself what it is, unless it was made for a reason.
    in_thread = (before is not None or bool(reason)) and not quiet
    _post_to_channels(change, before, after, seq, in_thread=in_thread)
    if before is not None and before.revision != after.revision:
        _refresh_transfer(change, after)
        _refresh_private(change, after, seq)
    concerned = {after.owner, *tell, *((before.owner,) if before else ())} - {actor.name}
    for user in sorted(() if quiet or told else concerned):
        subject = f"booking:{after.id}"
        post(change, "notice", user, subject, f"notice:{seq}:{user}", audit=seq)
    mark_homes_stale(change)
    return seq


def _post_to_channels(
    change: Change, before: Booking | None, after: Booking, seq: int, *, in_thread: bool
) -> None:
    """Bring the booking's card up to date, and add a line to its thread."""
    subject = f"booking:{after.id}"
    for channel in _channels(change, before, after):
        post(change, "card", channel, subject, f"card:{after.id}:{after.revision}:{channel}:{seq}")
        if in_thread:
            post(change, "event", channel, subject, f"event:{seq}:{channel}", audit=seq)


def post(
    change: Change, topic: str, recipient: str, subject: str, dedupe_key: str, **data: Any
) -> None:
    """Write one outbox row; the Slack layer renders and delivers it after the commit.

    What was written before, by its `dedupe_key`, is not written again.
    """
    values = {
        "dedupe_key": dedupe_key,
        "topic": topic,
        "recipient": recipient,
        "subject": subject,
        "data": json.dumps(data),
        "created_at": change.now,
        "held_until": held_until(change, recipient) if topic in CAN_WAIT else None,
    }
    _POST.later(change.connection, values)


def announce(change: Change, topic: str, subject: str, state: str, team: str, user: str) -> None:
    """Bring a living message up to date in the team's channel and at the person concerned.

    Where it stands is policy (design: "Where warnings and offers go"), and wherever it stood
    before, such as at a former owner. `state` tells this version of the message from every other
    one.
    """
    notify, found = change.cluster.policy.notify, change.cluster.team(team)
    recipients = {user} if notify is not Notify.CHANNEL or found is None else set()
    if notify is not Notify.DIRECT and found is not None:
        recipients.add(found.channel)
    box = models.Outbox
    before = select(col(box.recipient)).where(queries.told(subject, topic=topic))
    recipients.update(change.connection.execute(before).scalars())
    for recipient in sorted(recipients):
        post(change, topic, recipient, subject, f"{topic}:{subject}:{state}:{recipient}")


def tell_owner(change: Change, topic: str, subject: str, state: str, team: str, user: str) -> None:
    """Bring a living message up to date at its owner; in the channel where policy is "channel"."""
    found = change.cluster.team(team)
    to_channel = change.cluster.policy.notify is Notify.CHANNEL and found is not None
    recipient = found.channel if to_channel and found is not None else user
    post(change, topic, recipient, subject, f"{topic}:{subject}:{state}:{recipient}")


def post_drain(change: Change, drain: Drain) -> None:
    """Bring the operators' message about a drain up to date."""
    if change.cluster.ops_channel is not None:
        subject = f"drain:{drain.id}"
        post(change, "node", change.cluster.ops_channel, subject, f"{subject}:{drain.state}")


def post_transfer(change: Change, transfer: Transfer, booking_revision: int = 0) -> None:
    """Bring the receiver's message about a transfer up to date."""
    subject = f"transfer:{transfer.id}"
    key = f"{subject}:{transfer.state}:{booking_revision}"
    post(change, "transfer", transfer.receiver, subject, key)


def _refresh_transfer(change: Change, booking: Booking) -> None:
    """Whoever was offered the booking should see what they would accept now."""
    transfer = queries.open_transfer(change.connection, booking.id)
    if transfer is not None:
        post_transfer(change, transfer, booking.revision)


def _refresh_private(change: Change, booking: Booking, seq: int) -> None:
    """Bring its reminder, and the question whether it is needed, up to date wherever they stand."""
    box = models.Outbox
    subjects = (f"reminder:{booking.id}", f"idle:{booking.id}")
    told = (
        select(col(box.topic), col(box.subject), col(box.recipient))
        .where(queries.told(*subjects))
        .distinct()
    )
    for row in change.connection.execute(told).all():
        key = f"{row.subject}:refresh:{seq}:{row.recipient}"
        post(change, row.topic, row.recipient, row.subject, key)


def mark_homes_stale(change: Change) -> None:
    """Have the App Homes that were open lately drawn again."""
    if not change.homes_are_stale:
        change.homes_are_stale = True
        _DRAW_AGAIN.later(change.connection, {"since": change.now - HOME_KEPT_FRESH})


def to_record(row: Row[Any]) -> AuditRecord:
    """An audit row as a value."""
    return AuditRecord(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        action=row.action,
        booking=row.booking,
        node=row.node,
        reason=row.reason,
        before=None if row.before is None else json.loads(row.before),
        after=None if row.after is None else json.loads(row.after),
        hash=row.hash,
    )


def _channels(change: Change, before: Booking | None, after: Booking) -> tuple[str, ...]:
    teams = dict.fromkeys([after.team, *((before.team,) if before else ())])
    found = (change.cluster.team(name) for name in teams)
    return tuple(dict.fromkeys(team.channel for team in found if team is not None))


def _as_json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else _WRITTEN.encode(value)

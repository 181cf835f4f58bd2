"""The outbox from the deliverer's side: claiming rows, and noting what became of them.

Rows to one recipient leave in order of id: only the oldest pending row of a recipient, its head,
may be claimed. A row that is held back until later is passed over as if it were not there yet.
Claiming moves the head's `retry_at` ahead by a lease, so that no other process sends it meanwhile;
a process that dies with a claim leaves a row that is due again when the lease is over. `attempts`
grows with each claim and so tells them apart: who has lost a claim changes nothing of the next
one's. All instants named `wall` are real time; `now` is the bot's own clock, which may be
simulated. Both are aware UTC.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy import text as sql
from sqlmodel import col

from bot.services.site import Site
from bot.store import models, queries
from bot.store.prepared import Prepared, Reading
from bot.store.tables import in_sql, table_of

#: Topics whose message shows the present state of their subject. Several pending rows of one
#: subject say the same thing, so one message does for all of them.
LIVING_TOPICS = frozenset({
    "card", "node", "transfer", "warning", "moved", "offer", "reminder", "idle", "gpu_alert",
    "directory",
})  # fmt: skip

PENDING = "pending"

#: Nothing is put off for longer: what is said to be was written by a clock that was ahead.
FURTHEST = timedelta(minutes=15)


class TooSoon(Exception):
    """Slack was called about this recipient at `at`, by whichever process; nothing was claimed."""

    def __init__(self, at: datetime) -> None:
        super().__init__(at)
        self.at = at


class Lost(Exception):
    """The claim ran out, and another process has taken the row."""


class Outcome(StrEnum):
    """What became of a row."""

    SENT = "sent"
    #: What it told of was no longer true when its turn came.
    SKIPPED = "skipped"
    #: Slack refused it for good.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed head of a recipient's queue, with the rows that its message does for as well."""

    #: Oldest first.
    ids: tuple[int, ...]
    topic: str
    recipient: str
    subject: str
    data: dict[str, Any]
    #: By the bot's clock.
    created_at: datetime
    #: How often it has been tried, this time included.
    attempts: int
    #: When the claim runs out, real time.
    until: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where a living message stands, and the digest of what it shows."""

    channel: str
    ts: str
    digest: str


def heads(site: Site, *, now: datetime) -> dict[str, datetime | None]:
    """Recipients with rows to send, and when the oldest row of each is due (None: at once)."""
    with site.database.snapshot() as connection:
        found = connection.execute(_HEADS, {"now": now})
        return {row.recipient: row.retry_at for row in found}


def is_due(retry_at: datetime | None, wall: datetime) -> bool:
    """Whether a row may be tried now that is to wait until `retry_at` (None: it need not)."""
    return retry_at is None or not wall < retry_at <= wall + FURTHEST


def claim(
    site: Site,
    recipient: str,
    *,
    now: datetime,
    wall: datetime,
    lease: timedelta,
    pace: timedelta = timedelta(0),
) -> Delivery | None:
    """Claim the head of a recipient's queue; None when it is not due or somebody else has it.

    A living message does for all pending rows of its subject, also for those held back: it
    already shows what they would tell. Raises TooSoon when Slack was called about the
    recipient less than `pace` ago.
    """
    with site.database.transaction(exclusive=False) as connection:
        head = _locked_head(connection, recipient, now)
        if head is None or not is_due(head.retry_at, wall):
            return None
        # Another machine's clock may be ahead of ours: what was called later than now is no news.
        if head.called_at is not None and wall - pace < head.called_at <= wall:
            raise TooSoon(head.called_at)
        ids = (head.id,)
        if head.topic in LIVING_TOPICS:
            same = {"whom": recipient, "what": head.topic, "whose": head.subject}
            ids = tuple(number for (number,) in _SAME.rows(connection, same))
        until, attempts = wall + lease, head.attempts + 1
        values = {"head": head.id, "retry_at": until, "attempts": attempts}
        _CLAIM.run(connection, values)
    return Delivery(
        ids=ids,
        topic=head.topic,
        recipient=recipient,
        subject=head.subject,
        data=json.loads(head.data),
        created_at=head.created_at,
        attempts=attempts,
        until=until,
    )


def _locked_head(connection: Connection, recipient: str, now: datetime) -> Any:
    """The oldest of the pending rows that are not held, with a lock that others pass over."""
    found = _FIRST.rows(connection, {"whom": recipient, "now": now})
    if not found:
        return None
    # Of several processes one gets the row's lock; to the others it is as if it were gone.
    # What has become of the row meanwhile is read with the lock.
    return next(iter(_LOCKED.found(connection, {"head": found[0][0]})), None)


def settle(
    site: Site,
    delivery: Delivery,
    outcome: Outcome,
    *,
    now: datetime,
    error: str | None = None,
    place: Place | None = None,
    called_at: datetime | None = None,
) -> None:
    """Note what became of a delivery; `place` is where its living message stands now.

    `called_at` is when Slack was last called about its recipient, real time; None: unknown.
    What was sent, or refused for good, is settled as of `now`; what was skipped never was.
    Where the claim is lost only what Slack has taken is noted, unless that has been done already.
    """
    values = {
        "ids": delivery.ids,
        "state": outcome.value,
        "error": error,
        "settled_at": None if outcome is Outcome.SKIPPED else now,
    }
    with site.database.transaction(exclusive=False) as connection:
        _note_call(connection, delivery, called_at)
        if outcome is not Outcome.SENT and not connection.execute(_OURS, _claim(delivery)).first():
            return
        settled = _settled(connection, values)
        if place is not None and settled:
            about = {"subject": delivery.subject, "recipient": delivery.recipient}
            stands = {"channel": place.channel, "ts": place.ts, "digest": place.digest}
            _REMEMBER.run(connection, about | stands)


def _settled(connection: Connection, values: Mapping[str, Any]) -> int:
    """Settle rows that are pending; return how many were."""
    ids = values["ids"]
    if len(ids) > 1:
        return connection.execute(_SETTLE_ALL, values).rowcount
    return int(_SETTLE.run(connection, {**values, "head": ids[0]}).rowcount)


def postpone(
    site: Site,
    delivery: Delivery,
    *,
    until: datetime,
    error: str,
    called_at: datetime | None = None,
) -> None:
    """Have a delivery tried again, not before `until`; nothing happens where the claim is lost.

    `called_at` is as with settle.
    """
    values = {**_claim(delivery), "retry_at": until, "error": error}
    with site.database.transaction(exclusive=False) as connection:
        _note_call(connection, delivery, called_at)
        connection.execute(_POSTPONE, values)


def prolong(site: Site, delivery: Delivery, *, until: datetime) -> None:
    """Keep a claim until then. Raises Lost when it is ours no longer."""
    values = {**_claim(delivery), "retry_at": until}
    with site.database.transaction(exclusive=False) as connection:
        if not connection.execute(_PROLONG, values).rowcount:
            raise Lost


def release_claims(site: Site) -> int:
    """Have all rows sent again that somebody has claimed; return how many that were.

    For the start of a process that is alone with its database: whoever claimed them is gone.
    """
    with site.database.transaction(exclusive=False) as connection:
        return connection.execute(_RELEASE).rowcount


def _claim(delivery: Delivery) -> dict[str, int]:
    """What tells the row of a claim, as long as nobody else has claimed it."""
    return {"head": delivery.ids[0], "tries": delivery.attempts}


def _note_call(connection: Connection, delivery: Delivery, called_at: datetime | None) -> None:
    if called_at is not None:
        _NOTE_CALL.run(connection, {"recipient": delivery.recipient, "at": called_at})


def place_of(site: Site, subject: str, recipient: str) -> Place | None:
    """Where the living message about `subject` stands at that recipient; None: not posted yet."""
    about = {"subject": subject, "recipient": recipient}
    with site.database.snapshot() as connection:
        found = _PLACE.rows(connection, about)
    return Place(*found[0]) if found else None


# Made once, and run by the driver where each message takes one: making them takes longer than
# running them.
_BOX, _PLACES = table_of(models.Outbox).c, table_of(models.Posted).c
_IS_PENDING: ColumnElement[bool] = _BOX.state == in_sql(PENDING)
_NOW = bindparam("now", type_=_BOX.held_until.type)
_IS_DUE = and_(_IS_PENDING, or_(_BOX.held_until.is_(None), _BOX.held_until <= _NOW))
_OLDEST = select(func.min(_BOX.id)).where(_IS_DUE).group_by(_BOX.recipient)
_HEADS = select(_BOX.recipient, _BOX.retry_at).where(_BOX.id.in_(_OLDEST))
_FIRST = Prepared(
    select(_BOX.id).where(_IS_DUE, _BOX.recipient == bindparam("whom")).order_by(_BOX.id).limit(1)
)
_CALLED_AT = (
    select(col(models.Called.at))
    .where(col(models.Called.recipient) == _BOX.recipient)
    .scalar_subquery()
    .label("called_at")
)
_LOCKED = Reading(
    queries.columns(models.Outbox)
    .add_columns(_CALLED_AT)
    .where(_IS_PENDING, _BOX.id == bindparam("head"))
    .with_for_update(skip_locked=True, of=table_of(models.Outbox)),
    lambda row: row,
    # A row is claimed once, mostly.
    remembered=1,
)
_SAME = Prepared(
    select(_BOX.id)
    .where(
        _IS_PENDING,
        _BOX.recipient == bindparam("whom"),
        _BOX.topic == bindparam("what"),
        _BOX.subject == bindparam("whose"),
    )
    .order_by(_BOX.id)
)
# A row without an error that is to wait is one that is being sent: see _RELEASE.
_CLAIM = Prepared(
    update(models.Outbox)
    .where(_BOX.id == bindparam("head"))
    .values(retry_at=bindparam("retry_at"), attempts=bindparam("attempts"), error=None)
)
_IS_OURS = and_(_BOX.id == bindparam("head"), _IS_PENDING, _BOX.attempts == bindparam("tries"))
_OURS = select(_BOX.id).where(_IS_OURS).with_for_update()
_PROLONG = update(models.Outbox).where(_IS_OURS).values(retry_at=bindparam("retry_at"))
_POSTPONE = _PROLONG.values(error=bindparam("error"))
_RELEASE = (
    update(models.Outbox)
    .where(_IS_PENDING, _BOX.retry_at.is_not(None), _BOX.error.is_(None))
    .values(retry_at=None)
)
_SETTLING = (
    update(models.Outbox)
    .where(_IS_PENDING)
    .values(
        state=bindparam("state"),
        error=bindparam("error"),
        retry_at=None,
        settled_at=bindparam("settled_at"),
    )
)
_SETTLE = Prepared(_SETTLING.where(_BOX.id == bindparam("head")))
_SETTLE_ALL = _SETTLING.where(_BOX.id.in_(bindparam("ids", expanding=True)))
_PLACE = Prepared(
    select(_PLACES.channel, _PLACES.ts, _PLACES.digest).where(
        _PLACES.subject == bindparam("subject"), _PLACES.recipient == bindparam("recipient")
    )
)
_REMEMBER = Prepared(
    sql("""
    INSERT INTO posted (subject, recipient, channel, ts, digest)
    VALUES (:subject, :recipient, :channel, :ts, :digest)
    ON CONFLICT (subject, recipient) DO UPDATE
    SET channel = excluded.channel, ts = excluded.ts, digest = excluded.digest
""")
)
_NOTE_CALL = Prepared(
    sql("""
    INSERT INTO called (recipient, at) VALUES (:recipient, :at)
    ON CONFLICT (recipient) DO UPDATE SET at = excluded.at WHERE called.at < excluded.at
""").bindparams(bindparam("at", type_=table_of(models.Called).c.at.type))
)

"""Alerts as rows: each is opened once, whoever noticed it, told in one living message, and ends.

Two sources may say that something is so: our own queries, and Alertmanager. An alert is open while
either does, so neither closes what the other still sees.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlmodel import col

from bot.domain.actor import GPUBOT
from bot.domain.errors import N_, NotFound
from bot.domain.gpu_health import Kind, Severity, clears_by_itself
from bot.domain.notes import Note
from bot.services.change import Change
from bot.services.record import post, record
from bot.services.site import Site
from bot.store import models, queries

PENDING, OPEN, RESOLVED = "pending", "open", "resolved"
TOPIC = "gpu_alert"
#: What begins again so soon is the same alert: its message is edited, not posted anew.
AGAIN = timedelta(minutes=10)
#: A pause of so much in what is seen begins the waiting anew; less is a dip.
DIP = timedelta(minutes=5)
TABLE = models.GpuAlert
#: Among the details: it did not end, but nobody looks any more.
UNWATCHED = "unwatched"


class Source(StrEnum):
    """Who says so; the name of the row's flag."""

    QUERIES = "queried"
    ALERTMANAGER = "notified"


@dataclass(frozen=True, slots=True)
class About:
    """What an alert says."""

    #: The same for the same thing, whoever notices it.
    key: str
    kind: Kind
    severity: Severity = Severity.WARNING
    node: str | None = None
    gpus: tuple[int, ...] = ()
    value: float | None = None
    booking: int | None = None
    user: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it stands."""

    id: int
    about: About
    is_over: bool
    began_at: datetime
    resolved_at: datetime | None


def health_key(node: str, gpu: int, kind: Kind) -> str:
    """The key of a trouble that one GPU is in."""
    return f"{node}/{gpu}/{kind}"


def get_alert(site: Site, alert_id: int) -> Alert:
    """The alert with that id. Raises NotFound when there is none, or nobody is told of it yet."""
    with site.database.snapshot() as connection:
        statement = queries.columns(TABLE).where(col(TABLE.id) == alert_id)
        row = connection.execute(statement).one_or_none()
    if row is None or row.state == PENDING:
        raise NotFound(what=Note(N_("such alert")))
    over = row.state == RESOLVED
    return Alert(row.id, to_about(row), over, row.began_at, row.resolved_at)


def going(connection: Connection, kinds: Iterable[Kind]) -> dict[str, Row[Any]]:
    """The alerts of those kinds that are pending or open, by key."""
    statement = queries.columns(TABLE).where(
        col(TABLE.state).in_((PENDING, OPEN)), col(TABLE.kind).in_([kind.value for kind in kinds])
    )
    return {row.key: row for row in connection.execute(statement)}


def latest(connection: Connection, key: str) -> Row[Any] | None:
    """The last alert of a key, over or not."""
    statement = (
        queries.columns(TABLE).where(col(TABLE.key) == key).order_by(col(TABLE.id).desc()).limit(1)
    )
    return connection.execute(statement).one_or_none()


def say(
    change: Change,
    about: About,
    source: Source,
    *,
    patience: timedelta = timedelta(0),
    start: datetime | None = None,
) -> None:
    """A source says that something is so; it is told once it has been for as long as `patience`.

    `start` is when it began by Alertmanager's own account, which tells its repetitions apart.
    """
    row = latest(change.connection, about.key)
    if row is None or row.state == RESOLVED:
        if row is None or not _is_old_news(row, about, start):
            _begin(change, row, about, source, patience, start)
    elif row.state == PENDING:
        _wait(change, row, about, patience)
    else:
        _go_on(change, row, about, source, start)


def unsay(change: Change, row: Row[Any], source: Source, *, lingers: bool = False) -> None:
    """A source says that it is over; it is when no other source still says that it is so."""
    if row.state == PENDING:
        change.connection.execute(delete(TABLE).where(col(TABLE.id) == row.id))
        return
    others = [one for one in Source if one is not source and getattr(row, one.value)]
    if others:
        if getattr(row, source.value):
            _write(change, row.id, **{source.value: False})
        return
    _write(
        change, row.id, queried=False, notified=False, state=RESOLVED, resolved_at=change.now,
        lingers=lingers, revision=row.revision + 1,
    )  # fmt: skip
    _record(change, "gpu_alert_over", row.id)
    _tell(change, row.id)


def unwatched(connection: Connection, *, monitored: bool) -> list[Row[Any]]:
    """What our queries said, of nodes that are gone or, where nobody queries any more, of all."""
    gone = select(col(models.Node.name)).where(col(models.Node.retired))
    statement = queries.columns(TABLE).where(
        col(TABLE.state).in_((PENDING, OPEN)), col(TABLE.queried)
    )
    if monitored:
        statement = statement.where(col(TABLE.node).in_(gone))
    return list(connection.execute(statement).all())


def give_up(change: Change, row: Row[Any]) -> None:
    """Our queries will say nothing more about it, so nobody would see that it is over."""
    if row.state == OPEN and not row.notified:
        details = {**json.loads(row.details), UNWATCHED: True}
        _write(change, row.id, details=json.dumps(details, ensure_ascii=False))
    unsay(change, row, Source.QUERIES)


def forget_lingering(change: Change, shown: Mapping[str, float]) -> None:
    """What a GPU goes on showing is news again once it has shown something else in between.

    `shown` are the present values by key.
    """
    statement = queries.columns(TABLE).where(
        col(TABLE.state) == RESOLVED, col(TABLE.kind) == Kind.XID.value, col(TABLE.lingers)
    )
    for row in change.connection.execute(statement).all():
        if row.key in shown and shown[row.key] != row.value:
            _write(change, row.id, lingers=False)


def to_about(row: Row[Any]) -> About:
    """What a row says."""
    return About(
        key=row.key,
        kind=Kind(row.kind),
        severity=Severity(row.severity),
        node=row.node,
        gpus=tuple(json.loads(row.gpus)),
        value=row.value,
        booking=row.booking,
        user=row.user,
        details=json.loads(row.details),
    )


def _is_old_news(row: Row[Any], about: About, start: datetime | None) -> bool:
    """Whether what is over already is only told once more."""
    if start is not None and row.notified_start is not None and start <= row.notified_start:
        return True
    return bool(row.lingers) and row.value == about.value


def _begin(
    change: Change,
    before: Row[Any] | None,
    about: About,
    source: Source,
    patience: timedelta,
    start: datetime | None,
) -> None:
    values = {
        **_values(about),
        "state": PENDING if patience else OPEN,
        "seen_at": change.now,
        "resolved_at": None,
        "queried": source is Source.QUERIES,
        "notified": source is Source.ALERTMANAGER,
        "lingers": False,
        **_notified(change, source, start),
    }
    if before is not None and not patience and before.resolved_at > change.now - AGAIN:
        _write(change, before.id, **values, revision=before.revision + 1)
        _opened(change, before.id)
        return
    alert_id = change.insert(
        insert(TABLE).values(key=about.key, began_at=change.now, revision=1, **values)
    )
    if not patience:
        _opened(change, alert_id)


def _wait(change: Change, row: Row[Any], about: About, patience: timedelta) -> None:
    began = change.now if change.now - row.seen_at > DIP else row.began_at
    values = {**_values(about), "began_at": began, "seen_at": change.now}
    if change.now - began < patience:
        _write(change, row.id, **values)
        return
    _write(change, row.id, **values, state=OPEN)
    _opened(change, row.id)


def _go_on(
    change: Change, row: Row[Any], about: About, source: Source, start: datetime | None
) -> None:
    """It is still so; the message changes where it would say something else."""
    values: dict[str, Any] = {}
    if source is Source.ALERTMANAGER and row.queried:
        # Our queries know better whose work it is: they see where runs are.
        about = replace(about, booking=row.booking)
    if not getattr(row, source.value):
        values[source.value] = True
    if source is Source.ALERTMANAGER:
        values |= _notified(change, source, start)
    if about.kind is Kind.UNBOOKED:
        values["seen_at"] = change.now
    changed = _changed(row, about)
    if changed:
        values |= {**_values(about), "revision": row.revision + 1}
    if values:
        _write(change, row.id, **values)
    if changed:
        _tell(change, row.id)


def _changed(row: Row[Any], about: About) -> bool:
    """Whether it concerns somebody or something else now; values sway, and are no news."""
    if row.booking != about.booking or tuple(json.loads(row.gpus)) != about.gpus:
        return True
    if row.value is None and about.value is not None:
        return True
    return about.kind is Kind.XID and about.value not in (None, row.value)


def _values(about: About) -> dict[str, Any]:
    return {
        "kind": about.kind.value,
        "severity": about.severity.value,
        "node": about.node,
        "gpus": json.dumps(list(about.gpus)),
        "value": about.value,
        "booking": about.booking,
        "user": about.user,
        "details": json.dumps(dict(about.details), ensure_ascii=False),
    }


def _notified(change: Change, source: Source, start: datetime | None) -> dict[str, Any]:
    if source is not Source.ALERTMANAGER:
        return {}
    return {"notified_start": start, "notified_at": change.now}


def _write(change: Change, alert_id: int, **values: Any) -> None:
    change.connection.execute(update(TABLE).where(col(TABLE.id) == alert_id).values(**values))


def _opened(change: Change, alert_id: int) -> None:
    _record(change, "gpu_alert", alert_id)
    _tell(change, alert_id)


def _row(change: Change, alert_id: int) -> Row[Any]:
    return change.connection.execute(queries.columns(TABLE).where(col(TABLE.id) == alert_id)).one()


def _record(change: Change, action: str, alert_id: int) -> None:
    row = _row(change, alert_id)
    after = {"alert": row.id, "kind": row.kind, "gpus": json.loads(row.gpus), "value": row.value}
    if name := json.loads(row.details).get("name"):
        after["name"] = name
    record(change, GPUBOT, action, booking=row.booking, node=row.node, after=after)


def _tell(change: Change, alert_id: int) -> None:
    """Bring its message up to date for the operators, those concerned, and all who were told."""
    row, box = _row(change, alert_id), models.Outbox
    subject = f"{TOPIC}:{row.id}"
    told = select(col(box.recipient)).where(queries.told(subject, topic=TOPIC))
    recipients = set(change.connection.execute(told).scalars())
    recipients.update(one for one in (change.cluster.ops_channel, row.user) if one is not None)
    if row.booking is not None and row.state == OPEN:
        booking = queries.find_booking(change.connection, row.booking)
        recipients.update([] if booking is None else [booking.owner])
    for recipient in sorted(recipients):
        post(change, TOPIC, recipient, subject, f"{subject}:{row.revision}:{recipient}")


#: A mistake of a program is over after so long, whatever DCGM goes on showing.
LONG_AGO = timedelta(hours=1)


def is_past(row: Row[Any], now: datetime) -> bool:
    """Whether a trouble that its GPU goes on showing is over all the same."""
    kind = Kind(row.kind)
    return clears_by_itself(kind, row.value or 0.0) and row.began_at <= now - LONG_AGO

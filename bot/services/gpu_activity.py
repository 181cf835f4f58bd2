"""Whether booked GPUs work: a sign of use, figures for the reports, and what idles for long."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update
from sqlmodel import col

from bot.domain.booking import Booking, BookingState
from bot.domain.cluster import Policy
from bot.domain.gpu_health import Reading, Thresholds
from bot.services.change import Change
from bot.services.site import Site
from bot.store import models, queries

#: A reading stands for at most so many intervals: what was missed is not made up.
MOST_INTERVALS = 2
#: With a longer gap in the readings nobody knows whether the GPUs idled meanwhile.
LONGEST_GAP = timedelta(minutes=5)
#: A node that was not heard of for so long is not watched any more.
UNWATCHED_AFTER = timedelta(days=7)
#: The fact in models.Memory that says which nodes have metrics, and until when that was seen.
NODES = "gpu_nodes"
#: Another: when readings last came, ISO 8601.
READ_AT = "gpu_readings_at"

USE, WATCH = models.GpuUse, models.GpuWatch


@dataclass(frozen=True, slots=True)
class _Seen:
    """A booking at one look: how many of its GPUs had a reading, and how many worked."""

    booking: int
    watched: int
    busy: int
    #: All of them were seen, and idle.
    is_idle: bool


def note_use(
    change: Change,
    bookings: Sequence[Booking],
    readings: Mapping[int, Sequence[Reading]],
    thresholds: Thresholds,
    interval: timedelta,
) -> list[int]:
    """Write down how the GPUs of active bookings work; return those bookings that do.

    `readings` are by booking. Each stands for the time since the one before.
    """
    watches = {row.booking: row for row in change.connection.execute(queries.columns(WATCH))}
    looks = (_seen(one, readings.get(one.id, ()), thresholds) for one in bookings)
    seen = [one for one in looks if one.watched]
    _add(change, seen, watches, MOST_INTERVALS * interval)
    _watch(change, seen, watches)
    _forget(change, watches, {booking.id for booking in bookings})
    return [one.booking for one in seen if one.busy]


def _seen(booking: Booking, readings: Sequence[Reading], thresholds: Thresholds) -> _Seen:
    use = [one.utilisation for one in readings if one.utilisation is not None]
    return _Seen(
        booking=booking.id,
        watched=len(use),
        busy=sum(percent >= thresholds.active_above for percent in use),
        is_idle=len(use) >= booking.gpus and max(use, default=0.0) < thresholds.idle_below,
    )


def _add(
    change: Change, seen: Sequence[_Seen], watches: Mapping[int, Row[Any]], longest: timedelta
) -> None:
    """Add the time since the last look to the hour's figures, in few statements."""
    hour = change.now.replace(minute=0, second=0)
    statement = queries.columns(USE).where(col(USE.hour_at) == hour)
    known = {row.booking: row for row in change.connection.execute(statement)}
    first, more = [], []
    for one in seen:
        watch = watches.get(one.booking)
        if watch is None or watch.at >= change.now:
            continue
        seconds = int(min(change.now - watch.at, longest).total_seconds())
        added = {"watched_s": one.watched * seconds, "busy_s": one.busy * seconds}
        if (row := known.get(one.booking)) is None:
            first.append({"booking": one.booking, "hour_at": hour, **added})
        else:
            more.append({
                "which": one.booking,
                "watched_s": row.watched_s + added["watched_s"],
                "busy_s": row.busy_s + added["busy_s"],
            })  # fmt: skip
    if first:
        change.connection.execute(insert(USE), first)
    if more:
        here = (col(USE.booking) == bindparam("which"), col(USE.hour_at) == hour)
        change.connection.execute(update(USE).where(*here), more)


def _watch(change: Change, seen: Sequence[_Seen], watches: Mapping[int, Row[Any]]) -> None:
    first, more = [], []
    for one in seen:
        watch = watches.get(one.booking)
        known = watch is not None and change.now - watch.at <= LONGEST_GAP
        since = watch.idle_since if watch is not None and known else None
        values = {"at": change.now, "idle_since": (since or change.now) if one.is_idle else None}
        if watch is None:
            first.append({"booking": one.booking, **values})
        else:
            more.append({"which": one.booking, **values})
    if first:
        change.connection.execute(insert(WATCH), first)
    if more:
        here = col(WATCH.booking) == bindparam("which")
        change.connection.execute(update(WATCH).where(here), more)


def _forget(change: Change, watches: Mapping[int, Row[Any]], active: set[int]) -> None:
    over = [booking for booking in watches if booking not in active]
    for chunk in queries.in_chunks(over):
        change.connection.execute(delete(WATCH).where(col(WATCH.booking).in_(chunk)))


# -- what idles ---------------------------------------------------------------------------------


def only_idle(
    connection: Connection, rows: Sequence[Row[Any]], policy: Policy, now: datetime
) -> list[Row[Any]]:
    """Of bookings without a sign of use, those that may be asked about.

    Where GPUs are measured, that is when they were seen to idle all the time: since the start, or
    for `policy.idle_after` once they were used. Elsewhere silence is all there is to go by.
    """
    nodes = watched_nodes(connection, now)
    if not nodes or not rows:
        return list(rows)
    watches = {row.booking: row for row in connection.execute(queries.columns(WATCH))}

    def may_be_asked(row: Row[Any]) -> bool:
        length = policy.no_show_after if row.used_at is None else policy.idle_after
        if not _is_watched(row, nodes):
            return True
        return length is not None and _idled(watches.get(row.id), length, now)

    return [row for row in rows if may_be_asked(row)]


def still_idle(connection: Connection, rows: Sequence[Row[Any]], now: datetime) -> list[Row[Any]]:
    """Of bookings whose owners did not answer, those that may be released.

    Not while nobody can tell whether their GPUs work by now.
    """
    nodes = watched_nodes(connection, now)
    if not nodes or not rows:
        return list(rows)
    watches = {row.booking: row for row in connection.execute(queries.columns(WATCH))}
    return [
        row
        for row in rows
        if not _is_watched(row, nodes) or _idled(watches.get(row.id), timedelta(0), now)
    ]


def _is_watched(row: Row[Any], nodes: Mapping[str, datetime]) -> bool:
    return any(share.node in nodes for share in queries.to_shares(row.shares))


def _idled(watch: Row[Any] | None, length: timedelta, now: datetime) -> bool:
    if watch is None or watch.idle_since is None or watch.at < now - LONGEST_GAP:
        return False
    return bool(watch.idle_since <= now - length)


# -- what is watched ----------------------------------------------------------------------------


def watched_nodes(connection: Connection, now: datetime) -> dict[str, datetime]:
    """The nodes whose GPUs are measured, and when that was last written down."""
    found = json.loads(_recall(connection, NODES) or "{}")
    seen = {node: datetime.fromisoformat(at) for node, at in found.items()}
    return {node: at for node, at in seen.items() if at > now - UNWATCHED_AFTER}


def note_nodes(change: Change, nodes: frozenset[str]) -> None:
    """Remember which nodes are measured, and that readings came; dates are kept to the day."""
    known = watched_nodes(change.connection, change.now)
    old = change.now - timedelta(days=1)
    news = {node: change.now for node in nodes if known.get(node, old) <= old}
    if news:
        found = {node: at.isoformat() for node, at in sorted((known | news).items())}
        _remember(change.connection, NODES, json.dumps(found))
    _remember(change.connection, READ_AT, change.now.isoformat())


def forget_nodes(site: Site) -> None:
    """Nothing is measured any more."""
    memory = models.Memory
    with site.database.snapshot() as connection:
        if _recall(connection, NODES) is None:
            return
    with site.database.transaction() as connection:
        connection.execute(delete(memory).where(col(memory.name).in_((NODES, READ_AT))))
        connection.execute(delete(WATCH))


def read_at(connection: Connection) -> datetime | None:
    """When readings last came; None: never."""
    found = _recall(connection, READ_AT)
    return None if found is None else datetime.fromisoformat(found)


def active_bookings(connection: Connection) -> list[Booking]:
    """The bookings that have their GPUs now."""
    table = models.Booking
    statement = queries.columns(table).where(col(table.state) == BookingState.ACTIVE.value)
    return [queries.to_booking(row) for row in connection.execute(statement)]


def _recall(connection: Connection, name: str) -> str | None:
    memory = models.Memory
    statement = select(col(memory.value)).where(col(memory.name) == name)
    return connection.execute(statement).scalar_one_or_none()


def _remember(connection: Connection, name: str, value: str) -> None:
    memory = models.Memory
    changed = connection.execute(update(memory).where(col(memory.name) == name).values(value=value))
    if changed.rowcount == 0:
        connection.execute(insert(memory).values(name=name, value=value))

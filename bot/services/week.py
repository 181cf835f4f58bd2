"""A team's week in figures: what it booked, what it used, and who gave back what they did not need.

Figures are GPU-hours, counted for the part of a booking that lies in the week, and for the team
that a booking belongs to now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection
from sqlmodel import col

from bot.domain.booking import Booking, BookingState
from bot.domain.cluster import Cluster, Team
from bot.domain.window import Window
from bot.services.record import AuditRecord, to_record
from bot.services.site import Site
from bot.store import models, queries

ONE_WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
#: How many people are thanked by name, and from how many GPU-hours on.
THANKED, WORTH_THANKS = 3, 0.1

#: Who gives back before the end, and who is served from the waitlist.
GIVEN_BACK = ("released", "released_part", "released_early")
SERVED = ("offer_accepted", "queued_run")
COUNTED = (*GIVEN_BACK, *SERVED, "cancelled", "no_show")


@dataclass(frozen=True, slots=True)
class Thanks:
    """What somebody gave back in a week before its time."""

    user: str
    gpu_hours: float


@dataclass(frozen=True, slots=True)
class Week:
    """A team's figures for the seven days before a Monday."""

    team: Team
    #: From Monday 00:00 to Monday 00:00 on the cluster's wall clock.
    window: Window
    #: GPU-hours promised: each booking's window and GPUs as they stood when it began.
    booked: float
    #: GPU-hours held: from its start to its end or release, with fewer GPUs after a part was
    #: released. Nothing for a booking that was released because nobody used it. It may exceed
    #: `booked` where bookings were extended or ran over.
    used: float
    #: Bookings taken back before they started.
    cancelled: int
    #: Bookings released because nobody used them.
    no_shows: int
    #: Wishes from the waitlist that became bookings, queue runs included.
    served: int
    #: Who released their own GPUs before the end of the booking: GPUs times what was left of it;
    #: the most first, three people at most.
    thanks: tuple[Thanks, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened."""
        return not (self.booked or self.used or self.cancelled or self.no_shows or self.served)


def week_of(site: Site, team: Team, day: date) -> Week:
    """The week before the Monday `day`."""
    with site.database.snapshot() as connection:
        records = week_records(connection, site.cluster, day)
        return gather_week(connection, site.cluster, team, day, records)


def week_records(connection: Connection, cluster: Cluster, day: date) -> list[AuditRecord]:
    """What was done to anybody's bookings in the week before `day`, as far as it is counted."""
    return records_between(connection, _week(cluster, day), COUNTED)


def gather_week(
    connection: Connection, cluster: Cluster, team: Team, day: date, records: Sequence[AuditRecord]
) -> Week:
    """Like `week_of`, from the `week_records` of all teams."""
    week = _week(cluster, day)
    bookings = _held_during(connection, team, week)
    histories = _histories(connection, [booking.id for booking in bookings])
    booked = used = 0.0
    for booking in bookings:
        booked += booked_hours(histories[booking.id], week)
        used += used_hours(booking, histories[booking.id], week)
    mine = [record for record in records if team.name in teams_of(record)]
    return Week(
        team=team,
        window=week,
        booked=booked,
        used=used,
        cancelled=_count(mine, "cancelled"),
        no_shows=_count(mine, "no_show"),
        served=_count(mine, *SERVED),
        thanks=thanks_for(mine),
    )


def booked_hours(history: Sequence[AuditRecord], week: Window) -> float:
    """GPU-hours that a booking promised when it began, as far as they lie in the week.

    A booking that was released in the very seconds of its start, before it was seen to begin,
    counts as it stood just before that; one that never began, such as one that gave way before
    its start, counts nothing.
    """
    state = _at_start(history)
    if state is None:
        return 0.0
    window = Window(_moment(state["start"]), _moment(state["end"]))
    return _hours(window, int(state["gpus"]), week)


def used_hours(booking: Booking, history: Sequence[AuditRecord], week: Window) -> float:
    """GPU-hours that a booking held, as far as they lie in the week."""
    state = _at_start(history)
    if state is None or booking.state is BookingState.NO_SHOW:
        return 0.0
    parts = [record for record in history if record.action == "released_part" and record.after]
    held = [int(state["gpus"]), *(int((part.after or {})["gpus"]) for part in parts)]
    changes = [booking.window.start, *(part.at for part in parts), booking.window.end]
    spans = ((a, b, gpus) for (a, b), gpus in zip(pairwise(changes), held, strict=True))
    return sum(_hours(Window(a, b), gpus, week) for a, b, gpus in spans if a < b)


def thanks_for(records: Iterable[AuditRecord]) -> tuple[Thanks, ...]:
    """Who gave back the most GPU-hours before their time; ties by user, so that it repeats.

    Only what owners gave themselves: what an admin took away was no gift.
    """
    given: dict[str, float] = {}
    for record in records:
        if record.action in GIVEN_BACK and record.actor == (record.before or {})["owner"]:
            given[record.actor] = given.get(record.actor, 0.0) + _given_back(record)
    most = sorted(given.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Thanks(user, hours) for user, hours in most[:THANKED] if hours >= WORTH_THANKS)


def instant(cluster: Cluster, day: date, at: time = time()) -> datetime:
    """A moment of the cluster's wall clock, aware UTC; its midnight when no time is given."""
    return datetime.combine(day, at, cluster.zone).astimezone(UTC)


def records_between(
    connection: Connection, window: Window, actions: Collection[str]
) -> list[AuditRecord]:
    """Audit records of those actions that were written during `window`, oldest first."""
    audit = models.Audit
    statement = (
        queries.columns(audit)
        .where(
            col(audit.at) >= window.start,
            col(audit.at) < window.end,
            col(audit.action).in_(actions),
            col(audit.booking).is_not(None),
        )
        .order_by(col(audit.seq))
    )
    return [to_record(row) for row in connection.execute(statement)]


def teams_of(record: AuditRecord) -> set[str]:
    """Whose booking it was before and after the change."""
    return {str(state["team"]) for state in (record.before, record.after) if state}


def _week(cluster: Cluster, day: date) -> Window:
    return Window(instant(cluster, day - ONE_WEEK), instant(cluster, day))


def _held_during(connection: Connection, team: Team, week: Window) -> list[Booking]:
    """Bookings of the team that may have held GPUs in the week."""
    booking = models.Booking
    never = (BookingState.RESERVED.value, BookingState.CANCELLED.value)
    statement = (
        queries.columns(booking)
        .where(
            col(booking.team) == team.name,
            col(booking.end_at) > week.start,
            col(booking.start_at) < week.end,
            col(booking.state).not_in(never),
        )
        .order_by(col(booking.id))
    )
    return [queries.to_booking(row) for row in connection.execute(statement)]


def _histories(connection: Connection, ids: Collection[int]) -> dict[int, list[AuditRecord]]:
    """What tells how each booking began, shrank and ended."""
    audit = models.Audit
    actions = ("started", "released", "released_part", "ended")
    statement = (
        queries.columns(audit)
        .where(col(audit.booking).in_(ids), col(audit.action).in_(actions))
        .order_by(col(audit.seq))
    )
    found: dict[int, list[AuditRecord]] = {booking_id: [] for booking_id in ids}
    for row in connection.execute(statement):
        found[row.booking].append(to_record(row))
    return found


def _at_start(history: Sequence[AuditRecord]) -> dict[str, Any] | None:
    """The booking as it stood when it began; None when it never did."""
    for record in history:
        state = record.after if record.action == "started" else record.before
        if state is not None:
            return state
    return None


def _given_back(record: AuditRecord) -> float:
    """GPU-hours between a release and the end that the booking had had."""
    before, after = record.before or {}, record.after or {}
    kept = int(after["gpus"]) if record.action == "released_part" else 0
    left = _moment(before["end"]) - record.at
    return max(left / HOUR, 0.0) * (int(before["gpus"]) - kept)


def _hours(window: Window, gpus: int, week: Window) -> float:
    start, end = max(window.start, week.start), min(window.end, week.end)
    return max((end - start) / HOUR, 0.0) * gpus


def _count(records: Iterable[AuditRecord], *actions: str) -> int:
    return sum(record.action in actions for record in records)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)

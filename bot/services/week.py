"""A team's week in figures: what it booked, what it used, and who gave back what they did not need.

Figures are GPU-hours, counted for the part of a booking that lies in the week, and for the team
that a booking belongs to now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection
from sqlmodel import col

from bot.domain.actor import GPUBOT
from bot.domain.cluster import Cluster, Team
from bot.domain.window import Window, on_wall_clock
from bot.services.courses import courses
from bot.services.measured import MeasuredUse, measured_of_team
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
    #: Bookings that people took back before they started; not what gpubot called off.
    cancelled: int
    #: Bookings released because nobody used them.
    no_shows: int
    #: Wishes from the waitlist that became bookings, queue runs included.
    served: int
    #: Who released their own GPUs before the end of the booking: GPUs times what was left of it;
    #: the most first, three people at most.
    thanks: tuple[Thanks, ...]
    #: How the GPUs of its bookings worked; None: that was not measured.
    measured: MeasuredUse | None = None

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
    found = courses(connection, week, col(models.Booking.team) == team.name)
    mine = [record for record in records if team.name in teams_of(record)]
    return Week(
        team=team,
        window=week,
        booked=sum(course.booked(week) for course in found),
        used=sum(course.used(week) for course in found),
        cancelled=sum(one.action == "cancelled" and one.actor != GPUBOT.name for one in mine),
        no_shows=_count(mine, "no_show"),
        served=_count(mine, *SERVED),
        thanks=thanks_for(mine),
        measured=measured_of_team(connection, team.name, week),
    )


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
    zone = cluster.zone
    return Window(on_wall_clock(day - ONE_WEEK, zone), on_wall_clock(day, zone))


def _given_back(record: AuditRecord) -> float:
    """GPU-hours between a release and the end that the booking had had."""
    before, after = record.before or {}, record.after or {}
    kept = int(after["gpus"]) if record.action == "released_part" else 0
    left = _moment(before["end"]) - record.at
    return max(left / HOUR, 0.0) * (int(before["gpus"]) - kept)


def _count(records: Iterable[AuditRecord], *actions: str) -> int:
    return sum(record.action in actions for record in records)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)

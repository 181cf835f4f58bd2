"""The morning digest of each team: what it has booked today, and what changed since yesterday.

Rows are written once a day, whenever that day's hour has passed, and only where there is
something to say; what they say is gathered when their turn comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Connection, delete, insert, select
from sqlmodel import col

from bot.domain.booking import Booking
from bot.domain.cluster import Cluster, Team
from bot.domain.window import Window, on_wall_clock
from bot.services.changing import changing
from bot.services.record import AuditRecord, post
from bot.services.site import Site
from bot.services.week import gather_week, records_between, teams_of, week_records
from bot.store import models, queries

#: The fact in models.Memory that says for which day digests were last written, ISO 8601.
LAST_DAY = "digest_day"
ONE_DAY = timedelta(days=1)
MONDAY = 0

#: What is worth reading again the next morning. What was planned and came true is not, nor what
#: is still open: a warning is told by its outcome.
CHANGES = (
    "cancelled", "released", "released_part", "released_early", "extended", "moved", "transferred",
    "displaced", "stranded", "took", "moved_for_urgent", "lost_to_urgent", "reclaimed", "restored",
    "overrun_ended", "no_show",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Day:
    """A team's day, as its digest tells it."""

    team: Team
    day: date
    #: That hold GPUs between the digest and midnight, by start.
    bookings: tuple[Booking, ...]
    #: Since the digest of the day before, the oldest first.
    changes: tuple[AuditRecord, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return not self.bookings and not self.changes


def write_digests(site: Site, *, now: datetime) -> int:
    """Write the digests of the day, if its hour has passed and they are not written; how many.

    On Mondays also each team's look back at its week. A day on which gpubot was down until
    midnight gets none.
    """
    at = site.cluster.policy.digest
    local = now.astimezone(site.cluster.zone)
    if at is None or local.time() < at:
        return 0
    day = local.date()
    with site.database.snapshot() as connection:
        if _is_written(connection, day):
            return 0
        # Gathered before the write lock is taken: nobody else has to wait for it.
        found = _worth_telling(connection, site.cluster, day)
    with changing(site, now) as change:
        # Another process may have been first.
        if _is_written(change.connection, day):
            return 0
        for topic, team in found:
            subject = f"{topic}:{team.name}"
            post(change, topic, team.channel, subject, f"{subject}:{day}", day=day.isoformat())
        _remember(change.connection, day)
    return len(found)


def day_of(site: Site, team: Team, day: date) -> Day:
    """What a team's digest tells on `day`, a day of the cluster's own calendar."""
    with site.database.snapshot() as connection:
        return _gather(connection, site.cluster, team, day, _changes(connection, site.cluster, day))


def _worth_telling(connection: Connection, cluster: Cluster, day: date) -> list[tuple[str, Team]]:
    """The digests of the day that have something to say, by topic and team."""
    changes = _changes(connection, cluster, day)
    days = (_gather(connection, cluster, team, day, changes) for team in cluster.teams)
    found = [("digest", of.team) for of in days if not of.is_empty]
    if day.weekday() == MONDAY:
        records = week_records(connection, cluster, day)
        weeks = (gather_week(connection, cluster, team, day, records) for team in cluster.teams)
        found += [("weekly", of.team) for of in weeks if not of.is_empty]
    return found


def _gather(
    connection: Connection, cluster: Cluster, team: Team, day: date, changes: list[AuditRecord]
) -> Day:
    rest = Window(_hour(cluster, day), on_wall_clock(day + ONE_DAY, cluster.zone))
    mine = tuple(record for record in changes if team.name in teams_of(record))
    return Day(team, day, _live_during(connection, team, rest), mine)


def _changes(connection: Connection, cluster: Cluster, day: date) -> list[AuditRecord]:
    """What happened to anybody's bookings from the digest of the day before to this one's."""
    since = Window(_hour(cluster, day - ONE_DAY), _hour(cluster, day))
    return records_between(connection, since, CHANGES)


def _hour(cluster: Cluster, day: date) -> datetime:
    """When the day's digest is due."""
    return on_wall_clock(day, cluster.zone, cluster.policy.digest or time())


def _live_during(connection: Connection, team: Team, window: Window) -> tuple[Booking, ...]:
    booking = models.Booking
    statement = (
        queries.columns(booking)
        .where(
            col(booking.team) == team.name,
            col(booking.end_at) > window.start,
            col(booking.start_at) < window.end,
            col(booking.state).in_(queries.LIVE),
        )
        .order_by(col(booking.start_at), col(booking.id))
    )
    return tuple(queries.to_booking(row) for row in connection.execute(statement))


def _is_written(connection: Connection, day: date) -> bool:
    memory = models.Memory
    statement = select(col(memory.value)).where(col(memory.name) == LAST_DAY)
    last = connection.execute(statement).scalar_one_or_none()
    return last is not None and date.fromisoformat(last) == day


def _remember(connection: Connection, day: date) -> None:
    memory = models.Memory
    connection.execute(delete(memory).where(col(memory.name) == LAST_DAY))
    connection.execute(insert(memory).values(name=LAST_DAY, value=day.isoformat()))

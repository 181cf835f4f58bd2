"""Nobody waits for what is free, and nobody is served before their turn."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from simulation.books import Row
from sqlalchemy import Connection
from sqlmodel import col

from bot.domain.booking import Placement, Priority
from bot.domain.calendar import Calendar, Claim
from bot.domain.waitlist import WaitlistEntry, find_room
from bot.services.change import claims_of
from bot.services.site import Site
from bot.store import models, queries, wait_queries
from bot.store.calendars import CalendarCache

#: Somebody who has to be there gets at least so long to answer; runs with a command need none.
ANSWER = timedelta(minutes=5)


class Fairness:
    """Looks at the waitlist after each transaction that changed who has what."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._calendars = CalendarCache(site.cluster)

    def look(self, records: Sequence[Row], now: datetime) -> None:
        """After a transaction that gave something up; gaps for short runs come by time as well."""
        with self._site.database.snapshot() as connection:
            waiting = _waiting(connection)
            if not waiting:
                return
            calendar = self._calendars.fresh(connection, now).calendar
            served = [
                (entry, claims)
                for entry, kind, holder in _served(connection, records)
                if (claims := claims_of(connection, kind, holder))
            ]
        for entry in waiting:
            if not entry.is_past(now) and not entry.is_queued:
                self._check_nothing_fits(calendar, entry, now)
        for entry in waiting if served else ():
            self._check_turn(calendar, entry, served, now)

    def look_at_gaps(self, now: datetime) -> None:
        """After time-driven work: no short run waits for a gap that is there."""
        with self._site.database.snapshot() as connection:
            queued = [entry for entry in _waiting(connection) if entry.is_queued]
            if queued:
                calendar = self._calendars.fresh(connection, now).calendar
        for entry in queued:
            if not entry.is_past(now):
                self._check_nothing_fits(calendar, entry, now)

    def _check_nothing_fits(self, calendar: Calendar, entry: WaitlistEntry, now: datetime) -> None:
        found = _room(calendar, entry, now)
        if found is None:
            return
        # What fits only from this very minute on became possible by time alone.
        by_time_alone = not self._site.cluster.grid.is_on(found.window.start)
        excused = by_time_alone and not entry.is_queued
        assert excused, f"W{entry.id} waits for what is free: {found}"

    def _check_turn(
        self,
        calendar: Calendar,
        entry: WaitlistEntry,
        served: Iterable[tuple[WaitlistEntry, list[Claim]]],
        now: datetime,
    ) -> None:
        """What those behind it got would not have done for `entry`."""
        without, behind = calendar.fork(), []
        for other, claims in served:
            if _turn(entry) < _turn(other):
                behind.append(other.id)
                for claim in claims:
                    without.remove(claim)
        if behind and not entry.is_past(now):
            found = _room(without, entry, now)
            assert found is None, f"W{entry.id} came before {behind} and could have had {found}"


def _turn(entry: WaitlistEntry) -> tuple[Priority, datetime, int]:
    """Who is served first: by priority, then by age."""
    return entry.priority, entry.created_at, entry.id


def _waiting(connection: Connection) -> list[WaitlistEntry]:
    return [wait_queries.to_entry(row) for row in wait_queries.waiting(connection)]


def _served(
    connection: Connection, records: Iterable[Row]
) -> Iterator[tuple[WaitlistEntry, str, int]]:
    """The wishes that these records serve, and what holds their GPUs."""
    for row in records:
        if row["action"] == "offered":
            entry = wait_queries.find_entry(connection, json.loads(row["after"])["entry"])
            offer = wait_queries.open_offer(connection, entry.id)
            if offer is not None:
                yield entry, "offer", offer.id
        elif row["action"] == "queued_run":
            table = models.WaitlistEntry
            statement = queries.columns(table).where(col(table.booking) == row["booking"])
            for found in connection.execute(statement):
                yield wait_queries.to_entry(found), "booking", row["booking"]


def _room(calendar: Calendar, entry: WaitlistEntry, now: datetime) -> Placement | None:
    if entry.is_queued and not entry.purpose:
        entry = replace(entry, length=entry.length + ANSWER)
    return find_room(calendar, entry, now=now)

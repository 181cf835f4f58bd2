"""What PostgreSQL has acknowledged outlives a crash, though no writer waits for a disk in line."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import timedelta

import builders
import pytest
from postgres import postgres_server

from bot.domain.actor import Actor
from bot.services.nodes import sync_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store import queries
from bot.store.database import Busy, Database
from bot.store.migrate import upgrade

pytestmark = pytest.mark.postgresql

WRITERS, ENOUGH = 4, 60


class Guests:
    """Writers who book, and note what they were promised, until the server is gone."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.promised: list[int] = []
        self.enough = threading.Event()

    def book(self, number: int) -> None:
        """Book again and again; each time twice, as when a message comes twice."""
        for turn in range(1000):
            start = builders.TONIGHT + timedelta(hours=8 * (turn % 200))
            request = builders.request(1, start)
            try:
                for _ in range(2):
                    booking = reserve(
                        self._site, Actor(builders.BOB), request, now=builders.NOW,
                        key=f"{number}:{turn}",
                    )  # fmt: skip
                    self.promised.append(booking.id)
            except Busy:
                return
            if len(self.promised) >= ENOUGH:
                self.enough.set()


def test_no_acknowledged_booking_is_lost_when_the_server_crashes() -> None:
    with postgres_server(durable=True) as server:
        url = server.url("postgres")
        upgrade(url)
        with closing(Database(url)) as database:
            site = Site.open(database, builders.cluster())
            sync_nodes(site, now=builders.NOW)
            guests = Guests(site)
            writers = [
                threading.Thread(target=guests.book, args=(number,)) for number in range(WRITERS)
            ]
            for writer in writers:
                writer.start()
            assert guests.enough.wait(60)
            server.crash()
            promised = set(guests.promised)
            for writer in writers:
                writer.join()
        server.start()
        with closing(Database(url)) as database, database.snapshot() as connection:
            kept = queries.bookings_by_id(connection, promised)
        assert promised <= kept.keys()

"""What PostgreSQL has acknowledged outlives a crash, though no writer waits for a disk in line."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import timedelta

import builders
import psycopg
import pytest
from patience import PATIENCE_S, soon_given_up
from postgres import postgres_server

from bot.domain.actor import Actor
from bot.services import audit
from bot.services.audit_watch import AuditWatch
from bot.services.nodes import sync_nodes
from bot.services.record import record_hash
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store import queries
from bot.store.database import Database
from bot.store.errors import Busy
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
    with soon_given_up(after_ms=5000), postgres_server(durable=True) as server:
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
            assert guests.enough.wait(PATIENCE_S)
            server.crash()
            promised = set(guests.promised)
            for writer in writers:
                writer.join()
        server.start()
        with closing(Database(url)) as database, database.snapshot() as connection:
            kept = queries.bookings_by_id(connection, promised)
        assert promised <= kept.keys()


def test_a_change_that_a_crash_undoes_is_not_taken_for_tampering() -> None:
    with postgres_server(durable=True) as server:
        # So that nothing else writes the log to disk meanwhile.
        server.execute("ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()")
        url = server.url("postgres")
        upgrade(url)
        with closing(Database(url)) as database:
            site = Site.open(database, builders.cluster())
            sync_nodes(site, now=builders.NOW)
            watch = AuditWatch(site)
            reserve(site, Actor(builders.BOB), builders.request(1), now=builders.NOW)
            watch.look(now=builders.NOW)
            with psycopg.connect(url, autocommit=True) as writer:
                append_without_waiting(writer)
                watch.look(now=builders.NOW)
                server.crash()
            server.start()
            reserve(site, Actor(builders.BOB), builders.request(2), now=builders.NOW)
            watch.look(now=builders.NOW)
            assert watch.is_whole
            assert audit.verify(site).ok


def append_without_waiting(writer: psycopg.Connection) -> None:
    """Append a record that is not on disk yet when it can be seen, as each is for a moment."""
    (before,) = writer.execute("SELECT hash FROM audit ORDER BY seq DESC").fetchone() or ("",)
    values = {
        "seq": 2, "at": builders.NOW, "actor": "gpubot", "action": "x", "booking": None,
        "node": None, "reason": "", "before": None, "after": None, "previous_hash": before,
    }  # fmt: skip
    values["hash"] = record_hash(values)
    places = ", ".join(f"%({name})s" for name in values)
    writer.execute("SET synchronous_commit = off")
    writer.execute(f"INSERT INTO audit ({', '.join(values)}) VALUES ({places})", values)

"""A PostgreSQL that restarts, goes away, or loses a connection at the worst moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import builders
import pytest
from patience import PATIENCE_S, soon_given_up
from postgres import PostgresServer, postgres_server
from slack_sdk import WebClient
from sqlalchemy import event, text

from bot.clock import SystemClock
from bot.services.site import Site
from bot.slack.profiles import Profiles
from bot.store.database import Database
from bot.store.errors import Uncertain, Unreachable
from bot.store.migrate import upgrade

pytestmark = pytest.mark.postgresql

COUNT, WRITE = text("SELECT count(*) FROM memory"), text("INSERT INTO memory VALUES (:name, '')")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server(durable=True) as running:
        upgrade(running.url("postgres"))
        yield running


@pytest.fixture
def database(server: PostgresServer) -> Iterator[Database]:
    with closing(Database(server.url("postgres"))) as opened:
        yield opened


@contextmanager
def away(server: PostgresServer) -> Iterator[None]:
    """It is stopped, and nobody waits long for it."""
    server.stop()
    try:
        with soon_given_up():
            yield
    finally:
        server.start()


def count(database: Database) -> int:
    with database.snapshot() as connection:
        return int(connection.execute(COUNT).scalar_one())


def write(database: Database, name: str) -> None:
    with database.transaction() as connection:
        connection.execute(WRITE, {"name": name})


def end_sessions(server: PostgresServer) -> None:
    server.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


def test_connections_from_before_a_restart_are_replaced_unseen(
    server: PostgresServer, database: Database
) -> None:
    before = count(database)
    write(database, "before")
    server.stop()
    server.start()
    write(database, "after")
    assert count(database) == before + 2


def test_after_a_restart_one_lost_connection_tells_of_all_others(
    server: PostgresServer, database: Database
) -> None:
    lost: list[object] = []
    event.listen(database.engine, "invalidate", lambda *about: lost.append(about))
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(database.snapshot())
    server.stop()
    server.start()
    count(database)
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(database.snapshot())
    assert len(lost) == 1


def test_a_short_restart_is_waited_for(server: PostgresServer, database: Database) -> None:
    before = count(database)
    server.stop()
    starting = threading.Thread(target=server.start)
    starting.start()
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            write(database, "during")
        except Unreachable:
            # A slow machine takes longer for it than anybody waits for an answer.
            assert time.monotonic() < deadline
        else:
            break
    starting.join()
    assert count(database) == before + 1


def test_while_it_is_away_people_are_told_so(server: PostgresServer, database: Database) -> None:
    with away(server):
        with pytest.raises(Unreachable):
            write(database, "away")
        with pytest.raises(Unreachable):
            count(database)
    count(database)


def test_a_look_says_nothing_while_it_is_away_and_works_again_afterwards(
    server: PostgresServer, database: Database
) -> None:
    look = "SELECT count(*) FROM memory"
    before = database.peek(look)
    assert before == (count(database),)
    with away(server):
        assert database.peek(look) is None
        assert database.peek(look) is None
    assert database.peek(look) == before


def test_once_it_was_waited_for_in_vain_the_next_is_told_at_once(
    server: PostgresServer, database: Database
) -> None:
    tries: list[object] = []
    event.listen(database.engine, "do_connect", lambda *_rest: tries.append(1))
    with away(server):
        with pytest.raises(Unreachable):
            count(database)
        waited = len(tries)
        with pytest.raises(Unreachable):
            write(database, "away")
        assert waited > 1
        assert len(tries) == waited + 1
    count(database)


def test_who_asks_while_it_is_away_is_answered_though_nobody_knows_them(
    server: PostgresServer, database: Database
) -> None:
    site = Site.open(database, builders.cluster())
    profiles = Profiles(site, WebClient(base_url="http://127.0.0.1:9/api/"), SystemClock())
    with away(server):
        assert not profiles.reader(builders.ALICE).known


def test_a_connection_lost_in_a_transaction_has_changed_nothing(
    server: PostgresServer, database: Database
) -> None:
    before = count(database)

    def lose() -> None:
        with database.transaction() as connection:
            connection.execute(WRITE, {"name": "lost"})
            end_sessions(server)
            connection.execute(COUNT)

    with pytest.raises(Unreachable) as lost:
        lose()
    assert not isinstance(lost.value, Uncertain)
    assert count(database) == before


def test_a_connection_lost_in_a_commit_leaves_open_whether_it_was_done(
    server: PostgresServer, database: Database
) -> None:
    def lose() -> None:
        with database.transaction() as connection:
            connection.execute(WRITE, {"name": "uncertain"})
            end_sessions(server)

    with pytest.raises(Uncertain):
        lose()
    write(database, "go on")


def test_a_lock_of_a_session_that_is_gone_holds_up_nobody(
    server: PostgresServer, database: Database
) -> None:
    other = Database(server.url("postgres"))

    def lose() -> None:
        with closing(other), other.transaction():
            end_sessions(server)
            write(database, "next")

    with pytest.raises(Uncertain):
        lose()

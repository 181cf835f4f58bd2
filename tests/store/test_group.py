"""Writers who wait go on in the transaction of the one who writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta

import builders
import pytest
from patience import PATIENCE_S
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from bot.domain.actor import Actor
from bot.domain.conflict import Conflict
from bot.services import audit
from bot.services.extend import ExtendConflict, extend
from bot.services.nodes import sync_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store import group, models
from bot.store.ahead import Ahead, Question
from bot.store.database import Database
from bot.store.errors import Busy, Uncertain
from bot.store.prepared import Inserting, Prepared
from bot.store.saved import one_request
from bot.store.told import RestsOn

NAMES = text("SELECT name FROM memory ORDER BY name")
WRITE = text("INSERT INTO memory (name, value) VALUES (:name, '')")


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    # Tests arrange who waits, which takes a while.
    monkeypatch.setattr(group, "OLDEST_S", PATIENCE_S)
    with closing(Database(database_url)) as opened:
        opened._writers = type(opened._writers)(1)
        yield opened


class Commits:
    """What was committed so far."""

    def __init__(self, database: Database) -> None:
        self.number = 0
        event.listen(database.engine, "commit", self._count)

    def _count(self, _connection: Connection) -> None:
        self.number += 1


class Crowd:
    """Writers who stand in line behind one who holds it up."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pool = ThreadPoolExecutor(16)

    def come_alone(self, write: Callable[[], object]) -> Future[object]:
        """One comes who finds nobody there, and lets others come; ends when they have."""
        future = self._pool.submit(write)
        future.exception(PATIENCE_S)
        return future

    def come(self, write: Callable[[], object]) -> Future[object]:
        """One more comes, and waits."""
        line = self._database._writers
        before = len(line._waiting)
        future = self._pool.submit(write)
        deadline = time.monotonic() + PATIENCE_S
        while len(line._waiting) == before:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        return future


@contextmanager
def crowd(database: Database) -> Iterator[Crowd]:
    found = Crowd(database)
    with found._pool:
        yield found


def names(database: Database) -> list[str]:
    with database.snapshot() as connection:
        return list(connection.execute(NAMES).scalars())


def write(database: Database, name: str) -> None:
    with database.transaction() as connection:
        connection.execute(WRITE, {"name": name})


class Refused(Exception):
    """A member changes its mind."""


def write_and_fail(database: Database, name: str) -> None:
    with database.transaction() as connection:
        connection.execute(WRITE, {"name": name})
        raise Refused


def test_who_waits_is_committed_together(database: Database) -> None:
    commits = Commits(database)
    with crowd(database) as others:
        with database.transaction() as connection:
            connection.execute(WRITE, {"name": "a"})
            waiting = [others.come(lambda name=name: write(database, name)) for name in "bcd"]
        for future in waiting:
            future.result(PATIENCE_S)
    assert (names(database), commits.number) == (["a", "b", "c", "d"], 1)


def test_a_group_is_not_longer_than_others_can_wait(database: Database) -> None:
    commits = Commits(database)
    with crowd(database) as others:
        with database.transaction():
            waiting = [others.come(lambda n=n: write(database, f"{n}")) for n in range(group.MOST)]
        for future in waiting:
            future.result(PATIENCE_S)
    assert (len(names(database)), commits.number) == (group.MOST, 2)


def test_one_that_fails_undoes_only_its_own(database: Database) -> None:
    with crowd(database) as others:
        with database.transaction() as connection:
            connection.execute(WRITE, {"name": "a"})
            failing = others.come(lambda: write_and_fail(database, "b"))
            last = others.come(lambda: write(database, "c"))
            failing_too = others.come(lambda: write_and_fail(database, "d"))
        assert isinstance(failing.exception(PATIENCE_S), Refused)
        assert isinstance(failing_too.exception(PATIENCE_S), Refused)
        last.result(PATIENCE_S)
    assert names(database) == ["a", "c"]


KEEP = Inserting(models.Memory)
COUNT = Prepared(text("SELECT count(*) FROM memory"))


def keep(database: Database, name: str, then: Callable[[Connection], object] = id) -> None:
    """Write as bookings are written: later, when something else is looked at."""
    with database.transaction() as connection:
        KEEP.later(connection, {"name": name, "value": ""})
        then(connection)
        KEEP.later(connection, {"name": f"{name}2", "value": ""})


def refuse(_connection: Connection) -> None:
    raise Refused


def look_and_refuse(connection: Connection) -> None:
    COUNT.rows(connection)
    raise Refused


def fail(connection: Connection) -> None:
    connection.execute(text("SELECT nothing FROM nowhere"))


@pytest.mark.parametrize("why", [refuse, look_and_refuse, fail])
def test_one_that_fails_takes_with_it_what_it_wanted_to_write_later(
    database: Database, why: Callable[[Connection], object]
) -> None:
    with crowd(database) as others:
        with database.transaction() as connection:
            KEEP.later(connection, {"name": "a", "value": ""})
            failing = others.come(lambda: keep(database, "b", why))
            between = others.come(lambda: keep(database, "c", COUNT.rows))
            failing_too = others.come(lambda: keep(database, "d", why))
            last = others.come(lambda: keep(database, "e"))
        for future in (failing, failing_too):
            assert isinstance(future.exception(PATIENCE_S), Refused | DBAPIError)
        between.result(PATIENCE_S)
        last.result(PATIENCE_S)
    assert names(database) == ["a", "c", "c2", "e", "e2"]


def test_what_the_database_refuses_to_write_later_is_told_to_all_whom_it_concerns(
    database: Database,
) -> None:
    with crowd(database) as others:
        waiting: list[tuple[str, Future[object]]] = []

        def come_first(_connection: Connection) -> None:
            waiting.extend(
                (name, others.come(lambda name=name: keep(database, name))) for name in "bbc"
            )

        first = others.come_alone(lambda: keep(database, "a", come_first))
        done = {name for name, future in waiting if future.exception(PATIENCE_S) is None}
    done |= {"a"} if first.exception() is None else set()
    assert {name[0] for name in names(database)} == done
    # One statement has written it for all of them, or each has written its own.
    assert done == ({"a", "b", "c"} if database.backend == "sqlite" else set())
    assert isinstance(waiting[-1][1].exception(), Busy | type(None))


def test_when_the_first_fails_the_others_begin_anew(database: Database) -> None:
    with crowd(database) as others:
        waiting: list[Future[object]] = []

        def come_then_fail() -> None:
            with database.transaction() as connection:
                connection.execute(WRITE, {"name": "a"})
                waiting.append(others.come(lambda: write(database, "b")))
                raise Refused

        with pytest.raises(Refused):
            come_then_fail()
        (next_one,) = waiting
        next_one.result(PATIENCE_S)
    assert names(database) == ["b"]


def test_nobody_is_told_before_all_is_committed(database: Database) -> None:
    def look() -> None:
        with database.transaction() as connection:
            connection.execute(WRITE, {"name": "c"})
            # The second has written: it is the third's turn.
            seen.append((second.done(), names(database)))

    seen: list[tuple[bool, list[str]]] = []
    with crowd(database) as others:
        with database.transaction() as connection:
            second = others.come(lambda: write(database, "b"))
            third = others.come(look)
            connection.execute(WRITE, {"name": "a"})
        second.result(PATIENCE_S)
        third.result(PATIENCE_S)
    assert seen == [(False, [])]
    assert names(database) == ["a", "b", "c"]


def test_nothing_is_kept_of_anybody_when_the_connection_breaks(database: Database) -> None:
    def break_it() -> None:
        with database.transaction() as connection:
            connection.execute(WRITE, {"name": "b"})
            if database.backend == "postgresql":
                # Its own session: the server ends it.
                connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            # The file takes no more: what follows does not fit on the pages it has.
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
            connection.execute(WRITE, {"name": "x" * 10_000_000})

    with crowd(database) as others:
        waiting: list[Future[object]] = []

        def come_first() -> None:
            with database.transaction() as connection:
                connection.execute(WRITE, {"name": "a"})
                waiting.append(others.come(break_it))
                waiting.append(others.come(lambda: write(database, "c")))

        with pytest.raises(Busy):
            come_first()
        breaking, third = waiting
        assert isinstance(breaking.exception(PATIENCE_S), Busy)
        # It may have come when all was over, and then began anew.
        third.exception(PATIENCE_S)
    assert "a" not in names(database)
    assert "b" not in names(database)


def test_who_is_told_that_it_was_done_has_it_done_even_after_an_error_that_was_passed_over(
    database: Database,
) -> None:
    def pass_over_an_error() -> None:
        with database.transaction() as connection:
            connection.execute(WRITE, {"name": "b"})
            with suppress(DBAPIError):
                if database.backend == "sqlite":
                    connection.exec_driver_sql("PRAGMA max_page_count = 1")
                connection.execute(WRITE, {"name": "x" * 10_000_000})

    def come_first() -> None:
        with database.transaction() as connection:
            connection.execute(WRITE, {"name": "a"})
            waiting["b"] = others.come(pass_over_an_error)
            waiting["c"] = others.come(lambda: write(database, "c"))

    waiting: dict[str, Future[object]] = {}
    with crowd(database) as others:
        waiting["a"] = others.come_alone(come_first)
        told = {name for name in "abc" if waiting[name].exception(PATIENCE_S) is None}
    assert isinstance(waiting["b"].exception(), RuntimeError)
    assert set(names(database)) == told


def matches_any(_asked: object, _row: object) -> bool:
    return True


BY_NAME = text("SELECT name FROM memory WHERE name = :of")
ASKED_AHEAD = Prepared(BY_NAME, usual={"of": ""}, rests_on=RestsOn("memory", matches_any))
SET_ALL = Prepared(text("UPDATE memory SET value = :to"), usual={"to": ""})
#: Its answer is an error of the server's.
NO_ANSWER = Prepared(text("SELECT 1 / (value::int) FROM memory"))


def ask_first(database: Database, ahead: Ahead) -> None:
    with database.transaction(ahead=ahead) as connection:
        KEEP.later(connection, {"name": "b", "value": ""})


@pytest.mark.parametrize(
    ("ahead", "later"),
    [
        # What the second asks first fails.
        (Ahead([(NO_ANSWER, {})]), ()),
        # Before it is asked, what the first has left is written, and refused by the server,
        (Ahead([(ASKED_AHEAD, {"of": "a"})]), [(KEEP, {"name": "c", "value": ""})] * 2),
        # or by the driver: the transaction is as good as before, and lacks it.
        (Ahead([(ASKED_AHEAD, {"of": "a"})]), [(SET_ALL, {"to": "\0"})]),
    ],
    ids=["asked", "refused", "not sent"],
)
def test_nobody_is_told_that_it_was_done_when_the_next_could_not_even_ask(
    database: Database, ahead: Ahead, later: Sequence[Question]
) -> None:
    waiting: dict[str, Future[object]] = {}

    def come_first() -> None:
        with database.transaction() as connection:
            connection.execute(WRITE, {"name": "a"})
            waiting["b"] = others.come(lambda: ask_first(database, ahead))
            for statement, values in later:
                with suppress(IntegrityError):  # On SQLite it is written at once.
                    statement.later(connection, values)

    with crowd(database) as others:
        waiting["a"] = others.come_alone(come_first)
        told = {name for name in "ab" if waiting[name].exception(PATIENCE_S) is None}
    assert {"a", "b"}.intersection(names(database)) == told
    if database.backend == "postgresql":
        assert isinstance(waiting["a"].exception(), Busy)


@pytest.mark.parametrize("name", ["a\0b", "a\ud800"])
def test_what_cannot_be_asked_is_refused_before_anybody_waits(name: str) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogates"):
        Ahead([(ASKED_AHEAD, {"of": name})])


def cannot_be_had(*_: object) -> Connection:
    raise Busy


def test_after_something_was_saved_nobody_is_told_that_nothing_was(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told_in_vain() -> type[BaseException]:
        with monkeypatch.context() as patched:
            patched.setattr(database, "_begun", cannot_be_had)
            with pytest.raises(Busy) as told, database.snapshot():
                pass
        return told.type

    with one_request():
        assert told_in_vain() is Busy
        write(database, "first")
        assert told_in_vain() is Uncertain
    with one_request():
        assert told_in_vain() is Busy
    write(database, "of no request")
    assert told_in_vain() is Busy


@pytest.fixture
def site(database: Database) -> Site:
    made = Site.open(database, builders.cluster())
    sync_nodes(made, now=builders.NOW)
    return made


def book(site: Site, gpus: int, *, start: datetime = builders.TONIGHT, hours: float = 8) -> int:
    request = builders.request(gpus, start, hours, node="gpu-03")
    return reserve(site, Actor(builders.BOB), request, now=builders.NOW).id


def test_members_see_what_those_before_them_have_taken(site: Site, database: Database) -> None:
    with crowd(database) as others:
        with database.transaction():
            first, second, third, fourth = (
                others.come(lambda n=n: book(site, n)) for n in (4, 5, 3, 1)
            )
        first.result(PATIENCE_S)
        assert isinstance(second.exception(PATIENCE_S), Conflict)
        third.result(PATIENCE_S)
        fourth.result(PATIENCE_S)
    assert audit.verify(site).ok
    with pytest.raises(Conflict):
        book(site, 1)


def test_who_is_refused_is_told_what_stands_in_the_way(site: Site, database: Database) -> None:
    held = book(site, 4, hours=4)

    def take_the_next_hours() -> int:
        return book(site, 8, start=builders.TONIGHT + timedelta(hours=4))

    def extend_it() -> None:
        extend(site, Actor(builders.BOB), held, timedelta(hours=4), now=builders.NOW)

    def take_a_while() -> None:
        with database.transaction():
            # Until the one before has been told, unless it is told when all have.
            wait([refused], timeout=0.2)

    with crowd(database) as others:
        with database.transaction():
            taken = others.come(take_the_next_hours)
            refused = others.come(extend_it)
            last = others.come(take_a_while)
        last.result(PATIENCE_S)
        error = refused.exception(PATIENCE_S)
    assert isinstance(error, ExtendConflict)
    assert [blocker.booking for blocker in error.blockers] == [taken.result(PATIENCE_S)]


def test_readers_see_nothing_of_it_before_the_commit(site: Site, database: Database) -> None:
    seen: list[int] = []

    def look() -> None:
        with database.transaction() as connection:
            site.calendars.fresh(connection, builders.NOW, latest=True)
            shown = site.calendars.current(database, builders.NOW)
            seen.append(shown.free("gpu-03", builders.window()))

    with crowd(database) as others:
        with database.transaction():
            booking = others.come(lambda: book(site, 4))
            looking = others.come(look)
        booking.result(PATIENCE_S)
        looking.result(PATIENCE_S)
    assert seen == [8]

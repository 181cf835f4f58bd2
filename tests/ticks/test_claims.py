"""Of several processes on one PostgreSQL one does a tick that asks a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta

import builders
import pytest

from bot.services.site import Site
from bot.services.tick_claims import LASTS
from bot.store.database import Database
from bot.ticks.claims import HANGS, PROLONG_EVERY, Claims
from bot.ticks.scheduler import Tick

EVERY = timedelta(seconds=30)

Process = Callable[[], Claims]


class Time:
    """Real time, which passes when a test says so."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def process(database_url: str, time: Time) -> Iterator[Process]:
    """The claims of another process on one database."""
    with ExitStack() as stack:

        def started() -> Claims:
            database = stack.enter_context(closing(Database(database_url)))
            return Claims(Site.open(database, builders.cluster()), time, time.monotonic)

        yield started


on_postgresql = pytest.mark.parametrize("database_url", ["PostgreSQL"], indirect=True)
pytestmark = pytest.mark.postgresql


@on_postgresql
def test_one_process_has_a_tick_for_as_long_as_it_lives(process: Process, time: Time) -> None:
    one, other = process(), process()
    assert one.has("runs", EVERY)
    for _ in range(20):
        time.at += PROLONG_EVERY
        one.prolong()
        assert not other.has("runs", EVERY)
    assert one.has("runs", EVERY)
    assert other.has("nodes", EVERY)


@on_postgresql
def test_when_it_dies_another_has_it_soon(process: Process, time: Time) -> None:
    one, other = process(), process()
    assert one.has("runs", EVERY)
    time.at += LASTS - timedelta(seconds=1)
    assert not other.has("runs", EVERY)
    time.at += timedelta(seconds=1)
    assert other.has("runs", EVERY)
    # It was only slow: what is no longer its own stays with who has it.
    one.prolong()
    assert not one.has("runs", EVERY)
    assert other.has("runs", EVERY)


@on_postgresql
def test_what_a_process_claimed_whose_clock_was_ahead_goes_to_another(
    process: Process, time: Time
) -> None:
    one, other = process(), process()
    began = time.at
    time.at = began + timedelta(hours=1)
    assert one.has("runs", EVERY)
    # The clock is set right, and the process dies.
    time.at = began
    assert other.has("runs", EVERY)
    assert not process().has("runs", EVERY)


@on_postgresql
def test_when_it_ends_another_has_it_at_once(process: Process) -> None:
    one, other = process(), process()
    assert one.has("runs", EVERY)
    one.close()
    assert other.has("runs", EVERY)


@on_postgresql
def test_a_process_that_hangs_in_a_tick_loses_it(process: Process, time: Time) -> None:
    one, other = process(), process()
    assert one.has("runs", EVERY)
    hung_at = time.at
    while time.at - hung_at < EVERY + HANGS + LASTS:
        time.at += PROLONG_EVERY
        one.prolong()
    assert other.has("runs", EVERY)


@on_postgresql
def test_a_tick_of_another_process_does_nothing(process: Process) -> None:
    one, other = process(), process()
    ran: list[str] = []
    ticks = [
        claims.shared(Tick("holds", EVERY, lambda name=name: ran.append(name)))
        for name, claims in (("one", one), ("other", other))
    ]
    for tick in (*ticks, *ticks):
        tick.run()
    assert ran == ["one", "one"]


@pytest.mark.parametrize("database_url", ["SQLite"], indirect=True)
def test_where_one_process_is_alone_there_is_nothing_to_share(process: Process) -> None:
    claims, tick = process(), Tick("runs", EVERY, lambda: None)
    assert claims.has("runs", EVERY)
    assert claims.shared(tick) is tick
    assert claims.ticks() == ()

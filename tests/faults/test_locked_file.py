"""An SQLite file that another program keeps locked for longer than anybody waits.

That writers of one process wait for one another in a line is tested in tests/services/test_races.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from builders import ALICE, BOB, CHEN, DANA, NOW, TONIGHT
from databases import new_database
from faulty import Lab, hurried, label_in, running, warnings
from patience import PATIENCE_S

from bot.domain.booking import BookingState
from bot.sandbox import Sandbox, SandboxClock
from bot.services import look
from bot.store.errors import Busy

BUSY = "I am very busy right now and changed nothing. Please try again"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Path(new_database(tmp_path).removeprefix("sqlite:///"))


@pytest.fixture
def lab(slack: Sandbox, file: Path) -> Iterator[Lab]:
    clock = SandboxClock(start=NOW, speed=0)
    with running(slack, f"sqlite:///{file}", clock=clock) as started:
        yield started


@contextmanager
def taken(file: Path, how: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Another program has the file to itself."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=PATIENCE_S)) as other:
        other.execute(how)
        yield
        other.execute("ROLLBACK")


@contextmanager
def locked(lab: Lab, file: Path, how: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Another program has the file to itself, for longer than anybody waits."""
    with hurried(lab), taken(file, how):
        yield


def test_whoever_books_is_told_that_nothing_was_changed(lab: Lab, file: Path) -> None:
    lab.books(ALICE, "4 22:00 4h on gpu-01")
    with locked(lab, file):
        assert lab.types(BOB, "reserve 4 22:00 4h on gpu-02").startswith(BUSY)
        assert lab.types(ALICE, "cancel B1").startswith(BUSY)
        # What only looks does not need the lock.
        assert "12 of 16 GPUs are free" in lab.types(BOB, "status 23:00")
    lab.check({1})
    lab.check({1, lab.books(BOB, "4 22:00 4h on gpu-02")})


def test_ticks_go_on_when_the_lock_is_gone(lab: Lab, file: Path) -> None:
    label = lab.books(ALICE, "4 22:00 4h on gpu-01")
    clock = lab.bot.clock
    assert isinstance(clock, SandboxClock)
    with locked(lab, file):
        clock.jump(TONIGHT)
        lab.bot.run_ticks()
        assert look.get_booking(lab.site, label).state is BookingState.RESERVED
    lab.bot.run_ticks()
    assert look.get_booking(lab.site, label).state is BookingState.ACTIVE


def test_many_who_ask_meanwhile_leave_no_thread_behind(
    lab: Lab, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    people, hours = (ALICE, BOB, CHEN, DANA), range(2, 34, 2)
    with ThreadPoolExecutor(8) as crowd, locked(lab, file):
        asked = [(people[h % 4], f"reserve 1 in {h}h 2h") for h in hours]
        answers = list(crowd.map(lambda one: lab.types(*one), asked))
        threads = threading.active_count()
        again = list(crowd.map(lambda one: lab.types(*one), asked))
        assert threading.active_count() <= threads + 4
    assert all(answer.startswith(BUSY) for answer in (*answers, *again)), answers
    told = [line for line in warnings(caplog.records) if "the database: somebody" in line]
    assert len(told) == 1, told
    booked = {label_in(lab.types(*one)) for one in asked}
    lab.check({label for label in booked if label is not None})
    assert len(booked) == len(asked)


def test_a_lock_that_lasts_shows_and_its_end_does(
    lab: Lab, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.health.LOCKED_S", 0.0)
    with locked(lab, file):
        lab.types(ALICE, "reserve 1 22:00 4h")
        status, why = lab.ready()
        assert (status, "somebody else has it locked" in why) == (503, True)
    lab.books(ALICE, "1 22:00 4h")
    assert "database" not in lab.ready()[1]


def test_a_file_that_may_not_even_be_read_is_the_same_and_comes_back(lab: Lab, file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    with locked(lab, file, "BEGIN EXCLUSIVE"):
        assert BUSY in lab.types(BOB, "reserve 1 22:00 4h")
    lab.check({lab.books(BOB, "1 22:00 4h")})


def test_a_short_lock_is_waited_for(lab: Lab, file: Path) -> None:
    asked = threading.Event()
    with ThreadPoolExecutor(1) as somebody:
        with taken(file):
            label = somebody.submit(lambda: (asked.set(), lab.books(BOB, "1 22:00 4h"))[1])
            assert asked.wait(PATIENCE_S)
        lab.check({label.result(PATIENCE_S)})


def test_offers_run_on_while_the_file_is_locked_and_start_anew_after_a_long_time(
    lab: Lab, file: Path
) -> None:
    clock = lab.bot.clock
    assert isinstance(clock, SandboxClock)
    held = lab.books(ALICE, "4 now 24h on gpu-01")
    lab.types(BOB, "wait 4 4h on gpu-01 by 22:00")
    lab.types(ALICE, f"release B{held}")
    ((before,),) = lab.rows("SELECT expires_at FROM offer")
    with locked(lab, file):
        clock.shift(timedelta(minutes=30))
        with pytest.raises(Busy):
            lab.bot._keep_time()
    lab.bot._keep_time()
    assert lab.rows("SELECT state FROM offer") == [("open",)]
    ((after,),) = lab.rows("SELECT expires_at FROM offer")
    assert after > before

"""Ticks run at once and again, and it shows when one no longer succeeds."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from patience import PATIENCE_S

from bot.ticks.scheduler import Tick, Ticks

ROOT = Path(__file__).parents[2]
#: Ends while a tick waits for a server that never answers.
ENDING = """
import threading
from datetime import timedelta

from bot.ticks.scheduler import Tick, Ticks

begun = threading.Event()


def ask() -> None:
    begun.set()
    threading.Event().wait()


ticks = Ticks([Tick("runs", timedelta(seconds=5), ask)])
ticks.start()
begun.wait()
ticks.stop(0)
"""


class Watch:
    """Seconds that pass only when a test says so."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


def fail() -> None:
    raise RuntimeError("no database")


def test_every_tick_runs_right_after_the_start() -> None:
    ran = threading.Event()
    ticks = Ticks([Tick("hello", timedelta(hours=1), ran.set)])
    ticks.start()
    try:
        assert ran.wait(PATIENCE_S)
        assert ticks.problem() is None
    finally:
        ticks.stop(5)
    assert ticks.problem() == "scheduler: not running"


def test_a_tick_that_fails_is_logged_and_does_not_raise(caplog: pytest.LogCaptureFixture) -> None:
    Ticks([]).run(Tick("bad", timedelta(seconds=1), fail))
    assert "tick bad failed" in caplog.text
    assert "no database" in caplog.text


def test_a_tick_without_success_for_long_is_a_problem_until_it_succeeds() -> None:
    watch = Watch()
    never = threading.Event()
    slow = Tick("slow", timedelta(hours=1), never.wait)
    bad = Tick("bad", timedelta(seconds=20), fail)
    ticks = Ticks([slow, bad], monotonic=watch)
    ticks.start()
    try:
        watch.at = 79.0
        assert ticks.problem() is None
        watch.at = 81.0
        assert ticks.problem() == "scheduler: no success of bad (81 s)"
        ticks.run(Tick("bad", timedelta(seconds=20), lambda: None))
        assert ticks.problem() is None
    finally:
        never.set()
        ticks.stop(5)


def test_a_tick_that_waits_for_a_server_does_not_keep_the_program_from_ending() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ENDING],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0

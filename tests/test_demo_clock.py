"""The bot keeps up with the demo's clock, which jumps and runs fast."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from bot.demo_clock import MOST_STOPS, QUICK_PACE, STRIDE, DemoClock, stops
from bot.sandbox import SandboxClock

NOON = datetime(2026, 11, 25, 12, 2, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Follower:
    """A bot that notes what is asked of it, and when."""

    def __init__(self, clock: SandboxClock) -> None:
        self.clock = clock
        self.ran_at: list[datetime] = []
        self.asked: list[str] = []
        self.pace: timedelta | None = None
        self.paces: list[timedelta] = []
        self.has_run = threading.Event()

    def run_ticks(self) -> None:
        self.ran_at.append(self.clock.now())
        self.asked.append("ticks")
        self.paces.append(self.pace or timedelta())
        self.has_run.set()

    def deliver(self, timeout: float) -> bool:
        self.asked.append("deliver")
        return timeout > 0

    def set_pace(self, pace: timedelta) -> None:
        self.pace = pace


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock(NOON, speed=0)


@pytest.fixture
def bot(clock: SandboxClock) -> Iterator[Follower]:
    follower = Follower(clock)
    demo_clock = DemoClock(clock, follower, SECOND)
    demo_clock.start()
    yield follower
    demo_clock.stop()


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-25 {text}+00:00")


def test_a_jump_stops_at_full_marks_of_five_minutes() -> None:
    found = list(stops(NOON, NOON + timedelta(minutes=15)))
    assert found == [at("12:05"), at("12:10"), at("12:15"), at("12:17:30")]


def test_a_jump_to_a_mark_stops_there_once() -> None:
    assert list(stops(at("12:00"), at("12:10"))) == [at("12:05"), at("12:10")]


def test_two_days_are_walked_in_five_minutes() -> None:
    found = list(stops(NOON, NOON + timedelta(days=2)))
    assert max(b - a for a, b in pairwise(found)) == STRIDE


@pytest.mark.parametrize("days", [3, 7, 30, 90, 10_000])
def test_a_long_jump_stops_seldom_enough_and_on_the_slot_grid(days: int) -> None:
    found = list(stops(NOON, NOON + timedelta(days=days)))
    assert len(found) <= MOST_STOPS + 1
    if days <= 30:
        assert at("14:00") in found


def test_what_is_due_on_the_way_is_done_and_told_at_each_stop(
    clock: SandboxClock, bot: Follower
) -> None:
    clock.jump(at("12:12"))
    assert bot.ran_at == [NOON, at("12:05"), at("12:10"), at("12:12")]
    assert bot.asked == ["ticks", "deliver"] * 4


def test_going_back_does_nothing(clock: SandboxClock, bot: Follower) -> None:
    clock.shift(timedelta(days=-1))
    assert bot.ran_at == []
    assert clock.now() == NOON - timedelta(days=1)


def test_messages_leave_quickly_during_a_jump_and_at_their_own_pace_afterwards(
    clock: SandboxClock, bot: Follower
) -> None:
    clock.shift(timedelta(minutes=10))
    assert set(bot.paces) == {QUICK_PACE}
    assert bot.pace == SECOND


def test_a_stop_that_fails_does_not_end_the_jump(
    clock: SandboxClock, bot: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot, "deliver", lambda _timeout: 1 / 0)
    clock.jump(at("12:12"))
    assert len(bot.ran_at) == 4
    assert clock.now() == at("12:12")


def test_a_fast_clock_has_the_bot_look_by_itself(clock: SandboxClock, bot: Follower) -> None:
    clock.set_speed(600)
    assert bot.has_run.wait(20)
    assert bot.paces[0] == QUICK_PACE


def test_once_stopped_a_jump_goes_straight_to_its_end(clock: SandboxClock) -> None:
    follower = Follower(clock)
    demo_clock = DemoClock(clock, follower, SECOND)
    demo_clock.start()
    demo_clock.stop()
    clock.shift(timedelta(days=1))
    assert follower.ran_at == []
    assert clock.now() == NOON + timedelta(days=1)

import threading
from datetime import UTC, datetime, timedelta

import pytest

from bot.sandbox import SandboxClock

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Watch:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.mark.parametrize(("speed", "minutes"), [(1, 1), (60, 60), (0, 0)])
def test_it_runs_at_its_speed(watch: Watch, speed: float, minutes: int) -> None:
    clock = SandboxClock(NOON, speed=speed, monotonic=watch)
    watch.seconds = 60
    assert clock.now() == NOON + timedelta(minutes=minutes)


def test_a_change_of_speed_does_not_touch_what_has_passed(watch: Watch) -> None:
    clock = SandboxClock(NOON, speed=60, monotonic=watch)
    watch.seconds = 10
    clock.set_speed(1)
    watch.seconds = 20
    assert clock.now() == NOON + timedelta(minutes=10, seconds=10)


def test_it_jumps_and_runs_on_from_there(watch: Watch) -> None:
    clock = SandboxClock(NOON, monotonic=watch)
    clock.jump(NOON + timedelta(days=1))
    clock.shift(30)
    clock.shift(timedelta(hours=1))
    watch.seconds = 5
    assert clock.now() == NOON + timedelta(days=1, hours=1, seconds=35)


def test_listeners_hear_of_each_change(watch: Watch) -> None:
    clock = SandboxClock(NOON, monotonic=watch)
    heard: list[datetime] = []
    clock.on_change(lambda: heard.append(clock.now()))
    clock.jump(NOON + timedelta(hours=1))
    clock.set_speed(2)
    assert heard == [NOON + timedelta(hours=1)] * 2


def test_a_jump_stops_on_its_way_and_the_clock_stands_there(watch: Watch) -> None:
    clock = SandboxClock(NOON, speed=60, monotonic=watch)
    seen: list[datetime] = []

    def look() -> None:
        watch.seconds += 30
        seen.append(clock.now())

    clock.stop_on_the_way(lambda here, there: (here, here + (there - here) / 2), look)
    clock.shift(timedelta(hours=2))
    assert seen == [NOON, NOON + timedelta(hours=1)]
    assert clock.now() == NOON + timedelta(hours=2)
    watch.seconds += 1
    assert clock.now() == NOON + timedelta(hours=2, minutes=1)


def test_listeners_hear_of_each_stop(watch: Watch) -> None:
    clock = SandboxClock(NOON, monotonic=watch)
    heard: list[datetime] = []
    clock.on_change(lambda: heard.append(clock.now()))
    clock.stop_on_the_way(lambda here, _there: (here,), lambda: None)
    clock.jump(NOON + timedelta(hours=1))
    assert heard == [NOON, NOON + timedelta(hours=1)]


def test_a_speed_that_is_set_on_the_way_holds_from_its_end(watch: Watch) -> None:
    clock = SandboxClock(NOON, monotonic=watch)
    clock.stop_on_the_way(lambda here, _there: (here,), lambda: clock.set_speed(60))
    clock.jump(NOON + timedelta(hours=1))
    watch.seconds += 60
    assert clock.now() == NOON + timedelta(hours=2)


def test_whoever_jumps_during_a_jump_waits_for_its_end() -> None:
    clock = SandboxClock(NOON, speed=0)
    others: list[threading.Thread] = []

    def jump_too() -> None:
        if not others:
            others.append(threading.Thread(target=clock.shift, args=(timedelta(hours=1),)))
            others[0].start()

    clock.stop_on_the_way(lambda here, _there: (here,), jump_too)
    clock.shift(timedelta(hours=2))
    others[0].join()
    assert clock.now() == NOON + timedelta(hours=3)


def test_a_jump_goes_on_to_its_end_when_a_stop_fails() -> None:
    clock = SandboxClock(NOON, speed=0)
    clock.stop_on_the_way(lambda here, _there: (here,), lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        clock.shift(3600)
    clock.stop_on_the_way(lambda _here, _there: (), lambda: None)
    clock.shift(3600)
    assert clock.now() == NOON + timedelta(hours=2)


def test_naive_instants_and_negative_speeds_are_refused() -> None:
    clock = SandboxClock(NOON)
    with pytest.raises(ValueError, match="time zone"):
        clock.jump(datetime(2026, 11, 25, 12))  # noqa: DTZ001 - the mistake itself
    with pytest.raises(ValueError, match="between 0 and"):
        clock.set_speed(-1)

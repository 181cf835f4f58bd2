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


def test_naive_instants_and_negative_speeds_are_refused() -> None:
    clock = SandboxClock(NOON)
    with pytest.raises(ValueError, match="time zone"):
        clock.jump(datetime(2026, 11, 25, 12))  # noqa: DTZ001 - the mistake itself
    with pytest.raises(ValueError, match="between 0 and"):
        clock.set_speed(-1)

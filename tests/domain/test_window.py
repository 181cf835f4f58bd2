from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.window import GRACE, SLOT_HOURS, Grid, Window, check_aware

SHANGHAI = ZoneInfo("Asia/Shanghai")
PARIS = ZoneInfo("Europe/Paris")
HOUR = timedelta(hours=1)

ZONES = (
    "Asia/Shanghai",
    "Europe/Paris",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Asia/Beirut",
    "America/Havana",
    "America/Nuuk",
)
grids = st.builds(
    Grid,
    st.sampled_from([hours * HOUR for hours in SLOT_HOURS]),
    st.sampled_from([ZoneInfo(name) for name in ZONES]),
)
#: Whole seconds over four years.
instants = st.integers(0, 4 * 365 * 86400).map(
    lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        check_aware(datetime(2026, 11, 25))  # noqa: DTZ001 - the point


def test_a_window_is_kept_in_utc() -> None:
    start = datetime(2026, 11, 25, 22, tzinfo=SHANGHAI)
    window = Window(start, start + HOUR)
    assert window.start.tzinfo is UTC
    assert window == Window(utc(2026, 11, 25, 14), utc(2026, 11, 25, 15))


@pytest.mark.parametrize("hours", [0, -1])
def test_an_empty_window_is_refused(hours: int) -> None:
    start = utc(2026, 11, 25)
    with pytest.raises(ValueError, match="empty window"):
        Window(start, start + hours * HOUR)


def test_windows_that_touch_do_not_overlap() -> None:
    first = Window(utc(2026, 11, 25, 10), utc(2026, 11, 25, 12))
    second = Window(utc(2026, 11, 25, 12), utc(2026, 11, 25, 14))
    assert not first.overlaps(second)
    assert not second.overlaps(first)
    assert first.overlaps(Window(utc(2026, 11, 25, 11), utc(2026, 11, 25, 13)))


def test_a_window_holds_its_start_and_not_its_end() -> None:
    window = Window(utc(2026, 11, 25, 10), utc(2026, 11, 25, 12))
    assert window.start in window
    assert window.end not in window
    assert window.length == 2 * HOUR


@pytest.mark.parametrize("slot", [timedelta(minutes=30), 5 * HOUR, 48 * HOUR, 1.5 * HOUR])
def test_a_slot_that_does_not_divide_a_day_into_hours_is_refused(slot: timedelta) -> None:
    with pytest.raises(ValueError, match="does not divide"):
        Grid(slot, SHANGHAI)


def test_lines_lie_on_the_wall_clock_of_the_zone() -> None:
    grid = Grid(2 * HOUR, SHANGHAI)
    asked = datetime(2026, 11, 25, 11, 59, tzinfo=SHANGHAI)
    assert grid.floor(asked) == datetime(2026, 11, 25, 10, tzinfo=SHANGHAI)
    assert grid.ceil(asked) == datetime(2026, 11, 25, 12, tzinfo=SHANGHAI)
    assert not grid.is_on(asked)
    assert grid.is_on(datetime(2026, 11, 25, 0, tzinfo=SHANGHAI))


@pytest.mark.parametrize("zone", [PARIS, tz.gettz("Europe/Paris")])
def test_the_slot_in_which_the_clocks_go_back_is_an_hour_longer(zone: tzinfo) -> None:
    grid = Grid(2 * HOUR, zone)
    assert grid.floor(utc(2026, 10, 25, 2, 59)) == utc(2026, 10, 25, 0)
    assert grid.ceil(utc(2026, 10, 25, 0, 1)) == utc(2026, 10, 25, 3)


def test_the_slot_in_which_the_clocks_go_forward_is_an_hour_shorter() -> None:
    grid = Grid(2 * HOUR, PARIS)
    # 00:00 to 02:00 CET, then 03:00 to 04:00 CEST.
    assert grid.floor(utc(2027, 3, 28, 0, 59)) == utc(2027, 3, 27, 23)
    assert grid.floor(utc(2027, 3, 28, 1)) == utc(2027, 3, 28, 1)
    assert grid.ceil(utc(2027, 3, 28, 1, 1)) == utc(2027, 3, 28, 2)


def test_an_end_up_to_five_minutes_past_a_line_counts_as_on_it() -> None:
    grid = Grid(2 * HOUR, SHANGHAI)
    line = datetime(2026, 11, 25, 14, tzinfo=SHANGHAI)
    assert grid.round_end(line) == line
    assert grid.round_end(line + GRACE) == line
    assert grid.round_end(line + GRACE + timedelta(seconds=1)) == line + 2 * HOUR
    assert grid.round_end(line - timedelta(seconds=1)) == line


@given(grids, instants)
def test_every_instant_lies_between_its_floor_and_its_ceiling(
    grid: Grid, instant: datetime
) -> None:
    floor, ceil = grid.floor(instant), grid.ceil(instant)
    assert floor <= instant <= ceil
    assert grid.is_on(floor)
    assert grid.is_on(ceil)
    assert ceil - floor <= grid.slot + HOUR
    assert (floor == ceil) == grid.is_on(instant)


@given(grids, instants)
def test_lines_never_run_backwards(grid: Grid, instant: datetime) -> None:
    number = grid.number(instant)
    assert grid.line(number) <= grid.line(number + 1) <= grid.line(number + 2)
    assert grid.line(number) <= instant < grid.line(number + 2)


@given(grids, instants)
def test_a_rounded_end_is_a_line_at_most_the_grace_earlier(grid: Grid, instant: datetime) -> None:
    rounded = grid.round_end(instant)
    assert grid.is_on(rounded)
    assert rounded >= instant - GRACE

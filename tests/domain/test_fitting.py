from datetime import UTC, datetime, timedelta

import pytest
from asking import BEFORE_AUTUMN, BEFORE_SPRING, HOUR, NOW, PARIS, SHANGHAI, at, instants, zones
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import InputError, TooShort
from bot.domain.timephrase import fit
from bot.domain.window import GRACE, SLOT_HOURS, Grid, Window

GRID = Grid(2 * HOUR, SHANGHAI)


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("11-25 10:00", "11-25 10:00", "11-25 14:00"),
        ("11-25 10:04", "11-25 10:04", "11-25 14:00"),
        ("11-25 10:05", "11-25 10:05", "11-25 14:00"),
        ("11-25 10:06", "11-25 10:06", "11-25 16:00"),
        ("11-25 10:37", "11-25 10:37", "11-25 16:00"),
        ("11-25 11:59", "11-25 11:59", "11-25 16:00"),
    ],
)
def test_four_hours_from_now_end_on_a_line(now: str, start: str, end: str) -> None:
    fitted = fit(None, length=4 * HOUR, grid=GRID, now=at(now))
    assert fitted.window == Window(at(start), at(end))


@pytest.mark.parametrize(
    ("start", "hours", "expected_start", "expected_end"),
    [
        ("11-25 22:00", 4, "11-25 22:00", "11-26 02:00"),
        ("11-25 22:00", 3, "11-25 22:00", "11-26 02:00"),
        ("11-25 22:04", 4, "11-25 22:00", "11-26 02:00"),
        ("11-25 22:06", 4, "11-25 22:00", "11-26 04:00"),
        ("11-25 23:00", 4, "11-25 22:00", "11-26 04:00"),
        ("11-25 21:58", 4, "11-25 20:00", "11-26 02:00"),
        # The slot from 10:00 to 12:00 has begun.
        ("11-25 11:00", 4, "11-25 10:37", "11-25 16:00"),
        ("11-25 10:37", 4, "11-25 10:37", "11-25 16:00"),
        # Up to five minutes ago is now.
        ("11-25 10:32", 4, "11-25 10:37", "11-25 16:00"),
    ],
)
def test_what_does_not_fit_is_rounded_outward(
    start: str, hours: int, expected_start: str, expected_end: str
) -> None:
    fitted = fit(at(start), length=hours * HOUR, grid=GRID, now=NOW)
    assert fitted.window == Window(at(expected_start), at(expected_end))


def test_a_start_a_little_past_a_line_that_has_passed_is_now() -> None:
    now = at("11-25 22:03")
    for start in ("11-25 22:00", "11-25 22:04"):
        fitted = fit(at(start), length=4 * HOUR, grid=GRID, now=now)
        assert fitted == (Window(now, at("11-26 02:00")), ())


@pytest.mark.parametrize(
    ("start", "hours", "notes"),
    [
        ("11-25 22:00", 4, []),
        ("11-25 22:04", 4, []),
        ("11-25 22:00", 19, ["Rounded to 20:00:00."]),
        ("11-25 11:00", 5, ["That slot has already begun, so the booking starts now."]),
    ],
)
def test_the_reply_says_what_was_rounded(start: str, hours: int, notes: list[str]) -> None:
    assert [str(n) for n in fit(at(start), length=hours * HOUR, grid=GRID, now=NOW).notes] == notes


def test_the_reply_says_that_a_start_was_moved_and_how_long_it_is_now() -> None:
    (note,) = fit(at("11-25 23:00"), length=4 * HOUR, grid=GRID, now=NOW).notes
    assert note.fields == {"start": at("11-25 22:00"), "length": 6 * HOUR}


def test_the_reply_says_that_the_end_of_a_booking_from_now_was_rounded() -> None:
    (note,) = fit(None, length=4 * HOUR, grid=GRID, now=NOW).notes
    assert note.fields == {"end": at("11-25 16:00")}


def test_a_start_more_than_five_minutes_ago_is_in_the_past() -> None:
    with pytest.raises(InputError) as caught:
        fit(NOW - GRACE - timedelta(seconds=1), length=4 * HOUR, grid=GRID, now=NOW)
    assert caught.value.code == "in_the_past"


@pytest.mark.parametrize("hours", [0, -4])
def test_a_length_of_nothing_is_refused(hours: int) -> None:
    with pytest.raises(InputError) as caught:
        fit(None, length=hours * HOUR, grid=GRID, now=NOW)
    assert caught.value.code == "bad_length"


def test_an_end_that_is_not_after_the_start_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        fit(at("11-25 22:00"), end=at("11-25 22:00"), grid=GRID, now=NOW)
    assert caught.value.code == "end_before_start"


def test_a_window_without_length_and_end_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="needs a length or an end"):
        fit(None, grid=GRID, now=NOW)


def test_a_minute_less_than_a_slot_is_too_short_even_just_past_a_line() -> None:
    with pytest.raises(TooShort) as caught:
        fit(None, length=119 * HOUR / 60, grid=GRID, now=at("11-25 10:04"))
    assert caught.value.fields == {"length": 119 * HOUR / 60, "slot": 2 * HOUR}


def test_until_the_end_of_a_slot_that_began_within_the_grace_is_a_whole_slot() -> None:
    now = at("11-25 10:04")
    fitted = fit(None, end=at("11-25 12:00"), grid=GRID, now=now)
    assert fitted.window == Window(now, at("11-25 12:00"))


def test_the_slot_that_a_clock_change_shortens_can_be_booked_by_its_end() -> None:
    start, end = datetime(2027, 3, 28, 1, tzinfo=UTC), datetime(2027, 3, 28, 2, tzinfo=UTC)
    fitted = fit(start, end=end, grid=Grid(2 * HOUR, PARIS), now=BEFORE_SPRING)
    assert fitted.window == Window(start, end)


def test_a_length_across_a_clock_change_counts_elapsed_hours() -> None:
    # 22:00 CEST and twenty hours make 17:00 CET, and the line after that is 18:00.
    start = at("10-24 22:00", PARIS)
    fitted = fit(start, length=20 * HOUR, grid=Grid(2 * HOUR, PARIS), now=BEFORE_AUTUMN)
    assert fitted.window == Window(start, at("10-25 18:00", PARIS))
    assert [str(note) for note in fitted.notes] == ["Rounded to 21:00:00."]


grids = st.builds(Grid, st.sampled_from([hours * HOUR for hours in SLOT_HOURS]), zones)


seconds = st.timedeltas(timedelta(hours=1), timedelta(days=9)).map(
    lambda length: timedelta(seconds=length // timedelta(seconds=1))
)


@given(grids, instants, st.none() | st.timedeltas(-GRACE, timedelta(days=90)), seconds)
def test_a_fitted_window_lies_on_the_grid_and_covers_what_was_asked(
    grid: Grid, now: datetime, ahead: timedelta | None, length: timedelta
) -> None:
    start = None if ahead is None else now + ahead
    try:
        window = fit(start, length=length, grid=grid, now=now).window
    except TooShort:
        assert length < grid.slot
        return
    present, asked = now.replace(microsecond=0), start or now
    assert window.start == present or (grid.is_on(window.start) and window.start >= present)
    assert grid.is_on(window.end)
    assert window.start <= max(asked, present)
    assert window.end + GRACE >= asked.replace(microsecond=0) + length
    assert window.length < length + 2 * (grid.slot + HOUR)

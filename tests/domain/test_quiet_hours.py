"""Quiet hours on a reader's wall clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.quiet import quiet_until

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
NIGHT = (time(22), time(7, 30))
NOON = (time(12), time(14))


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        (NIGHT, "2026-11-25 21:59:59", None),
        (NIGHT, "2026-11-25 22:00", "2026-11-26 07:30"),
        (NIGHT, "2026-11-25 23:59:59", "2026-11-26 07:30"),
        (NIGHT, "2026-11-26 00:00", "2026-11-26 07:30"),
        (NIGHT, "2026-11-26 07:29:59", "2026-11-26 07:30"),
        (NIGHT, "2026-11-26 07:30", None),
        (NOON, "2026-11-25 11:59", None),
        (NOON, "2026-11-25 12:00", "2026-11-25 14:00"),
        (NOON, "2026-11-25 14:00", None),
        ((time(0), time(6)), "2026-11-25 00:00", "2026-11-25 06:00"),
        ((time(22), time(0)), "2026-11-25 23:00", "2026-11-26 00:00"),
        ((time(8), time(8)), "2026-11-25 08:00", None),
    ],
)
def test_a_moment_in_the_quiet_hours_waits_for_their_end(
    hours: tuple[time, time], now: str, until: str | None
) -> None:
    wanted = None if until is None else at(until)
    assert quiet_until(at(now).astimezone(UTC), SHANGHAI, hours) == wanted


def test_each_reader_has_the_quiet_hours_of_their_own_clock() -> None:
    now = at("2026-11-25 23:00")
    assert quiet_until(now, SHANGHAI, NIGHT) == at("2026-11-26 07:30")
    assert quiet_until(now, NEW_YORK, NIGHT) is None


def test_an_end_that_the_clock_shows_twice_is_its_second_time_once_the_first_has_passed() -> None:
    # On 1 November 2026 New York goes from 02:00 back to 01:00.
    hours = (time(22), time(1, 30))
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    second = first + timedelta(hours=1)
    assert quiet_until(first - timedelta(minutes=20), NEW_YORK, hours) == first
    assert quiet_until(second - timedelta(minutes=20), NEW_YORK, hours) == second


MINUTES = st.builds(time, st.integers(0, 23), st.integers(0, 59))


@given(minutes=st.integers(0, 60 * 24 * 366), begin=MINUTES, end=MINUTES)
def test_quiet_hours_end_within_a_day_when_the_clock_shows_their_end(
    minutes: int, begin: time, end: time
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    until = quiet_until(now, NEW_YORK, (begin, end))
    if until is not None:
        # A day with a clock change has 25 hours; an end that the clock skips comes an hour later.
        assert now < until <= now + timedelta(hours=25)
        shown = until.astimezone(NEW_YORK)
        assert shown.time() == end or shown.utcoffset() != now.astimezone(NEW_YORK).utcoffset()

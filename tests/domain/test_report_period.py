"""The periods of a report, on the cluster's wall clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.domain.errors import NotUnderstood
from bot.domain.report_period import Period, parse_period

ZONE = ZoneInfo("Asia/Shanghai")
#: Wednesday 25 November 2026, 10:37 in Shanghai.
NOW = datetime(2026, 11, 25, 2, 37, tzinfo=UTC)


def period(text: str, zone: ZoneInfo = ZONE, now: datetime = NOW) -> Period:
    return parse_period(text, now=now, zone=zone)


def told(text: str) -> list[str]:
    """From when to when, and from when to when before that, on the wall clock."""
    found = period(text)
    moments = (found.window.start, found.window.end, found.before.start, found.before.end)
    return [f"{moment.astimezone(ZONE):%m-%d %H:%M}" for moment in moments]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 28 days with today as the last, which is not over; compared with as long a time.
        ("", ["10-29 00:00", "11-25 10:37", "10-01 00:00", "10-28 10:37"]),
        ("30d", ["10-27 00:00", "11-25 10:37", "09-27 00:00", "10-26 10:37"]),
        ("30 days", ["10-27 00:00", "11-25 10:37", "09-27 00:00", "10-26 10:37"]),
        ("last 1 day", ["11-25 00:00", "11-25 10:37", "11-24 00:00", "11-24 10:37"]),
        ("week", ["11-23 00:00", "11-25 10:37", "11-16 00:00", "11-18 10:37"]),
        ("本周", ["11-23 00:00", "11-25 10:37", "11-16 00:00", "11-18 10:37"]),
        ("Last  Week", ["11-16 00:00", "11-23 00:00", "11-09 00:00", "11-16 00:00"]),
        ("month", ["11-01 00:00", "11-25 10:37", "10-01 00:00", "10-25 10:37"]),
        ("last month", ["10-01 00:00", "11-01 00:00", "09-01 00:00", "10-01 00:00"]),
        ("上个月", ["10-01 00:00", "11-01 00:00", "09-01 00:00", "10-01 00:00"]),
        ("2026-03", ["03-01 00:00", "04-01 00:00", "02-01 00:00", "03-01 00:00"]),
        ("2025", ["01-01 00:00", "01-01 00:00", "01-01 00:00", "01-01 00:00"]),
    ],
)
def test_a_period_is_read_as_people_name_it(text: str, expected: list[str]) -> None:
    assert told(text) == expected


def test_a_year_is_compared_with_the_year_before() -> None:
    found = period("2025")
    assert found.window.start.astimezone(ZONE).year == 2025
    assert found.window.end.astimezone(ZONE).year == 2026
    assert found.before.start.astimezone(ZONE).year == 2024
    assert found.before.end == found.window.start


@pytest.mark.parametrize(
    "text",
    ["soon", "0d", "367d", "2026-13", "2026-00", "2026-12", "2027", "0000", "9999", "30d x", "²d"],
)
def test_what_is_no_period_or_lies_ahead_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood) as caught:
        period(text)
    assert caught.value.fields["word"] == text


def test_days_begin_at_midnight_also_over_a_change_of_the_clocks() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    found = period("2026-10", berlin)
    # The clocks go back on the 25th, so that October has an hour more than 31 days.
    assert found.window.start == datetime(2026, 9, 30, 22, tzinfo=UTC)
    assert found.window.end == datetime(2026, 10, 31, 23, tzinfo=UTC)


def test_a_period_that_begins_this_very_second_is_no_empty_window() -> None:
    midnight = datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert period("month", now=midnight).window.start == midnight

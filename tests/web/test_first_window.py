"""Which data a page names in its head, before its scripts are there to ask for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.window import Window
from bot.web.first_window import first_data, first_window

NOW = datetime(2026, 11, 25, 2, 37, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def covered(query: dict[str, str], zone: ZoneInfo | None = SHANGHAI, now: datetime = NOW) -> Window:
    found = first_window(query, zone, now)
    assert found is not None
    return found


def test_without_a_query_it_is_a_week_from_the_readers_midnight() -> None:
    window = covered({})
    midnight = datetime(2026, 11, 24, 16, tzinfo=UTC)
    assert midnight - timedelta(hours=2) < window.start < midnight
    assert timedelta(days=7) < window.end - midnight < timedelta(days=7, hours=2)


def test_a_week_in_which_the_clocks_go_back_is_covered_whole() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    window = covered({}, berlin, datetime(2026, 10, 22, 12, tzinfo=UTC))
    assert window.end >= datetime(2026, 10, 29, tzinfo=berlin)


@pytest.mark.parametrize("hours", range(-12, 15))
def test_the_week_of_a_zone_that_only_the_browser_knows_is_covered(hours: int) -> None:
    window = covered({}, None)
    local = NOW + timedelta(hours=hours)
    midnight = local.replace(hour=0, minute=0) - timedelta(hours=hours)
    assert window.start <= midnight
    assert window.end >= midnight + timedelta(days=7)


@pytest.mark.parametrize(("view", "days"), [("day", 1), ("week", 7), ("month", 30)])
def test_an_address_names_where_it_begins_and_how_long_it_is(view: str, days: int) -> None:
    window = covered({"at": "2026-12-01T06:00Z", "view": view})
    start = datetime(2026, 12, 1, 6, tzinfo=UTC)
    assert start - timedelta(hours=2) < window.start < start
    assert timedelta(days=days) < window.end - start < timedelta(days=days, hours=2)


@pytest.mark.parametrize(
    "query",
    [
        {"hours": "5"},
        {"view": "year"},
        {"at": "2026-12-01"},
        {"at": "2026-12-01T06:00+08:00"},
        {"at": "2026-13-41T06:00Z"},
        {"at": "9999-12-31T06:00Z"},
        {"at": "0001-01-01T00:00Z"},
    ],
)
def test_what_only_the_browser_reads_is_left_to_it(query: dict[str, str]) -> None:
    assert first_window(query, SHANGHAI, NOW) is None
    assert first_data(None) is None


def test_the_data_have_the_address_that_the_api_has_for_them() -> None:
    start = datetime(2026, 12, 1, tzinfo=UTC)
    assert first_data(Window(start, start + timedelta(days=1))) == {
        "url": "/api/v1/calendar?from=2026-12-01T00:00Z&to=2026-12-02T00:00Z",
        "from": int(start.timestamp()),
        "to": int(start.timestamp()) + 86400,
    }

"""The span of time that a report tells of, as people name it: `week`, `last month`, `30d`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from bot.domain.errors import NotUnderstood
from bot.domain.window import Window, on_wall_clock

#: How many days a report covers when nobody says otherwise: each weekday occurs four times.
DAYS = 28
#: The longest period, in days.
LONGEST_DAYS = 366
EXAMPLE = "/gpu report last month"

_ONE_DAY, _ONE_WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Period:
    """What a report covers, and the time before it that it is compared with.

    Both begin at a midnight of the cluster's wall clock. A period that is not over ends now, and
    the one before is cut to the same length.
    """

    window: Window
    before: Window


def parse_period(text: str, *, now: datetime, zone: tzinfo) -> Period:
    """The period that `text` names on the wall clock of `zone`; empty: the last 28 days.

    Knows `week`, `last week`, `month`, `last month`, `2026-11`, `2026`, `30d` (today is the
    thirtieth), and the Chinese words for them. Raises NotUnderstood.
    """
    words = " ".join(text.lower().split())
    today = now.astimezone(zone).date()
    found = _read(words, today)
    if found is None or found.first > today:
        raise NotUnderstood(word=text.strip(), example=EXAMPLE)
    return _period(found, now, zone)


@dataclass(frozen=True, slots=True)
class _Days:
    """Whole days: from `first` until before `after`; `earlier` is the first day of those before."""

    first: date
    after: date
    earlier: date


def _read(words: str, today: date) -> _Days | None:
    if (named := _NAMED.get(words)) is not None:
        return named(today)
    if match := re.fullmatch(r"(?:last )?(\d{1,3}) ?(?:d|days?|天)", words, re.ASCII):
        count = int(match[1])
        return _last(count, today) if 0 < count <= LONGEST_DAYS else None
    if match := re.fullmatch(r"(\d{4})[-/](\d{1,2})", words, re.ASCII):
        return _month(int(match[1]), int(match[2]))
    if match := re.fullmatch(r"\d{4}", words, re.ASCII):
        return _year(int(match[0]))
    return None


def _last(count: int, today: date) -> _Days | None:
    try:
        first = today - (count - 1) * _ONE_DAY
        return _Days(first, today + _ONE_DAY, first - count * _ONE_DAY)
    except OverflowError:
        return None


def _week(today: date) -> _Days:
    monday = today - today.weekday() * _ONE_DAY
    return _Days(monday, monday + _ONE_WEEK, monday - _ONE_WEEK)


def _month(year: int, month: int) -> _Days | None:
    if not (1 < year < 9999 and 1 <= month <= 12):
        return None
    first = date(year, month, 1)
    after = (first + 31 * _ONE_DAY).replace(day=1)
    return _Days(first, after, (first - _ONE_DAY).replace(day=1))


def _year(year: int) -> _Days | None:
    if not 1 < year < 9999:
        return None
    return _Days(date(year, 1, 1), date(year + 1, 1, 1), date(year - 1, 1, 1))


def _this_month(today: date) -> _Days | None:
    return _month(today.year, today.month)


def _last_month(today: date) -> _Days | None:
    return _this_month(today.replace(day=1) - _ONE_DAY)


def _four_weeks(today: date) -> _Days | None:
    return _last(DAYS, today)


def _last_week(today: date) -> _Days | None:
    return _week(today - _ONE_WEEK)


_NAMED: dict[str, Callable[[date], _Days | None]] = {
    "": _four_weeks,
    **dict.fromkeys(("week", "this week", "本周", "这周"), _week),
    **dict.fromkeys(("last week", "上周"), _last_week),
    **dict.fromkeys(("month", "this month", "本月", "这个月"), _this_month),
    **dict.fromkeys(("last month", "上月", "上个月"), _last_month),
}


def _period(days: _Days, now: datetime, zone: tzinfo) -> Period:
    start, end = on_wall_clock(days.first, zone), min(on_wall_clock(days.after, zone), now)
    # In the very second of midnight there is nothing yet; a window is never empty.
    window = Window(start, max(end, start + timedelta(seconds=1)))
    earlier = on_wall_clock(days.earlier, zone)
    before = Window(earlier, start if end < now else min(earlier + window.length, start))
    return Period(window, before)

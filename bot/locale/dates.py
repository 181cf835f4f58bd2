"""Days, moments and lengths of time as each language writes them, for Slack and for pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import ceil

from babel.dates import format_date, format_datetime, get_day_names

from bot.locale import SOURCE, language, translator


@dataclass(frozen=True, slots=True)
class Style:
    """How a language writes dates, in the patterns of Unicode CLDR."""

    #: Whose names of days and months are used.
    locale: str
    day: str
    #: Where there is little room; the month is said elsewhere.
    short_day: str
    moment: str


#: A style for every language that has a catalogue.
STYLES = {
    SOURCE: Style("en", "EEE d MMM", "EEE d", "EEE d MMM HH:mm"),
    "zh_CN": Style("zh_Hans_CN", "M月d日EEE", "d日EEE", "M月d日EEE HH:mm"),
}


def day(of: date, locale: str) -> str:
    """As in "Thu 26 Nov"."""
    style = _style(locale)
    return format_date(of, style.day, locale=style.locale)


def short_day(of: date, locale: str) -> str:
    """As in "Thu 26", without the month."""
    style = _style(locale)
    return format_date(of, style.short_day, locale=style.locale)


def moment(local: datetime, locale: str) -> str:
    """As in "Thu 26 Nov 22:00", for a moment already in the reader's zone."""
    # Without its zone it is written as it stands; Babel would turn it into UTC.
    return _moment(local.replace(tzinfo=None), locale)


@lru_cache(maxsize=8192)
def _moment(local: datetime, locale: str) -> str:
    # Most moments are lines of the slot grid: the same few thousand, over and over.
    style = _style(locale)
    return format_datetime(local, style.moment, locale=style.locale)


def window(start: str, end: str, span: timedelta, locale: str) -> str:
    """As in "Thu 26 Nov 22:00 – 23:00 (1 h)", from its ends as they are already written."""
    pattern = translator(locale).gettext("{start} – {end} ({length})")
    return pattern.format(start=start, end=end, length=length(span, locale))


def local_window(start: datetime, end: datetime, span: timedelta, locale: str) -> str:
    """The same for ends already in the reader's zone; the day is said once where it is one."""
    one_day = start.date() == end.date()
    ends = f"{end:%H:%M}" if one_day else moment(end, locale)
    return window(moment(start, locale), ends, span, locale)


def weekdays(locale: str) -> tuple[str, ...]:
    """As in "Mon", from Monday to Sunday."""
    names = get_day_names("abbreviated", "stand-alone", _style(locale).locale)
    return tuple(str(names[number]) for number in range(7))


@lru_cache(maxsize=1024)
def length(span: timedelta, locale: str) -> str:
    """As in "20 h", "1 d 12 h", "90 min", "2 h 30 min".

    A minute that has begun counts, so that lengths agree with times, which show no seconds.
    """
    minutes = max(ceil(span.total_seconds() / 60), 0)
    if minutes < 120 and minutes % 60:
        return _minutes(minutes, locale)
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    written = [
        *([_days(days, locale)] if days else []),
        *([_hours(hours, locale)] if hours else []),
        *([_minutes(minutes, locale)] if minutes else []),
    ]
    return " ".join(written) or _minutes(0, locale)


def _days(number: int, locale: str) -> str:
    return translator(locale).ngettext("{n} d", "{n} d", number).format(n=number)


def _hours(number: int, locale: str) -> str:
    return translator(locale).ngettext("{n} h", "{n} h", number).format(n=number)


def _minutes(number: int, locale: str) -> str:
    return translator(locale).ngettext("{n} min", "{n} min", number).format(n=number)


def _style(locale: str) -> Style:
    return STYLES.get(language(locale), STYLES[SOURCE])

"""The words for moments, in English and Chinese, and the values that they stand for."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, timedelta, timezone
from typing import NamedTuple

from bot.domain.errors import NotUnderstood
from bot.domain.lengths import read_length
from bot.domain.timevalues import (
    After,
    CalendarDay,
    Clock,
    Context,
    DashedTime,
    FollowingDay,
    Now,
    Offset,
    Part,
    RelativeDay,
    Value,
    Weekday,
)
from bot.domain.words import CHINESE_NUMBER, FLAGS, WORD_END, Text, number_of

_Make = Callable[[re.Match[str], Context], "tuple[Value, ...] | None"]

_WEEKDAYS = {day: n for n, day in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))}
_CHINESE_WEEKDAYS = {day: n for n, day in enumerate("一二三四五六日")} | {"天": 6}
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {month: n for n, month in enumerate(_MONTH_NAMES, start=1)}
_DAY_WORDS = (
    dict.fromkeys(("today", "今", "今天", "今日"), 0)
    | dict.fromkeys(("tomorrow", "tomorow", "tmrw", "tmr", "tmw", "明", "明天", "明日"), 1)
    | dict.fromkeys(("后天", "後天"), 2)
    | dict.fromkeys(("大后天", "大後天"), 3)
    | dict.fromkeys(("yesterday", "昨", "昨天", "昨日"), -1)
)
_PARTS = {
    **dict.fromkeys(("morning", "早", "早上", "早晨", "清晨", "上午", "晨"), Part.MORNING),
    **dict.fromkeys(("中午", "正午", "noon"), Part.NOON),
    **dict.fromkeys(("afternoon", "下午"), Part.AFTERNOON),
    **dict.fromkeys(("evening", "night", "傍晚", "晚上", "晚间", "夜里", "夜间"), Part.EVENING),
    **dict.fromkeys(("深夜", "晚", "夜"), Part.EVENING),
    **dict.fromkeys(("凌晨",), Part.SMALL_HOURS),
    **dict.fromkeys(("midnight", "半夜", "午夜"), Part.MIDNIGHT),
}
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_YEAR = r"(?:\s*,?\s*(?P<year>20\d\d)(?![\d:./-]))?"
_CN = CHINESE_NUMBER


def _day(match: re.Match[str], context: Context, day: CalendarDay) -> tuple[Value, ...]:
    """The date; raises NotUnderstood if no calendar (no leap year, without a year) has it."""
    year = 2000 if day.year is None else day.year
    try:
        date(year, day.month or 1, day.day)
    except ValueError:
        raise NotUnderstood(word=match[0], example=context.example) from None
    # Beyond, instants may not exist in every zone.
    if not 1971 <= year <= 2199:
        raise NotUnderstood(word=match[0], example=context.example)
    return (day,)


def _iso_day(match: re.Match[str], context: Context) -> tuple[Value, ...]:
    return _day(match, context, CalendarDay(int(match[4]), int(match[3]), int(match[1])))


def _slashed_day(match: re.Match[str], context: Context) -> tuple[Value, ...]:
    first, second = int(match[1]), int(match[2])
    year = None if match[3] is None else int(match[3]) + (2000 if len(match[3]) == 2 else 0)
    month, day = (first, second) if context.month_first else (second, first)
    if month > 12:
        return _day(match, context, CalendarDay(month, day, year, doubtful=True))
    doubtful = day <= 12 and day != month
    return _day(match, context, CalendarDay(day, month, year, doubtful))


def _named_day(match: re.Match[str], context: Context) -> tuple[Value, ...]:
    year = int(match["year"]) if match["year"] else None
    month = _MONTHS[match["month"][:3].lower()]
    return _day(match, context, CalendarDay(int(match["day"]), month, year))


def _chinese_day(match: re.Match[str], context: Context) -> tuple[Value, ...]:
    month = int(number_of(match["month"])) if match["month"] else None
    return _day(match, context, CalendarDay(int(number_of(match["day"])), month))


def _day_word(match: re.Match[str], _: Context) -> tuple[Value, ...]:
    return (RelativeDay(_DAY_WORDS[match[1].lower()]),)


def _day_and_part(match: re.Match[str], _: Context) -> tuple[Value, ...]:
    return RelativeDay(_DAY_WORDS[match[1]]), _PARTS[match[2]]


def _weekday(match: re.Match[str], _: Context) -> tuple[Value, ...]:
    weeks = {"this": 0, "next": 1}.get((match[1] or "").lower())
    return (Weekday(_WEEKDAYS[match[2][:3].lower()], weeks),)


def _chinese_weekday(match: re.Match[str], _: Context) -> tuple[Value, ...]:
    weeks = {"这": 0, "這": 0, "本": 0, "下": 1, "下下": 2, "上": -1}.get(match[1] or "")
    return (Weekday(_CHINESE_WEEKDAYS[match[2]], weeks),)


def _clock(match: re.Match[str], _: Context) -> tuple[Value, ...] | None:
    hour, half = int(match["hour"]), (match["half"] or "")[:1].lower()
    groups = match.groupdict()
    minute, second = int(groups.get("minute") or 0), int(groups.get("second") or 0)
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    if minute > 59 or second > 59 or hour > 24 or (hour == 24 and minute + second > 0):
        return None
    return (Clock(hour, minute, second, exact=bool(half)),)


def _iso_moment(match: re.Match[str], context: Context) -> tuple[Value, ...] | None:
    clock = _clock(match, context)
    return _iso_day(match, context) + clock if clock else None


_QUARTERS = {"半": 30, "一刻": 15, "三刻": 45}


def _chinese_clock(match: re.Match[str], _: Context) -> tuple[Value, ...] | None:
    hour = int(number_of(match["hour"]))
    written = match["minute"] or match["minute2"]
    minute = int(number_of(written)) if written else _QUARTERS.get(match["quarter"], 0)
    if minute > 59 or hour > 24 or (hour == 24 and minute):
        return None
    return (Clock(hour, minute),)


def _always(*values: Value) -> _Make:
    return lambda _match, _context: values


class _Rule(NamedTuple):
    """What words look like, and what they stand for; None: nothing after all."""

    pattern: re.Pattern[str]
    make: _Make
    #: Whether they may begin with a digit, and with anything else.
    digit: bool
    other: bool


def _rule(pattern: str, make: _Make, *, digit: bool = False, other: bool = True) -> _Rule:
    return _Rule(re.compile(pattern, FLAGS), make, digit, other)


def _digits(pattern: str, make: _Make) -> _Rule:
    return _rule(pattern, make, digit=True, other=False)


_HALF = r"\s*(?P<half>am|pm|a\.m\.?|p\.m\.?)(?![a-z0-9_])"
#: Tried in order; the first that matches and makes sense wins.
_RULES = (
    _rule(rf"(?:right\s+)?now{WORD_END}|现在|現在|立即|立刻|马上|馬上", _always(Now())),
    _rule(rf"(?:the\s+)?day\s+after\s+tomorrow{WORD_END}", _always(RelativeDay(2))),
    _rule(rf"tonight{WORD_END}", _always(RelativeDay(0), Part.EVENING)),
    _rule(
        rf"this\s+(morning|afternoon|evening){WORD_END}",
        lambda match, _: (RelativeDay(0), _PARTS[match[1].lower()]),
    ),
    _rule(rf"(today|tomorr?ow|tmrw|tmr|tmw|yesterday){WORD_END}", _day_word),
    _rule(r"([今明昨])([早晚夜晨])上?", _day_and_part),
    _rule(r"([今明昨][天日]|大?[后後]天)", _day_word),
    _rule(rf"(?:the\s+)?(?:next|following)\s+day{WORD_END}", _always(FollowingDay())),
    _rule(r"次日|隔天|第二天", _always(FollowingDay())),
    _rule(
        r"(?:(this|next|coming)\s+)?(mon(?:day)?|tue(?:s(?:day)?)?|wed(?:s|nesday)?"
        rf"|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?){WORD_END}",
        _weekday,
    ),
    _rule(
        r"(这|這|本|下下|下|上)?(?:个|個)?(?:周|週|星期|礼拜|禮拜)([一二三四五六日天])",
        _chinese_weekday,
    ),
    _digits(
        r"(\d{4})(-)(\d\d)-(\d\d)T(?P<hour>\d\d):(?P<minute>\d\d)"
        r"(?::(?P<second>\d\d)(?:\.\d{1,9})?)?(?P<half>(?!))?(?![\d:])",
        _iso_moment,
    ),
    _digits(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)", _iso_day),
    _digits(r"(\d{4})(年)(\d{1,2})月(\d{1,2})[日号號]?", _iso_day),
    _digits(r"(\d{1,2})/(\d{1,2})(?:/(\d{4}|\d{2}))?(?![\d/])", _slashed_day),
    _rule(
        rf"(?P<month>\d{{1,2}}|{_CN})月(?P<day>\d{{1,2}}|{_CN})[日号號]?", _chinese_day, digit=True
    ),
    _digits(r"(?P<month>(?!))?(?P<day>\d{1,2})[号號]", _chinese_day),
    _digits(
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s*(?:of\s+)?{_MONTH}\.?(?![a-z]){_YEAR}", _named_day
    ),
    _rule(
        rf"{_MONTH}\.?\s*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\w:]|\s*[ap]\.?m){_YEAR}",
        _named_day,
    ),
    _digits(
        r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d{1,9})?)?"
        rf"(?:{_HALF}|(?P<none>))(?![\d:])",
        _clock,
    ),
    _digits(rf"(?P<hour>\d{{1,2}})(?:\.(?P<minute>\d\d))?{_HALF}", _clock),
    _rule(
        r"(?:at|@)\s*(?P<hour>\d{1,2})(?P<half>(?!))?"
        r"(?![\w:./]|\s*(?:[ap]\.?m|gpus?|cards?|x|[点點时時块张卡月号]))",
        _clock,
    ),
    _rule(
        rf"(?P<hour>\d{{1,2}}|{_CN})[点點时時](?:钟|鐘|整|(?P<quarter>半|一刻|三刻)"
        rf"|(?P<minute>\d{{1,2}}|{_CN})分(?![钟鐘])"
        r"|(?P<minute2>\d\d)(?![\w:.]|\s*(?:[小个個天周星礼块张卡]|gpu)))?",
        _chinese_clock,
        digit=True,
    ),
    _rule(
        rf"(?:in\s+the\s+|at\s+)?(morning|afternoon|evening|night|noon|midnight){WORD_END}",
        lambda match, _: (_PARTS[match[1].lower()],),
    ),
    _rule(
        r"(早上|早晨|清晨|上午|中午|正午|下午|傍晚|晚上|晚间|夜里|夜间|深夜|凌晨|半夜|午夜)",
        lambda match, _: (_PARTS[match[1]],),
    ),
)
#: What may begin with a digit, and what with anything else: half need not be tried anywhere.
_FROM_DIGIT = tuple(rule for rule in _RULES if rule.digit)
_FROM_OTHER = tuple(rule for rule in _RULES if rule.other)

_UTC = re.compile(
    r"\s*(?:Z|UTC|GMT)(?:\s?(?P<sign>[-+−])(?P<h>\d{1,2})(?::?(?P<m>\d\d))?)?(?![a-z0-9_:])",
    FLAGS,
)
_PLUS = re.compile(r"\s*(?P<sign>\+)(?P<h>\d\d):?(?P<m>\d\d)(?![\d:])")
_GLUED_MINUS = re.compile(r"(?P<sign>[-−])(?P<h>\d\d):?(?P<m>\d\d)(?![\d:])")
_DASHED = re.compile(r"\s+(?P<sign>[-−])(?P<h>\d\d):(?P<m>\d\d)(?![\d:])")
_NAME = re.compile(r"\s*([A-Za-z]{2,5})(?![A-Za-z0-9_-])")
_FOLD = re.compile(rf"\s*(?:(first{WORD_END}|第一次)|second{WORD_END}|第二次)", FLAGS)


def zone_names(context: Context) -> dict[str, timezone]:
    """What the asker's zone is called over a year (`CET`, `CEST`), and the offsets meant."""
    local = [(context.now + timedelta(days=30 * n)).astimezone(context.zone) for n in range(13)]
    offsets = {moment.tzname(): moment.utcoffset() for moment in local}
    return {
        name.upper(): timezone(offset)
        for name, offset in offsets.items()
        if name and name.isalpha() and offset is not None
    }


def _fixed(match: re.Match[str]) -> timezone | None:
    """The zone of a written offset; None for offsets that no place has."""
    if match["sign"] is None:
        return UTC
    offset = timedelta(hours=int(match["h"]), minutes=int(match["m"] or 0))
    if offset > timedelta(hours=14) or int(match["m"] or 0) > 59:
        return None
    return timezone(offset if match["sign"] == "+" else -offset)


def _read_zone(text: str, at: int, context: Context) -> tuple[Value, int] | None:
    """The zone named right after a time or a day: `UTC+2`, `CEST`, `first`."""
    if (match := _UTC.match(text, at)) and (zone := _fixed(match)) is not None:
        return Offset(zone), match.end()
    if match := _FOLD.match(text, at):
        return Offset(fold=0 if match[1] else 1), match.end()
    match = _NAME.match(text, at)
    named = zone_names(context).get(match[1].upper()) if match else None
    return (Offset(named), match.end()) if match and named else None


def _read_offset(text: str, at: int, *, iso: bool) -> tuple[Value, int] | None:
    """The offset written right after a time; only in ISO times a glued minus begins one."""
    for pattern in (_PLUS, *((_GLUED_MINUS,) if iso else ()), _DASHED):
        if (match := pattern.match(text, at)) and (zone := _fixed(match)) is not None:
            end = Clock(int(match["h"]), int(match["m"])) if pattern is _DASHED else None
            return (DashedTime(Offset(zone), end) if end else Offset(zone)), match.end()
    return None


_IN = re.compile(r"in\s+", FLAGS)
_FROM_NOW = re.compile(rf"\s*(?:from\s+now|later){WORD_END}|\s*(?:之|以)?[后後](?!天)", FLAGS)


def _read_after(text: Text, at: int) -> tuple[tuple[Value, ...], int] | None:
    """`in 3h`, `3h from now`, `3小时后`."""
    before = _IN.match(text.plain, at)
    found = read_length(text, before.end() if before else at)
    if found is None:
        return None
    length, end = found
    if before:
        return (After(length),), end
    later = _FROM_NOW.match(text.plain, end)
    return ((After(length),), later.end()) if later else None


def read_time(text: Text, at: int, context: Context) -> tuple[tuple[Value, ...], int] | None:
    """The day, clock time or other moment word at `at`, and where it ends; None: there is none."""
    plain = text.plain
    for rule in _FROM_DIGIT if plain[at : at + 1].isdigit() else _FROM_OTHER:
        if (match := rule.pattern.match(plain, at)) and (values := rule.make(match, context)):
            return _with_zone(values, plain, match.span(), context)
    return _read_after(text, at)


def _with_zone(
    values: tuple[Value, ...], text: str, span: tuple[int, int], context: Context
) -> tuple[tuple[Value, ...], int]:
    start, end = span
    if isinstance(values[-1], Now | Part):
        return values, end
    zone = _read_zone(text, end, context)
    if zone is None and isinstance(values[-1], Clock):
        zone = _read_offset(text, end, iso="T" in text[start:end].upper())
    return ((*values, zone[0]), zone[1]) if zone else (values, end)

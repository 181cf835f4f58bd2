"""From the words of a moment to its instant, on the asker's wall clock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dateutil import tz

from bot.domain.errors import (
    N_,
    AmbiguousTime,
    InputError,
    InThePast,
    Missing,
    NonexistentTime,
    NotUnderstood,
)
from bot.domain.notes import Note
from bot.domain.timevalues import (
    After,
    CalendarDay,
    Clock,
    Context,
    DashedTime,
    Day,
    FollowingDay,
    Now,
    Offset,
    Part,
    RelativeDay,
    Value,
    Weekday,
)
from bot.domain.window import GRACE

MISSING_CLOCK = Note(N_("Say at what time of the day."))
#: Times of the day to suggest, the first of them that is still to come.
EXAMPLES = (time(9), time(14), time(18), time(22))
READ_AS_DAY = N_("“{phrase}” was read as {day}.")
READ_AS_MOMENT = N_("“{phrase}” was read as {instant}.")
READ_AS_NOW = N_("“{phrase}” has begun and was read as now.")

_BETWEEN_WORDS = re.compile(r"(?P<space>[\s,，]*)(?:(?:at|on|the|的)[\s,，]*)?")

#: The hours that each part of the day covers; 24 and more lie on the next day.
_HOURS = {
    Part.SMALL_HOURS: range(8),
    Part.MORNING: range(13),
    Part.NOON: range(10, 15),
    Part.AFTERNOON: range(12, 24),
    Part.EVENING: range(17, 29),
    Part.MIDNIGHT: range(21, 30),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant that was read from text."""

    #: Aware UTC.
    instant: datetime
    notes: tuple[Note, ...] = ()
    #: Whether it is the present, so that a booking starts at once.
    is_now: bool = False
    #: Whether only a day was named; the instant is its beginning.
    is_day: bool = False


@dataclass(slots=True)
class Draft:
    """The words of one moment, gathered one by one."""

    #: The text that the words come from, if it is known.
    text: str = ""
    words: list[str] = field(default_factory=list)
    now: bool = False
    after: timedelta | None = None
    day: Day | None = None
    part: Part | None = None
    clock: Clock | None = None
    offset: Offset | None = None
    #: Whether the day was named after the time, as in `18:00 tomorrow`.
    day_last: bool = False

    @property
    def phrase(self) -> str:
        """The words as typed, with the small words between them; without others, if any."""
        words = [word for word in self.words if word]
        return _as_typed(self.text, words) or " ".join(words)

    def take(self, values: tuple[Value, ...], word: str) -> bool:
        """Add `values`, typed as `word`; False, and nothing added, when one has no room."""
        if not all(map(self._has_room, values)):
            return False
        for value in values:
            self._put(value)
        self.words.append(word)
        return True

    def _has_room(self, value: Value) -> bool:
        match value:
            case Now() | After():
                return not self.words or (isinstance(value, After) and self._may_count(value))
            case Part():
                midnight = value is Part.MIDNIGHT and self.part is Part.EVENING
                return not self.now and self.after is None and (self.part is None or midnight)
            case Clock():
                whole_days = self.after is None or not self.after % timedelta(days=1)
                return not self.now and self.clock is None and whole_days
            case Offset() | DashedTime():
                return self.offset is None
        return not self.now and self.after is None and self.day is None

    def _may_count(self, value: After) -> bool:
        """Whether whole days may be added to what is there: `at 9:00 in 2 days`."""
        bare = self.clock is not None and self.day is None and self.part is None
        return bare and self.after is None and not value.length % timedelta(days=1)

    def _put(self, value: Value) -> None:
        match value:
            case Now():
                self.now = True
            case After(length):
                self.after = length
            case Part():
                self.part = value
            case Clock():
                self.clock = value
            case Offset() | DashedTime():
                self.offset = value if isinstance(value, Offset) else value.offset
            case _:
                self.day = value
                self.day_last = self.clock is not None


def _as_typed(text: str, words: Sequence[str]) -> str:
    """Where the words stand in `text`, one after the other; empty when they do not.

    By hand, because a pattern of the words would be compiled anew for each date that is typed.
    """
    at = text.find(words[0]) if words else -1
    while at >= 0:
        end: int | None = at + len(words[0])
        for word in words[1:]:
            end = None if end is None else _after(text, end, word)
        if end is not None:
            return text[at:end]
        at = text.find(words[0], at + 1)
    return ""


def _after(text: str, at: int, word: str) -> int | None:
    """The end of `word` where it follows, maybe after a small word."""
    between = _BETWEEN_WORDS.match(text, at)
    starts = () if between is None else (between.end(), between.end("space"))
    return next((start + len(word) for start in starts if text.startswith(word, start)), None)


def resolve(
    draft: Draft, context: Context, *, since: datetime | None = None, whole_day: bool = False
) -> Moment:
    """The instant that `draft` means.

    A start (`since` None) is the next such time from now on, where the day is left open. An end
    is the first such time after `since`, its start. With `whole_day` a day without a time means
    its beginning. Raises NonexistentTime, AmbiguousTime, Missing, NotUnderstood.
    """
    if draft.now:
        return Moment(context.now, is_now=True)
    if draft.after is not None and draft.clock is None:
        return Moment((context.now + draft.after).replace(microsecond=0))
    if draft.clock is None and draft.part in (None, Part.SMALL_HOURS):
        return _beginning(draft, context, since, whole_day=whole_day)
    return _timed(draft, context, since)


def _beginning(
    draft: Draft, context: Context, since: datetime | None, *, whole_day: bool
) -> Moment:
    day, _ = _date(draft, context, _local(since or context.now, context.zone).date())
    if not whole_day or draft.day is None:
        raise _which_time(draft, context, day)
    return Moment(_midnight(day, context.zone), _day_notes(draft, day), is_day=True)


def _midnight(day: date, zone: tzinfo) -> datetime:
    """The instant at which `day` begins; where the clock skips midnight, where it goes on."""
    wall = datetime.combine(day, time())
    return tz.resolve_imaginary(wall.replace(tzinfo=zone)).astimezone(UTC)


def _which_time(draft: Draft, context: Context, day: date) -> InputError:
    """The question for the time of `day`, with an example that is not over; or that it is over."""
    if day < context.today:
        return InThePast(start=_midnight(day, context.zone), now=context.now)
    local = _local(context.now, context.zone)
    clocks = [f"{clock:%H:%M}" for clock in EXAMPLES if datetime.combine(day, clock) > local]
    better = f"{draft.phrase} {clocks[0]}" if clocks else "tomorrow 09:00"
    example = context.suggest(draft.phrase, better)
    return Missing(what=MISSING_CLOCK, example=example, form_field="start")


def _timed(draft: Draft, context: Context, since: datetime | None) -> Moment:
    zone = (draft.offset and draft.offset.zone) or context.zone
    earliest = since + timedelta(seconds=1) if since else context.now - GRACE
    hour, clock = _hour(draft), draft.clock or Clock(0)
    day, period = _date(draft, context, _local(since or context.now, zone).date())
    shift, hour = divmod(hour, 24)
    wall = datetime.combine(day, time(hour, clock.minute, clock.second))
    # Without a day the hours past midnight need no shift: the next such time is meant anyway.
    wall += timedelta(days=shift if draft.day or draft.after else 0)
    if _is_this_night(draft, wall, _local(since or context.now, zone)):
        wall -= timedelta(days=1)
    rolled = period is not None and wall < _local(earliest, zone)
    if rolled and period:
        wall += period
    instant = _on_clock(wall, zone, draft, context)
    if draft.clock is None and _has_begun(draft, instant, context):
        return Moment(context.now, (Note(READ_AS_NOW, {"phrase": draft.phrase}),), is_now=True)
    unclear = draft.clock is None and draft.part is not Part.NOON
    doubtful = (rolled and since is None) or shift > 0 or unclear
    doubtful = doubtful or _is_foreign(draft, instant, context.zone)
    return Moment(instant, _notes(draft, day, instant if doubtful else None))


def _is_this_night(draft: Draft, wall: datetime, local: datetime) -> bool:
    """Whether `tonight 1am` is said after midnight: the night is this one, not the next."""
    tonight = draft.part is Part.EVENING and draft.day == RelativeDay(0)
    return tonight and wall - timedelta(days=1) > local


def _local(instant: datetime, zone: tzinfo) -> datetime:
    """The wall clock of `zone` at `instant`, without the zone."""
    return instant.astimezone(zone).replace(tzinfo=None)


def _hour(draft: Draft) -> int:
    """The hour meant, counted from the day's midnight: `晚上12点` is 24."""
    clock, part = draft.clock, draft.part
    if part is None:
        return clock.hour if clock else 0
    if part is Part.MIDNIGHT and draft.day not in (None, RelativeDay(0)):
        # The midnight at which the day begins, or at which it ends? Ask.
        raise NotUnderstood(word=draft.phrase, example="fri 00:00", form_field="start")
    if clock is None:
        return 24 if part is Part.MIDNIGHT else part.value or 0
    period = 24 if clock.exact or clock.hour == 0 or clock.hour > 12 else 12
    hours = [hour for hour in _HOURS[part] if (hour - clock.hour) % period == 0]
    if not hours:
        raise NotUnderstood(word=draft.phrase, example="tomorrow 22:00", form_field="start")
    return hours[-1]


def _date(draft: Draft, context: Context, anchor: date) -> tuple[date, timedelta | None]:
    """The date meant, and how far the next such date lies, where the words leave that open."""
    if draft.after is not None:
        return context.today + draft.after, None
    match draft.day:
        case None:
            return anchor, timedelta(days=1)
        case RelativeDay(days):
            return context.today + timedelta(days=days), None
        case FollowingDay(days):
            return anchor + timedelta(days=days), None
        case Weekday(number, None):
            return anchor + timedelta(days=(number - anchor.weekday()) % 7), timedelta(days=7)
        case Weekday(number, weeks):
            monday = context.today - timedelta(days=context.today.weekday())
            return monday + timedelta(days=number, weeks=weeks or 0), None
        case CalendarDay() as day:
            return _next_date(day, anchor), None


def _next_date(day: CalendarDay, anchor: date) -> date:
    """The date itself, or without a year (and month) its next occurrence from `anchor` on."""
    if day.year is not None:
        return date(day.year, day.month or 1, day.day)
    months = [day.month] if day.month else range(1, 13)
    # Eight years hold a 29 February, whatever the century.
    years = range(anchor.year, anchor.year + 9)
    dates = (found for y in years for m in months if (found := _valid_date(y, m, day.day)))
    return next(found for found in dates if found >= anchor)


def _valid_date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _on_clock(wall: datetime, zone: tzinfo, draft: Draft, context: Context) -> datetime:
    """The instant, in UTC, at which the clock of `zone` shows `wall`."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if _local(first, zone) != wall:
        after = _end_of_gap(wall, zone)
        example = f"{_local(after, zone):%Y-%m-%d %H:%M}"
        raise NonexistentTime(
            phrase=draft.phrase,
            before=after - timedelta(minutes=1),
            after=after,
            example=context.suggest(draft.phrase, example),
        )
    fold = draft.offset.fold if draft.offset else None
    if first != second and fold is None:
        raise AmbiguousTime(
            phrase=draft.phrase,
            first=first,
            second=second,
            example=context.suggest(draft.phrase, f"{draft.phrase} {_zone_word(first, zone)}"),
        )
    return second if fold == 1 else first


def _zone_word(instant: datetime, zone: tzinfo) -> str:
    """A word that tells the two occurrences apart: `CEST`, or `UTC+02:00`."""
    local = instant.astimezone(zone)
    name = local.tzname() or ""
    return name if name.isascii() and name.isalpha() else f"{local:UTC%z}"


def _end_of_gap(wall: datetime, zone: tzinfo) -> datetime:
    """The instant at which the clock jumps over `wall`."""
    low, high = (
        (wall + timedelta(days=days)).replace(tzinfo=zone).astimezone(UTC) for days in (-1, 1)
    )
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if _local(middle, zone) > wall:
            high = middle
        else:
            low = middle
    return high


def _has_begun(draft: Draft, instant: datetime, context: Context) -> bool:
    """Whether `tonight` was said when tonight has begun, so that it can only mean now."""
    begun = instant < context.now - GRACE
    return begun and draft.part is Part.EVENING and draft.day == RelativeDay(0)


def _is_foreign(draft: Draft, instant: datetime, zone: tzinfo) -> bool:
    """Whether an offset was named that is not the asker's own then."""
    named = draft.offset.zone if draft.offset else None
    return named is not None and named.utcoffset(None) != instant.astimezone(zone).utcoffset()


def _day_notes(draft: Draft, day: date) -> tuple[Note, ...]:
    doubtful = isinstance(draft.day, CalendarDay) and draft.day.doubtful
    named_week = isinstance(draft.day, Weekday) and draft.day.weeks == 1
    if not (doubtful or named_week):
        return ()
    return (Note(READ_AS_DAY, {"phrase": draft.phrase, "day": day}),)


def _notes(draft: Draft, day: date, instant: datetime | None) -> tuple[Note, ...]:
    if instant is None:
        return _day_notes(draft, day)
    return (Note(READ_AS_MOMENT, {"phrase": draft.phrase, "instant": instant}),)

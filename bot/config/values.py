"""What single keys of the configuration file may hold: durations, times of day, names, ids."""

from __future__ import annotations

import re
from datetime import time, timedelta
from functools import partial
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from bot.domain.window import SLOT_HOURS
from bot.domain.zones import zone_named

_PART = re.compile(r"([0-9]+)([wdhm])")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
DURATION = {"type": "string", "pattern": "^([0-9]+[wdhm])+$", "examples": ["2h", "90d", "1d12h"]}
CLOCK = r"([01]?[0-9]|2[0-3]):[0-5][0-9]"
#: What switches a rule off, where no time of day stands.
OFF = "off"

SLOTS = ", ".join(f"{hours}h" for hours in SLOT_HOURS)


def parse_duration(text: object) -> timedelta:
    """A duration such as `2h`, `90d`, `30m` or `1d12h`; raises ValueError for anything else."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(rf"({_PART.pattern})+", text):
        raise ValueError("not a duration")
    parts = _PART.findall(text)
    try:
        return sum((timedelta(**{_UNITS[u]: int(n)}) for n, u in parts), timedelta())
    except OverflowError:
        raise ValueError("not a duration") from None


def show_duration(length: timedelta) -> str:
    """`2h`, `90d`, `1d12h`: what `parse_duration` reads, and seconds where there are any."""
    minutes, seconds = divmod(length.seconds, 60)
    parts = ((length.days, "d"), (minutes // 60, "h"), (minutes % 60, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0m"


def bounded(value: object, lowest: timedelta, highest: timedelta) -> timedelta:
    """A duration within bounds; raises ValueError for anything else."""
    length = parse_duration(value)
    if not lowest <= length <= highest:
        raise ValueError("out of bounds")
    return length


def _answer_time_or_off(value: object) -> timedelta | None:
    return None if value in (None, OFF) else bounded(value, _MINUTE, _DAY)


def _clock(value: object) -> time:
    """A time of day such as `09:00`; TOML's own `09:00:00` will do."""
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not re.fullmatch(CLOCK, value):
        raise ValueError("not a time of day")
    hour, minute = value.split(":")
    return time(int(hour), int(minute))


def _clock_or_off(value: object) -> time | None:
    return None if value in (None, OFF) else _clock(value)


def _span_or_off(value: object) -> tuple[time, time] | None:
    """From when to when, such as `22:00-07:00`, on the clock of a day and maybe the next."""
    if value in (None, OFF):
        return None
    if not isinstance(value, str):
        raise ValueError("not a span of the day")
    start, _, end = (part.strip() for part in value.partition("-"))
    if _clock(start) == _clock(end):
        raise ValueError("a span of no length")
    return _clock(start), _clock(end)


def show_clock(clock: time) -> str:
    """`09:00`: what stands in the file for it."""
    return f"{clock:%H:%M}"


def _slot(value: object) -> timedelta:
    length = parse_duration(value)
    if length not in {timedelta(hours=hours) for hours in SLOT_HOURS}:
        raise ValueError("not a slot")
    return length


def _zone_name(value: object) -> str:
    if not isinstance(value, str) or zone_named(value) is None:
        raise ValueError("not a time zone")
    return value


def _span(lowest: timedelta, highest: timedelta) -> BeforeValidator:
    return BeforeValidator(partial(bounded, lowest=lowest, highest=highest))


_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_WRITTEN = WithJsonSchema(DURATION)
Slot = Annotated[timedelta, BeforeValidator(_slot), _WRITTEN]
Horizon = Annotated[timedelta, _span(_DAY, 366 * _DAY), _WRITTEN]
Longest = Annotated[timedelta, _span(_MINUTE, 366 * _DAY), _WRITTEN]
UpToADay = Annotated[timedelta, _span(timedelta(), _DAY), _WRITTEN]
AnswerTime = Annotated[timedelta, _span(_MINUTE, _DAY), _WRITTEN]
AnswerTimeOrOff = Annotated[
    timedelta | None,
    BeforeValidator(_answer_time_or_off),
    WithJsonSchema({"type": "string", "pattern": f"^(([0-9]+[wdhm])+|{OFF})$"}),
]
UpToAnHour = Annotated[timedelta, _span(timedelta(), 60 * _MINUTE), _WRITTEN]
ClockOrOff = Annotated[
    time | None,
    BeforeValidator(_clock_or_off),
    WithJsonSchema({"type": "string", "pattern": f"^({CLOCK}|{OFF})$", "examples": ["09:00"]}),
]
SpanOrOff = Annotated[
    tuple[time, time] | None,
    BeforeValidator(_span_or_off),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^({CLOCK}\s*-\s*{CLOCK}|{OFF})$",
            "examples": ["22:00-07:00"],
        }
    ),
]
ZoneName = Annotated[str, BeforeValidator(_zone_name)]
UserId = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,20}$")]
ChannelId = Annotated[str, Field(pattern=r"^[CG][A-Z0-9]{2,20}$")]
#: One word with a letter in it, so that it can be typed in a command without quotes.
Word = Annotated[str, Field(pattern=r"^[\w.+-]*[^\W\d_][\w.+-]*$", max_length=63)]
#: A repository on GitHub, as in `lab/yolo`.
Repository = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$")]

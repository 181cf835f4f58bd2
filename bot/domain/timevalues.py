"""What moments are made of: days, clock times, parts of the day, zones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from enum import Enum

#: Longer commands are not repeated in examples, in characters.
LONGEST_EXAMPLE = 150


@dataclass(frozen=True, slots=True)
class Context:
    """What a reading depends on besides the words."""

    #: Aware.
    now: datetime
    #: The asker's time zone.
    zone: tzinfo
    #: Whether `12/1` is the first of December.
    month_first: bool = True
    #: What to type instead, shown with errors.
    example: str = "tomorrow 22:00"
    #: The whole command as typed; examples then repeat it with the doubtful words replaced.
    command: str = ""

    def suggest(self, phrase: str, better: str) -> str:
        """An example that says `better` where `phrase` was typed."""
        if phrase and phrase in self.command and len(self.command) <= LONGEST_EXAMPLE:
            return self.command.replace(phrase, better, 1)
        return better

    @property
    def today(self) -> date:
        """The asker's date."""
        return self.now.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Now:
    """`now`."""


@dataclass(frozen=True, slots=True)
class After:
    """`in 3h`."""

    length: timedelta


@dataclass(frozen=True, slots=True)
class RelativeDay:
    """`days` after today; `tomorrow` is 1."""

    days: int


@dataclass(frozen=True, slots=True)
class FollowingDay:
    """`次日`: the day after the one that the start lies on."""

    days: int = 1


@dataclass(frozen=True, slots=True)
class Weekday:
    """Monday is 0. `weeks` after this week; None: the next one to come."""

    number: int
    weeks: int | None = None


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A date; without a year (and month) the next one to come."""

    day: int
    month: int | None = None
    year: int | None = None
    #: Whether the other order of day and month was possible or needed: worth a note.
    doubtful: bool = False


Day = RelativeDay | FollowingDay | Weekday | CalendarDay


@dataclass(frozen=True, slots=True)
class Clock:
    """A wall-clock time; hour 24 is the end of the day."""

    hour: int
    minute: int = 0
    second: int = 0
    #: Whether am or pm was said.
    exact: bool = False


class Part(Enum):
    """A part of the day, with the hour it stands for when no time is given."""

    SMALL_HOURS = None
    MORNING = 8
    NOON = 12
    AFTERNOON = 14
    EVENING = 20
    MIDNIGHT = 0


@dataclass(frozen=True, slots=True)
class Offset:
    """A zone that was named: a fixed offset, or which of two equal wall-clock times is meant."""

    zone: timezone | None = None
    fold: int | None = None


@dataclass(frozen=True, slots=True)
class DashedTime:
    """` -05:00` after a time: its offset, or the end of a window."""

    offset: Offset
    end: Clock


Value = Now | After | Day | Clock | Part | Offset | DashedTime

"""Windows of time and the slot grid they lie on.

All instants are aware; windows are half-open and kept in UTC. The grid is drawn on the wall
clock of the cluster's zone, so a slot that holds a daylight-saving change is an hour shorter
or longer than its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

#: A start or end this little past a grid line counts as lying on it (design: "Time").
GRACE = timedelta(minutes=5)

#: Slot lengths the grid supports. They divide a day, so that every day has the same lines, and
#: are no shorter than an hour, so that a daylight-saving change cannot run the lines backwards.
SLOT_HOURS = (1, 2, 3, 4, 6, 8, 12, 24)
_SLOTS = frozenset(timedelta(hours=hours) for hours in SLOT_HOURS)


def check_aware(instant: datetime) -> datetime:
    """Return `instant` in UTC; raise ValueError when it is naive."""
    if instant.tzinfo is UTC:
        return instant
    if instant.tzinfo is None:
        raise ValueError(f"naive datetime {instant!r}: gpubot works with aware instants only")
    return instant.astimezone(UTC)


def on_wall_clock(day: date, zone: tzinfo, at: time = time()) -> datetime:
    """When the wall clock of `zone` shows `at` on that day; its midnight where nothing is said."""
    return datetime.combine(day, at, zone).astimezone(UTC)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open span of time `[start, end)`, aware UTC, never empty."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", check_aware(self.start))
        object.__setattr__(self, "end", check_aware(self.end))
        if self.end <= self.start:
            raise ValueError(f"empty window: {self.start} to {self.end}")

    @property
    def length(self) -> timedelta:
        """Elapsed time from start to end."""
        return self.end - self.start

    def overlaps(self, other: Window) -> bool:
        """Whether the two windows share an instant; windows that only touch do not."""
        return self.start < other.end and other.start < self.end

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class Grid:
    """Lines every `slot` on the wall clock of `zone`, counted from local midnight.

    Lines are numbered by their wall-clock place (day ordinal times lines a day), so the number
    of a line never depends on daylight saving. A line that the clock skips falls on the same
    instant as the moment after the gap; one that occurs twice is taken at its first occurrence.
    """

    slot: timedelta
    zone: tzinfo
    #: The slot in hours, and how many lines a day has: 2 and 12.
    slot_hours: int = field(init=False, repr=False, compare=False)
    lines_per_day: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.slot not in _SLOTS:
            raise ValueError(f"slot of {self.slot} does not divide a day into whole hours")
        object.__setattr__(self, "slot_hours", self.slot // timedelta(hours=1))
        object.__setattr__(self, "lines_per_day", 24 // self.slot_hours)

    def number(self, instant: datetime) -> int:
        """The number of the last line at or before `instant`."""
        local = instant.astimezone(self.zone)
        return local.toordinal() * self.lines_per_day + local.hour // self.slot_hours

    def line(self, number: int) -> datetime:
        """The instant, in UTC, of line `number`."""
        ordinal, of_day = divmod(number, self.lines_per_day)
        day = date.fromordinal(ordinal)
        hour = of_day * self.slot_hours
        local = datetime(day.year, day.month, day.day, hour, tzinfo=self.zone)
        # fold=0 reads a skipped wall time with the offset before the gap, which lands after it.
        return local.astimezone(UTC)

    def floor(self, instant: datetime) -> datetime:
        """The last line at or before `instant`."""
        return self.line(self.number(instant))

    def ceil(self, instant: datetime) -> datetime:
        """The first line at or after `instant`."""
        number = self.number(instant)
        while (line := self.line(number)) < instant:
            number += 1
        return line

    def is_on(self, instant: datetime) -> bool:
        """Whether `instant` is exactly a line."""
        return self.floor(instant) == instant

    def round_end(self, end: datetime) -> datetime:
        """`end` rounded outward to a line; up to GRACE past a line counts as on it."""
        floor = self.floor(end)
        return floor if end - floor <= GRACE else self.ceil(end)


def asked_length(window: Window, grid: Grid) -> timedelta:
    """The length, in whole slots, that was asked for when `window` is what it was rounded to.

    A window from `now` was rounded to end on the grid, and one over a clock change may be an hour
    longer; neither should make its alternatives longer. It is the longest such length.
    """
    return max(1, (window.length + GRACE) // grid.slot) * grid.slot

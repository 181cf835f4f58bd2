"""When GPUs are held: GPU-hours by hour of the day and day of the week.

Time is cut into hours from the period's beginning, a midnight of the cluster's wall clock, and
each hour counts for the hour of the day that the wall clock shows then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import accumulate

from bot.domain.window import Window

HOUR_S = 3600
DAY_HOURS, WEEK_DAYS = 24, 7

#: So many GPUs for a span of epoch seconds, half-open.
Piece = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a period, numbered from 0."""

    #: Epoch seconds.
    start: int
    end: int
    #: Of each hour: weekday (Monday is 0) times 24 plus the hour of the day.
    cells: tuple[int, ...]
    #: Of each hour: the ordinal of its day.
    days: tuple[int, ...]

    @classmethod
    def of(cls, window: Window, zone: tzinfo) -> Hours:
        """The hours of `window` on the wall clock of `zone`."""
        start, end = int(window.start.timestamp()), int(window.end.timestamp())
        local = [datetime.fromtimestamp(at, zone) for at in range(start, end, HOUR_S)]
        cells = tuple(at.weekday() * DAY_HOURS + at.hour for at in local)
        return cls(start, end, cells, tuple(at.toordinal() for at in local))

    def spread(self, pieces: Iterable[Piece]) -> list[float]:
        """GPU-hours of each hour; what lies outside of the period is left out."""
        # By how many GPU-seconds each hour differs from the one before it.
        steps = [0] * (len(self.cells) + 2)
        for piece_start, piece_end, number in pieces:
            start, end = max(piece_start, self.start), min(piece_end, self.end)
            if start >= end:
                continue
            # The GPUs count for whole hours from the first on and until before the last, less
            # what of the first was before the start, and more what of the last was until the end.
            first, before = divmod(start - self.start, HOUR_S)
            last, until = divmod(end - self.start, HOUR_S)
            steps[first] += number * (HOUR_S - before)
            steps[first + 1] += number * before
            steps[last] -= number * (HOUR_S - until)
            steps[last + 1] -= number * until
        return [seconds / HOUR_S for seconds in accumulate(steps[:-2])]

    def fold(self, hours: Sequence[float]) -> tuple[float, ...]:
        """The sum of what `spread` gives for each hour of the week."""
        folded = [0.0] * (WEEK_DAYS * DAY_HOURS)
        for cell, value in zip(self.cells, hours, strict=True):
            folded[cell] += value
        return tuple(folded)


@dataclass(frozen=True, slots=True)
class HeatMap:
    """GPU-hours by hour of the week: weekday (Monday is 0) times 24 plus the hour of the day."""

    held: tuple[float, ...]
    #: What there was to hold: nodes out of service do not count.
    in_service: tuple[float, ...]

    def share(self, weekday: int, hour: int) -> float | None:
        """Which part of the GPUs is held then, from 0 to 1; None when none was in service."""
        cell = weekday * DAY_HOURS + hour
        return part(self.held[cell], self.in_service[cell])

    @property
    def total(self) -> float | None:
        """Which part of all GPU-hours was held; None when there were none."""
        return part(sum(self.held), sum(self.in_service))


def part(of: float, whole: float) -> float | None:
    """A share; None of nothing."""
    return of / whole if whole > 0 else None


def shade(share: float) -> int:
    """How dark a share is shown: 0 is nothing at all, 10 is full."""
    return 0 if share <= 0 else min(max(round(share * 10), 1), 10)


def merged(maps: Sequence[HeatMap]) -> HeatMap:
    """One map of several nodes."""
    count = WEEK_DAYS * DAY_HOURS
    held = tuple(sum(one.held[cell] for one in maps) for cell in range(count))
    return HeatMap(held, tuple(sum(one.in_service[cell] for one in maps) for cell in range(count)))


def outside(start: int, end: int, gaps: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of a span without those gaps, which are in order and do not overlap."""
    left = []
    for gap_start, gap_end in gaps:
        if gap_end <= start or gap_start >= end:
            continue
        if gap_start > start:
            left.append((start, gap_start))
        start = max(start, gap_end)
    return [*left, (start, end)] if start < end else left

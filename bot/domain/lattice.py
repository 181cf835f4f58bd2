"""Time cut into cells by the lines of the slot grid, for as far ahead as people may book.

Times here are whole epoch seconds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from bot.domain.masks import doubling, ones
from bot.domain.window import GRACE, Grid, check_aware


class Edge(NamedTuple):
    """The part `[start, end)` of a cell that is covered only in part."""

    cell: int
    start: int
    end: int


class Cover(NamedTuple):
    """What a span of time covers."""

    #: The cells it covers entirely: from `first` up to but not including `last`.
    first: int
    last: int
    #: The same as a mask.
    whole: int
    #: Those and the cells that it covers in part.
    touched: int
    #: What it covers of the cells before and after those.
    edges: tuple[Edge, ...]
    #: Whether the span ends after the lattice does, where nothing is known.
    beyond: bool


@dataclass(frozen=True, slots=True)
class Lattice:
    """The distinct grid lines of a stretch of time; cell c lies between lines c and c + 1.

    Most cells are one slot long. One that holds a daylight-saving change is shorter or longer, and
    a slot that the clock skips entirely is no cell at all.
    """

    grid: Grid
    #: Epoch seconds, ascending; the first is the origin, the last the limit.
    lines: tuple[int, ...]
    #: The cells that are not one slot long, because the clock changes in them.
    odd_cells: tuple[int, ...]
    _cell_at: Mapping[int, int] = field(repr=False, compare=False)
    _spans: dict[timedelta, tuple[tuple[tuple[int, ...], int], ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def build(cls, grid: Grid, origin: datetime, limit: datetime) -> Lattice:
        """The lattice from the line at or before `origin` to the one at or after `limit`.

        Raises ValueError when that holds no cell, or when an instant is naive.
        """
        first, end = grid.number(check_aware(origin)), grid.ceil(check_aware(limit))
        # A skipped line falls on the instant of its neighbour, hence the set.
        lines = {int(grid.line(number).timestamp()) for number in range(first, grid.number(end))}
        lines.add(int(end.timestamp()))
        if len(lines) < 2:
            raise ValueError(f"no grid cell between {origin} and {limit}")
        ordered = tuple(sorted(lines))
        slot = int(grid.slot.total_seconds())
        odd = (c for c, (start, end) in enumerate(pairwise(ordered)) if end - start != slot)
        return cls(grid, ordered, tuple(odd), {line: cell for cell, line in enumerate(ordered)})

    @property
    def origin(self) -> int:
        """The first instant that the lattice knows, in epoch seconds."""
        return self.lines[0]

    @property
    def limit(self) -> int:
        """The instant at which the lattice ends, in epoch seconds."""
        return self.lines[-1]

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return len(self.lines) - 1

    @property
    def uniform(self) -> int:
        """The length of an ordinary cell, in seconds."""
        return int(self.grid.slot.total_seconds())

    def line_from(self, instant: float) -> int:
        """The index of the first line at or after `instant`; one past the last when none is."""
        return bisect_left(self.lines, instant)

    def line_until(self, instant: float) -> int:
        """The index of the last line at or before `instant`; -1 when none is."""
        return bisect_right(self.lines, instant) - 1

    def has_line(self, instant: float) -> bool:
        """Whether `instant` is exactly a line."""
        return instant in self._cell_at

    def end_line(self, start: float, length: timedelta) -> int:
        """The index of the line on which a window of `length` from `start` ends.

        It is rounded outward like `Grid.round_end`; one past the last line when it lies beyond.
        `length` is a slot or more.
        """
        return self.line_from(start + length.total_seconds() - GRACE.total_seconds())

    def spans(self, length: timedelta) -> tuple[tuple[tuple[int, ...], int], ...]:
        """How many cells a window of `length` takes, by the cell in which it starts.

        Pairs of that number, as the shifts of `doubling`, and the mask of the starts whose window
        takes so many; starts whose window would end beyond the limit are in none. Ordinarily there
        is one pair; windows over a clock change may take a cell more or less.
        """
        if (known := self._spans.get(length)) is None:
            known = self._spans[length] = self._count_spans(length)
        return known

    def _count_spans(self, length: timedelta) -> tuple[tuple[tuple[int, ...], int], ...]:
        usual = -(-(length - GRACE) // self.grid.slot)
        unusual = {
            start
            for odd in self.odd_cells
            for start in range(max(0, odd - usual), min(odd + 1, self.cells))
        }
        masks: dict[int, int] = defaultdict(int)
        masks[usual] = ones(0, self.cells - usual + 1)
        for start in unusual:
            masks[usual] &= ~(1 << start)
            end = self.end_line(self.lines[start], length)
            if end <= self.cells:
                masks[end - start] |= 1 << start
        return tuple((doubling(cells), mask) for cells, mask in sorted(masks.items()) if mask)

    def cover(self, start: int, end: int) -> Cover:
        """What `[start, end)` covers; time outside the lattice is left out."""
        first, last, edges = self.cut(start, end)
        touched = whole = ones(first, last)
        for edge in edges:
            touched |= 1 << edge.cell
        return Cover(first, last, whole, touched, edges, end > self.limit)

    def cut(self, start: int, end: int) -> tuple[int, int, tuple[Edge, ...]]:
        """The range of whole cells in `[start, end)`, and the edges beside it."""
        cell_at = self._cell_at
        if start in cell_at and end in cell_at:
            return cell_at[start], cell_at[end], ()
        start, end = max(start, self.origin), min(end, self.limit)
        if start >= end:
            return 0, 0, ()
        first, last = self.line_from(start), self.line_until(end)
        if first > last:
            return first, first, (Edge(last, start, end),)
        head = (Edge(first - 1, start, self.lines[first]),) if start < self.lines[first] else ()
        tail = (Edge(last, self.lines[last], end),) if self.lines[last] < end else ()
        return first, last, head + tail

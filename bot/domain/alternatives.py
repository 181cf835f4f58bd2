"""What to offer instead of a window that is taken (design: "Conflict").

Never only "no": up to three windows that do fit, each of another kind.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice

from bot.domain.booking import Placement, Shape
from bot.domain.calendar import Calendar
from bot.domain.conflict import Alternative, AlternativeKind
from bot.domain.placement import NO_HINTS, Hints, by_free, earliest, latest, place
from bot.domain.starts import eligible
from bot.domain.window import Grid, Window, asked_length


def alternatives(
    calendar: Calendar,
    shape: Shape,
    window: Window,
    *,
    now: datetime,
    grid: Grid,
    latest_start: datetime,
    hints: Hints = NO_HINTS,
    limit: int = 3,
) -> tuple[Alternative, ...]:
    """Up to `limit` alternatives to `shape` during `window`, in order of usefulness.

    1. the same GPUs at the nearest other start, later or earlier;
    2. when a node was asked for: another node of its model at the asked time;
    3. fewer GPUs at the asked time, as many as fit;
    4. another model at the asked time;
    5. the length in two parts, the first from the asked start, when the second ends sooner than
       the later window does;
    6. the nearest start on the other side of the asked one.

    Starts lie on the grid or are `now`, none after `latest_start`. Each alternative fits the
    calendar as it is, and no two are of one kind.
    """
    search = _Search(calendar, shape, window, now, grid, latest_start, hints)
    return tuple(islice(search.all(), limit))


@dataclass(frozen=True)
class _Search:
    calendar: Calendar
    shape: Shape
    window: Window
    now: datetime
    grid: Grid
    latest_start: datetime
    hints: Hints

    def all(self) -> Iterator[Alternative]:
        """Every alternative in order of usefulness, each worked out when it is asked for."""
        starts = self._other_starts()
        yield from starts[:1]
        for find in (self._another_node, self._fewer, self._another_model, self._split):
            if (found := find()) is not None:
                yield found
        yield from starts[1:]

    @cached_property
    def _length(self) -> timedelta:
        return asked_length(self.window, self.grid)

    @cached_property
    def _later(self) -> Placement | None:
        return self._earliest(self._length, self.window.start + timedelta(seconds=1))

    def _other_starts(self) -> list[Alternative]:
        """The same GPUs at the nearest starts after and before the asked one, nearer first."""
        asked = self.window.start
        earlier = latest(
            self.calendar, self.shape, self._length, before=asked, now=self.now, hints=self.hints
        )
        found = [(AlternativeKind.LATER, self._later), (AlternativeKind.EARLIER, earlier)]
        fitting = [(kind, placement) for kind, placement in found if placement is not None]
        fitting.sort(key=lambda f: abs(f[1].window.start - asked))
        return [Alternative(kind, self.shape, (placement,)) for kind, placement in fitting]

    def _fewer(self) -> Alternative | None:
        counts = self._fewer_counts()
        while counts:
            gpus = counts.bit_length() - 1
            shape = replace(self.shape, gpus=gpus)
            if (placement := self._at_asked_time(shape)) is not None:
                return Alternative(AlternativeKind.FEWER, shape, (placement,))
            counts ^= 1 << gpus
        return None

    def _fewer_counts(self) -> int:
        """Numbers of GPUs below the asked one that may fit the window, as bits of a mask.

        The most that one node has, and what whole free nodes of a model add up to; for `spread`,
        all that is free.
        """
        below = self.shape.gpus - 1
        where = eligible(self.calendar, self.shape)
        free = by_free(self.calendar, where, self.window)
        if self.shape.spread:
            total = sum(count * nodes.bit_count() for count, nodes in free.items())
            return 1 << min(below, total) & ~1
        counts = 1 << min(below, max(free, default=0))
        for sizes in where.sizes.values():
            sums = 1
            for size, nodes in sizes.items():
                for _ in range((nodes & free.get(size, 0)).bit_count()):
                    sums |= sums << size
            counts |= sums
        return counts & ((1 << self.shape.gpus) - 1) & ~1

    def _another_node(self) -> Alternative | None:
        named = self.calendar.nodes.get(self.shape.node or "")
        if named is None:
            return None
        shape = replace(self.shape, node=None, model=named.model)
        if (placement := self._at_asked_time(shape)) is None:
            return None
        return Alternative(AlternativeKind.NODE, shape, (placement,))

    def _another_model(self) -> Alternative | None:
        for model in self._other_models():
            shape = replace(self.shape, node=None, model=model)
            if (placement := self._at_asked_time(shape)) is not None:
                return Alternative(AlternativeKind.MODEL, shape, (placement,))
        return None

    def _other_models(self) -> Iterator[str]:
        """The models that were not asked for, by name or by node.

        Where none was asked for, each of them: a request that one large node could hold is never
        spread over several by itself, but whole nodes of one model may be free.
        """
        nodes = self.calendar.nodes
        named = nodes.get(self.shape.node or "")
        asked = named.model if named is not None else self.shape.model
        models = dict.fromkeys(node.model for node in nodes.values())
        yield from (model for model in models if model != asked)

    def _split(self) -> Alternative | None:
        if (first := self._first_part()) is None:
            return None
        rest = self._length - asked_length(first.window, self.grid)
        if rest < self.grid.slot:
            return None
        second = self._earliest(rest, first.window.end)
        if second is None or (self._later and self._later.window.end <= second.window.end):
            return None
        return Alternative(AlternativeKind.SPLIT, self.shape, (first, second))

    def _first_part(self) -> Placement | None:
        """The longest part of the window, from its start on, that fits and is a slot at least."""
        start, lattice = self.window.start, self.calendar.lattice
        shortest = lattice.end_line(start.timestamp(), self.grid.slot)
        whole = min(lattice.line_from(self.window.end.timestamp()), lattice.cells)
        ends = [datetime.fromtimestamp(line, UTC) for line in lattice.lines[shortest:whole]]
        parts = [Window(start, end) for end in ends]
        # What fits until some end fits until every earlier one.
        fitting = bisect_left(parts, 1, key=lambda part: 0 if self._place(part) else 1)
        return self._place(parts[fitting - 1]) if fitting else None

    def _at_asked_time(self, shape: Shape) -> Placement | None:
        return place(self.calendar, shape, self.window, self.hints)

    def _place(self, window: Window) -> Placement | None:
        return place(self.calendar, self.shape, window, self.hints)

    def _earliest(self, length: timedelta, not_before: datetime) -> Placement | None:
        return earliest(
            self.calendar,
            self.shape,
            length,
            not_before=not_before,
            latest_start=self.latest_start,
            now=self.now,
            hints=self.hints,
        )

"""Choosing nodes for a request, and the nearest start at which it fits (design: "Placement").

A start is searched with masks over the lattice's cells, for all starts of a stretch at once; which
nodes to take is then decided for the one window that was found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bot.domain.booking import Placement, Shape, Share
from bot.domain.calendar import Calendar, Lattice, span
from bot.domain.cluster import Node
from bot.domain.masks import Tally, doubling, highest, lowest, ones, reaching
from bot.domain.window import Window


@dataclass(frozen=True, slots=True)
class Hints:
    """What makes one node better than another that would do as well."""

    #: Nodes on which the same team's work lies.
    team_nodes: frozenset[str] = frozenset()


NO_HINTS = Hints()

#: How many starts the first stretch of a search looks at; each further one looks at twice as many.
#: Most windows are found within three weeks, and short masks cost a third of a year's.
FIRST_STRETCH = 256


def place(
    calendar: Calendar, shape: Shape, window: Window, hints: Hints = NO_HINTS
) -> Placement | None:
    """The best nodes for `shape` during `window`; None when it does not fit.

    Up to a node's size all lie on one node; more takes whole nodes of one model; with `spread`,
    any mixture of nodes, as few as possible.
    """
    chooser = _Chooser(calendar, window, hints)
    nodes = eligible(calendar, shape)
    if shape.spread:
        chosen = _spread(chooser, nodes, shape.gpus)
    elif _fits_one_node(nodes, shape.gpus):
        chosen = _single(chooser, nodes, shape.gpus)
    else:
        chosen = _gang(chooser, nodes, shape.gpus)
    if not chosen:
        return None
    shares = (Share(name, chosen[name]) for name in calendar.nodes if name in chosen)
    return Placement(window, tuple(shares))


def earliest(
    calendar: Calendar,
    shape: Shape,
    length: timedelta,
    *,
    not_before: datetime,
    latest_start: datetime,
    now: datetime,
    hints: Hints = NO_HINTS,
) -> Placement | None:
    """The first window of `length` that fits `shape`; None when none starts by `latest_start`.

    Starts are grid lines, and `now` itself when `not_before` is not later than it. Ends are rounded
    outward to the grid, so over a clock change a window may be longer than `length`.
    """
    begin = max(not_before, now)
    if begin > latest_start:
        return None
    lattice = calendar.lattice
    if begin == now and (placement := _from_now(calendar, shape, length, now, hints)):
        return placement
    first = lattice.line_from(begin.timestamp())
    last = lattice.line_until(latest_start.timestamp())
    for stretch in _forward(lattice, length, first, last):
        if starts := _starts(calendar, shape, stretch):
            cell = stretch.first + lowest(starts)
            return place(calendar, shape, _window_at(lattice, cell, length), hints)
    return None


def latest(
    calendar: Calendar,
    shape: Shape,
    length: timedelta,
    *,
    before: datetime,
    now: datetime,
    hints: Hints = NO_HINTS,
) -> Placement | None:
    """The last window of `length` that fits `shape` and starts before `before`, from `now` on.

    Starts and ends are those of `earliest`; None when none fits.
    """
    if before <= now:
        return None
    lattice = calendar.lattice
    first = lattice.line_from(now.timestamp())
    last = lattice.line_from(before.timestamp()) - 1
    for stretch in _backward(lattice, length, first, last):
        if starts := _starts(calendar, shape, stretch):
            cell = stretch.first + highest(starts)
            return place(calendar, shape, _window_at(lattice, cell, length), hints)
    return _from_now(calendar, shape, length, now, hints)


def _from_now(
    calendar: Calendar, shape: Shape, length: timedelta, now: datetime, hints: Hints
) -> Placement | None:
    """The placement that starts at `now`; None when it is taken, or when `now` is a line."""
    lattice = calendar.lattice
    line = lattice.end_line(now.timestamp(), length)
    if line > lattice.cells or lattice.has_line(now.timestamp()):
        return None
    return place(calendar, shape, Window(now, _instant(lattice.lines[line])), hints)


def _window_at(lattice: Lattice, cell: int, length: timedelta) -> Window:
    """The window of `length` that starts with `cell`."""
    start = lattice.lines[cell]
    return Window(_instant(start), _instant(lattice.lines[lattice.end_line(start, length)]))


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


# -- which nodes ----------------------------------------------------------------------------------


def eligible(calendar: Calendar, shape: Shape) -> list[Node]:
    """The nodes on which `shape` may lie, in the order of the configuration."""
    return [
        node
        for node in calendar.nodes.values()
        if shape.node in (None, node.name) and shape.model in (None, node.model)
    ]


def _fits_one_node(nodes: Iterable[Node], gpus: int) -> bool:
    return any(node.gpus >= gpus for node in nodes)


class _Chooser:
    """What is known of the nodes for one window."""

    def __init__(self, calendar: Calendar, window: Window, hints: Hints) -> None:
        self._tracks = calendar.tracks
        self._hints = hints
        lattice = calendar.lattice
        start, end = span(window)
        self._cover = lattice.cover(start, end)
        self._before = lattice.cover(start - lattice.uniform, start)
        self._after = lattice.cover(end, end + lattice.uniform)

    def has(self, node: Node, gpus: int) -> bool:
        """Whether `gpus` GPUs of `node` are free during the window."""
        return self._tracks[node.name].has(gpus, self._cover)

    def free(self, node: Node) -> int:
        """How many GPUs of `node` are free during the window."""
        return self._tracks[node.name].free_during(self._cover)

    def is_teams(self, node: Node) -> bool:
        """Whether work of the same team lies on `node`."""
        return node.name in self._hints.team_nodes

    def tightness(self, node: Node, gpus: int) -> int:
        """How many of the slots just before and just after the window lack `gpus` free GPUs.

        Before: a booking that ends there may overrun into the window. After: there would be no room
        to overrun.
        """
        track = self._tracks[node.name]
        return sum(not track.has(gpus, margin) for margin in (self._before, self._after))

    def best(self, nodes: list[Node], gpus: int) -> Node:
        """The best of `nodes`, on each of which `gpus` GPUs would do equally well."""
        nodes = [node for node in nodes if self.is_teams(node)] or nodes
        if len(nodes) == 1:
            return nodes[0]
        roomy = (node for node in nodes if not self.tightness(node, gpus))
        return next(roomy, None) or min(nodes, key=lambda node: self.tightness(node, gpus))


def _single(chooser: _Chooser, nodes: Iterable[Node], gpus: int) -> dict[str, int] | None:
    """All on the node that is left with the fewest free GPUs, so large blocks stay whole."""
    free = [(chooser.free(node), node) for node in nodes if chooser.has(node, gpus)]
    if not free:
        return None
    tightest = min(count for count, _ in free)
    return {chooser.best([node for count, node in free if count == tightest], gpus).name: gpus}


def _gang(chooser: _Chooser, nodes: Iterable[Node], gpus: int) -> dict[str, int] | None:
    """Whole nodes of one model that make up exactly `gpus`; None when no model has them free."""
    for sizes in _by_model_and_size(nodes).values():
        # The largest first, so that the first mixture takes the fewest nodes.
        whole = [
            (size, [node for node in same if chooser.has(node, size)])
            for size, same in sorted(sizes.items(), reverse=True)
        ]
        counts = next(_mixtures(gpus, [(size, len(same)) for size, same in whole]), None)
        if counts is not None:
            return {
                node.name: size
                for (size, same), count in zip(whole, counts, strict=True)
                for node in _ranked(chooser, same, size)[:count]
            }
    return None


def _ranked(chooser: _Chooser, nodes: list[Node], gpus: int) -> list[Node]:
    return sorted(nodes, key=lambda n: (not chooser.is_teams(n), chooser.tightness(n, gpus)))


def _spread(chooser: _Chooser, nodes: Iterable[Node], gpus: int) -> dict[str, int] | None:
    """Any mixture of nodes, as few as possible: the roomiest first, the last one best fit."""
    free = {node.name: (count, node) for node in nodes if (count := chooser.free(node))}
    chosen: dict[str, int] = {}
    while gpus and free:
        counts = [count for count, _ in free.values()]
        target = min((count for count in counts if count >= gpus), default=max(counts))
        take = min(gpus, target)
        node = chooser.best([node for count, node in free.values() if count == target], take)
        del free[node.name]
        chosen[node.name] = take
        gpus -= take
    return None if gpus else chosen


def _by_model_and_size(nodes: Iterable[Node]) -> dict[str, dict[int, list[Node]]]:
    """Nodes by model, and within it by their number of GPUs."""
    groups: dict[str, dict[int, list[Node]]] = defaultdict(lambda: defaultdict(list))
    for node in nodes:
        groups[node.model][node.gpus].append(node)
    return groups


def _mixtures(gpus: int, sizes: Sequence[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    """How many nodes of each size make up exactly `gpus`, given `(size, available)`."""
    if not sizes:
        if not gpus:
            yield ()
        return
    (size, available), *others = sizes
    for count in range(min(available, gpus // size), -1, -1):
        for rest in _mixtures(gpus - count * size, others):
            yield (count, *rest)


# -- which starts ---------------------------------------------------------------------------------


class _Stretch(NamedTuple):
    """Some consecutive starts that are looked at together; bit 0 of its masks is `first`."""

    first: int
    #: Every start of the stretch.
    every: int
    #: All cells of the lattice that windows from these starts can touch.
    near: int
    #: Pairs of how long windows are, as `doubling` shifts, and the starts that have such windows.
    spans: tuple[tuple[tuple[int, ...], int], ...]

    def clear(self, blocked: int) -> int:
        """The starts whose window meets no cell of `blocked`, a mask over the whole lattice."""
        nearby = (blocked & self.near) >> self.first
        found = 0
        for steps, starts in self.spans:
            found |= starts & ~reaching(nearby, steps)
        return found


def _stretch(lattice: Lattice, length: timedelta, first: int, last: int) -> _Stretch:
    """The stretch of the starts from cell `first` up to and including `last`."""
    every = ones(0, last - first + 1)
    masks = ((cells, (starts >> first) & every) for cells, starts in lattice.spans(length))
    here = [(cells, starts) for cells, starts in masks if starts]
    longest = max((cells for cells, _ in here), default=0)
    spans = tuple((doubling(cells), starts) for cells, starts in here)
    return _Stretch(first, every, ones(first, last + longest), spans)


def _forward(lattice: Lattice, length: timedelta, first: int, last: int) -> Iterator[_Stretch]:
    """Stretches over the cells from `first` to `last`, near ones first."""
    size, last = FIRST_STRETCH, min(last, lattice.cells - 1)
    while first <= last:
        upto = min(first + size - 1, last)
        yield _stretch(lattice, length, first, upto)
        first, size = upto + 1, size * 2


def _backward(lattice: Lattice, length: timedelta, first: int, last: int) -> Iterator[_Stretch]:
    """Stretches over the cells from `last` down to `first`."""
    size, last = FIRST_STRETCH, min(last, lattice.cells - 1)
    while first <= last:
        downto = max(last - size + 1, first)
        yield _stretch(lattice, length, downto, last)
        last, size = downto - 1, size * 2


def _starts(calendar: Calendar, shape: Shape, stretch: _Stretch) -> int:
    """The starts of `stretch` at which `shape` fits."""
    if not stretch.spans:
        return 0
    nodes = eligible(calendar, shape)
    if shape.spread:
        return _spread_starts(calendar, nodes, shape.gpus, stretch)
    if _fits_one_node(nodes, shape.gpus):
        return _single_starts(calendar, nodes, shape.gpus, stretch)
    return _gang_starts(calendar, nodes, shape.gpus, stretch)


def _single_starts(calendar: Calendar, nodes: Iterable[Node], gpus: int, stretch: _Stretch) -> int:
    found = 0
    for node in nodes:
        if node.gpus >= gpus:
            found |= stretch.clear(calendar.tracks[node.name].blocked(gpus))
    return found


def _gang_starts(calendar: Calendar, nodes: Iterable[Node], gpus: int, stretch: _Stretch) -> int:
    found = 0
    for sizes in _by_model_and_size(nodes).values():
        tallies = []
        for size, same in sizes.items():
            tallies.append(tally := Tally())
            for node in same:
                tally.add(stretch.clear(calendar.tracks[node.name].blocked(size)))
        for counts in _mixtures(gpus, [(size, len(same)) for size, same in sizes.items()]):
            starts = stretch.every
            for tally, count in zip(tallies, counts, strict=True):
                starts = tally.at_least(count, starts)
            found |= starts
    return found


def _spread_starts(calendar: Calendar, nodes: Iterable[Node], gpus: int, stretch: _Stretch) -> int:
    tally = Tally()
    for node in nodes:
        track = calendar.tracks[node.name]
        for count in range(1, node.gpus + 1):
            tally.add(stretch.clear(track.blocked(count)))
    return tally.at_least(gpus, stretch.every)

"""At which starts a request fits: for all starts of a stretch, and on all nodes, at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from bot.domain.board import LANE, Board, at_least, lanes_of
from bot.domain.booking import Shape
from bot.domain.calendar import Calendar, Lattice
from bot.domain.cluster import Node
from bot.domain.masks import doubling, highest, lowest, ones, reaching

#: How many starts the first stretch of a search looks at; each further one looks at twice as many.
#: Most windows are found within three weeks, and short masks cost a tenth of a year's.
FIRST_STRETCH = 256


def eligible(calendar: Calendar, shape: Shape) -> Sequence[Node]:
    """The nodes on which `shape` may lie, in the order of the configuration."""
    if shape.node is not None:
        named = calendar.nodes.get(shape.node)
        return [] if named is None or shape.model not in (None, named.model) else [named]
    return calendar.of_model(shape.model)


def fits_one_node(nodes: Iterable[Node], gpus: int) -> bool:
    """Whether any of `nodes` has so many GPUs."""
    return any(node.gpus >= gpus for node in nodes)


def by_model_and_size(nodes: Iterable[Node]) -> dict[str, dict[int, list[Node]]]:
    """Nodes by model, and within it by their number of GPUs."""
    groups: dict[str, dict[int, list[Node]]] = defaultdict(lambda: defaultdict(list))
    for node in nodes:
        groups[node.model][node.gpus].append(node)
    return groups


def mixtures(gpus: int, sizes: Sequence[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    """How many nodes of each size make up exactly `gpus`, given `(size, available)`."""
    if not sizes:
        if not gpus:
            yield ()
        return
    (size, available), *others = sizes
    for count in range(min(available, gpus // size), -1, -1):
        for rest in mixtures(gpus - count * size, others):
            yield (count, *rest)


class Stretch(NamedTuple):
    """Some consecutive starts that are looked at together; the first is cell `first`."""

    first: int
    #: How many starts, and how many cells windows from these starts can touch.
    starts: int
    cells: int
    #: Pairs of how long windows are, as `doubling` shifts, and the mask of the starts that have
    #: such windows; bit 0 is `first`.
    spans: tuple[tuple[tuple[int, ...], int], ...]

    def clear(self, blocked: int) -> int:
        """The starts whose window meets no cell of `blocked`, a mask over the whole lattice."""
        nearby = (blocked >> self.first) & ones(0, self.cells)
        found = 0
        for steps, starts in self.spans:
            found |= starts & ~reaching(nearby, steps)
        return found

    def clear_on(self, board: Board, blocked: int, bits: int) -> int:
        """The same for several nodes, a mask and an answer over the board's cells.

        `bits` are the nodes that count.
        """
        stride = board.stride
        nearby = (blocked >> (self.first * stride)) & ones(0, self.cells * stride)
        found = 0
        for steps, starts in self.spans:
            met = reaching(nearby, [step * stride for step in steps])
            here = board.spread(starts, self.starts, bits)
            found |= here ^ (here & met)
        return found


def forward(lattice: Lattice, length: timedelta, first: int, last: int) -> Iterator[Stretch]:
    """Stretches over the cells from `first` to `last`, near ones first."""
    size, last = FIRST_STRETCH, min(last, lattice.cells - 1)
    while first <= last:
        upto = min(first + size - 1, last)
        yield _stretch(lattice, length, first, upto)
        first, size = upto + 1, size * 2


def backward(lattice: Lattice, length: timedelta, first: int, last: int) -> Iterator[Stretch]:
    """Stretches over the cells from `last` down to `first`."""
    size, last = FIRST_STRETCH, min(last, lattice.cells - 1)
    while first <= last:
        downto = max(last - size + 1, first)
        yield _stretch(lattice, length, downto, last)
        last, size = downto - 1, size * 2


def _stretch(lattice: Lattice, length: timedelta, first: int, last: int) -> Stretch:
    """The stretch of the starts from cell `first` up to and including `last`."""
    every = ones(0, last - first + 1)
    masks = ((cells, (starts >> first) & every) for cells, starts in lattice.spans(length))
    here = [(cells, starts) for cells, starts in masks if starts]
    longest = max((cells for cells, _ in here), default=0)
    spans = tuple((doubling(cells), starts) for cells, starts in here)
    return Stretch(first, last - first + 1, last - first + longest, spans)


class Found(NamedTuple):
    """A start that fits."""

    cell: int
    #: The nodes that have the GPUs, in the order of the configuration; None: not worked out.
    nodes: Sequence[Node] | None


def first_start(calendar: Calendar, shape: Shape, stretch: Stretch) -> Found | None:
    """The first cell of `stretch` at which `shape` fits."""
    return _start(calendar, shape, stretch, lowest)


def last_start(calendar: Calendar, shape: Shape, stretch: Stretch) -> Found | None:
    """The last cell of `stretch` at which `shape` fits."""
    return _start(calendar, shape, stretch, highest)


def _start(
    calendar: Calendar, shape: Shape, stretch: Stretch, which: Callable[[int], int]
) -> Found | None:
    """The cell that `which` picks of those at which `shape` fits."""
    if not stretch.spans:
        return None
    nodes = eligible(calendar, shape)
    if not shape.spread and fits_one_node(nodes, shape.gpus):
        return _single_start(calendar, nodes, shape.gpus, stretch, which)
    find = _spread_starts if shape.spread else _gang_starts
    found = find(calendar, nodes, shape.gpus, stretch)
    return Found(stretch.first + which(found) // LANE, None) if found else None


def _single_start(
    calendar: Calendar,
    nodes: Sequence[Node],
    gpus: int,
    stretch: Stretch,
    which: Callable[[int], int],
) -> Found | None:
    if len(nodes) == 1:
        found = stretch.clear(calendar.tracks[nodes[0].name].blocked(gpus))
        return Found(stretch.first + which(found), nodes) if found else None
    board = calendar.board
    nodes = [node for node in nodes if node.gpus >= gpus]
    if not (found := _clear(calendar, nodes, gpus, stretch)):
        return None
    cell = which(found) // board.stride
    having = board.in_cell(found, cell)
    fitting = [node for node in nodes if having >> board.places[node.name] & 1]
    return Found(stretch.first + cell, fitting)


def _clear(calendar: Calendar, nodes: Iterable[Node], gpus: int, stretch: Stretch) -> int:
    """The starts at which each of `nodes` has `gpus` GPUs free, over the board's cells."""
    board = calendar.board
    blocked = board.blocked(calendar.tracks.values(), gpus)
    return stretch.clear_on(board, blocked, board.bits(node.name for node in nodes))


def _gang_starts(calendar: Calendar, nodes: Sequence[Node], gpus: int, stretch: Stretch) -> int:
    """The starts at which whole nodes of one model make up exactly `gpus`."""
    found, clear = 0, {}
    for size in {node.gpus for node in nodes}:
        clear[size] = _clear(calendar, [n for n in nodes if n.gpus == size], size, stretch)
    for sizes in by_model_and_size(nodes).values():
        found |= _gang_of_model(calendar.board, sizes, clear, gpus, stretch.starts)
    return found


def _gang_of_model(
    board: Board,
    sizes: Mapping[int, Sequence[Node]],
    clear: Mapping[int, int],
    gpus: int,
    cells: int,
) -> int:
    every, found = ones(0, cells), 0
    free = [
        clear[size] & board.spread(every, cells, board.bits(node.name for node in same))
        for size, same in sizes.items()
    ]
    if sum(mask.bit_count() for mask in free) * max(sizes) < gpus:
        return 0  # Too few, even if all were free at one start.
    counts = [board.counts(mask, cells) for mask in free]
    for mixture in mixtures(gpus, [(size, len(same)) for size, same in sizes.items()]):
        starts = lanes_of(cells)
        for have, need in zip(counts, mixture, strict=True):
            starts &= at_least(have, need, cells)
        found |= starts
    return found


def _spread_starts(calendar: Calendar, nodes: Iterable[Node], gpus: int, stretch: Stretch) -> int:
    """The starts at which `nodes` together have `gpus` GPUs free."""
    nodes, total = list(nodes), 0
    for count in range(1, max((node.gpus for node in nodes), default=0) + 1):
        having = [node for node in nodes if node.gpus >= count]
        clear = _clear(calendar, having, count, stretch)
        total += calendar.board.counts(clear, stretch.starts)
    return at_least(total, gpus, stretch.starts)

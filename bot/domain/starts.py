"""With which cells of the lattice a request's window can start: for all starts at once.

Each track says where it has room, as a mask over the cells, and remembers it. Masks of several
nodes are then put together: any of them will do, or so many of them, or so many GPUs in all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import reduce
from operator import and_, or_

from bot.domain.board import Eligible
from bot.domain.booking import Shape
from bot.domain.calendar import Calendar, Track
from bot.domain.masks import at_least, each, tally


def eligible(calendar: Calendar, shape: Shape) -> Eligible:
    """The nodes on which `shape` may lie."""
    return calendar.board.eligible(shape.node, shape.model)


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


def starts(calendar: Calendar, shape: Shape, length: timedelta) -> int:
    """The cells with which a window of `length` can start that fits `shape`."""
    tracks = tuple(calendar.tracks.values())
    where = eligible(calendar, shape)
    find = _single if where.largest >= shape.gpus else _gang
    if shape.spread:
        find = _spread
    return calendar.board.answer(
        (shape, length), tracks, lambda: find(where, tracks, shape.gpus, length)
    )


def _single(where: Eligible, tracks: Sequence[Track], gpus: int, length: timedelta) -> int:
    """Where any of the nodes has `gpus` GPUs free."""
    return reduce(or_, (tracks[place].starts(gpus, length) for place in each(where.bits)), 0)


def _gang(where: Eligible, tracks: Sequence[Track], gpus: int, length: timedelta) -> int:
    """Where whole nodes of one model make up exactly `gpus`."""
    found = 0
    for sizes in where.sizes.values():
        free = {
            size: tally(tracks[place].starts(size, length) for place in each(bits))
            for size, bits in sizes.items()
        }
        for counts in mixtures(gpus, [(size, bits.bit_count()) for size, bits in sizes.items()]):
            needed = zip(free.values(), counts, strict=True)
            found |= reduce(and_, (at_least(digits, count) for digits, count in needed if count))
    return found


def _spread(where: Eligible, tracks: Sequence[Track], gpus: int, length: timedelta) -> int:
    """Where the nodes together have `gpus` GPUs free."""
    free = (
        tracks[place].starts(count, length)
        for place in each(where.bits)
        for count in range(1, tracks[place].capacity + 1)
    )
    return at_least(tally(free), gpus)

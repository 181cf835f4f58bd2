"""The tracks of all nodes side by side, so that one operation on an int treats every node at once.

A node is a bit, by its place in the configuration. A level is the bits of the nodes that lack so
many GPUs, for each cell of the lattice, one cell after another: the nodes that lack them in some
cell of a window are then found with a few operations on a short int, however many nodes there are.

A board is brought up to date when it is asked and more than a few tracks are others than it shows:
tracks are replaced, never changed, so which they are is found by looking at the objects.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, count
from operator import is_not
from typing import Protocol

from bot.domain.cluster import Node
from bot.domain.masks import folded, lowest, ones

#: What so many tracks that have changed say themselves, so that not every change of one is followed
#: by bringing whole levels up to date.
FEW = 8

#: Of so many questions the answers are kept; all are forgotten when there are more.
REMEMBERED = 256


class Shown(Protocol):
    """What a board needs to know of a track; see bot.domain.calendar.Track."""

    @property
    def capacity(self) -> int:
        """GPUs of the node."""

    def blocked(self, gpus: int) -> int:
        """The cells during which `gpus` GPUs are not free all the time."""


@dataclass(frozen=True, slots=True)
class _Free:
    """A node of which nothing is taken, as a level has it at first."""

    capacity: int = sys.maxsize

    def blocked(self, _gpus: int) -> int:
        return 0


_FREE = _Free()

#: The tracks that levels show, and the levels by their number of GPUs.
_Levels = tuple[Sequence[Shown], Mapping[int, bytearray]]


@dataclass(frozen=True, slots=True)
class Eligible:
    """Nodes on which something may lie, in the order of the configuration."""

    nodes: tuple[Node, ...]
    #: Their bits on the board, by model, and within it by their number of GPUs.
    sizes: Mapping[str, Mapping[int, int]]
    #: The bits of them all.
    bits: int
    #: The most GPUs that one of them has.
    largest: int

    def having(self, gpus: int) -> int:
        """The bits of those that have so many GPUs, free or not."""
        sizes = (item for sizes in self.sizes.values() for item in sizes.items())
        return sum(bits for size, bits in sizes if size >= gpus)


class Board:
    """The nodes of a calendar, and what is known of them over all `cells`.

    It may be shared by calendars that are forks of one another: each call says whose tracks are
    meant, in the order of the nodes. What is kept is replaced as a whole, so threads need no lock.
    """

    __slots__ = (
        "_answers",
        "_eligible",
        "_late",
        "_levels",
        "cells",
        "largest",
        "nodes",
        "places",
        "width",
    )

    def __init__(self, nodes: Iterable[Node], cells: int) -> None:
        self.cells = cells
        self.nodes = tuple(nodes)
        self.places: Mapping[str, int] = {node.name: p for p, node in enumerate(self.nodes)}
        #: The most GPUs that a node has.
        self.largest = max((node.gpus for node in self.nodes), default=0)
        #: Bytes of one cell.
        self.width = max(1, -(-len(self.nodes) // 8))
        self._levels: _Levels = ((_FREE,) * len(self.nodes), {})
        #: Tracks that were asked about last, those that the levels showed, and where they differ.
        self._late: tuple[Sequence[Shown], Sequence[Shown], Sequence[int]] = (), (), ()
        self._answers: tuple[Sequence[Shown], dict[Hashable, int]] = ((), {})
        self._eligible: dict[tuple[str | None, str | None], Eligible] = {}

    def apart(self) -> Board:
        """A board that knows as much, for a fork that is about to change a lot."""
        board = Board(self.nodes, self.cells)
        board._levels = self._levels
        board._eligible = self._eligible
        return board

    def eligible(self, name: str | None, model: str | None) -> Eligible:
        """The nodes of that name and model; None: any."""
        if (known := self._eligible.get((name, model))) is None:
            found = [n for n in self.nodes if name in (None, n.name) and model in (None, n.model)]
            known = self._described(found)
            if found:
                self._eligible[name, model] = known
        return known

    def _described(self, nodes: Sequence[Node]) -> Eligible:
        sizes: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for node in nodes:
            sizes[node.model][node.gpus] |= 1 << self.places[node.name]
        bits = sum(1 << self.places[node.name] for node in nodes)
        return Eligible(tuple(nodes), sizes, bits, max((n.gpus for n in nodes), default=0))

    def lacking(self, tracks: Sequence[Shown], gpus: int, first: int, last: int) -> int:
        """The nodes that lack `gpus` GPUs in some cell from `first` up to `last`, as bits."""
        level, late = self._level(tracks, gpus)
        part = int.from_bytes(level[first * self.width : last * self.width], "little")
        found = folded(part, self.width * 8, last - first)
        cells = ones(first, last)
        for place in late:
            node = 1 << place
            lacks = self._blocked(tracks[place], gpus) & cells
            found = found | node if lacks else found & ~node
        return found

    def _level(self, tracks: Sequence[Shown], gpus: int) -> tuple[bytearray, Sequence[int]]:
        """The level, and the places of the few nodes whose tracks are others than it shows."""
        shown, levels = self._levels
        late = self._differing(tracks, shown)
        if len(late) > FEW:
            # Others may be looking at those of before, so they are not changed.
            levels = {of: self._after(lv, of, late, shown, tracks) for of, lv in levels.items()}
            shown, late = tracks, ()
            self._levels = shown, levels
        if gpus not in levels:
            free, every = (_FREE,) * len(shown), range(len(shown))
            level = bytearray(self.cells * self.width)
            levels = {**levels, gpus: self._after(level, gpus, every, free, shown)}
            self._levels = shown, levels
        return levels[gpus], late

    def _differing(self, tracks: Sequence[Shown], shown: Sequence[Shown]) -> Sequence[int]:
        """The places at which they differ; one search asks several times."""
        asked, against, late = self._late
        if asked is not tracks or against is not shown:
            late = tuple(compress(count(), map(is_not, tracks, shown)))
            self._late = tracks, shown, late
        return late

    def _after(
        self,
        level: bytearray,
        gpus: int,
        places: Iterable[int],
        before: Sequence[Shown],
        after: Sequence[Shown],
    ) -> bytearray:
        """The level of the tracks `after`, made of that of those `before`, which differ there."""
        level = bytearray(level)
        for place in places:
            was = self._blocked(before[place], gpus)
            self._flip(level, place, was ^ self._blocked(after[place], gpus))
        return level

    def _flip(self, level: bytearray, place: int, mask: int) -> None:
        """Flip a node's bit in the cells of `mask`."""
        if mask:
            first, end = lowest(mask), mask.bit_length()
            begin = first * self.width + place // 8
            lane = slice(begin, (end - 1) * self.width + place // 8 + 1, self.width)
            flipped = int.from_bytes(_cells_as_bytes(mask >> first, end - first)) << place % 8
            level[lane] = (int.from_bytes(level[lane]) ^ flipped).to_bytes(end - first)

    def _blocked(self, track: Shown, gpus: int) -> int:
        return track.blocked(gpus) if gpus <= track.capacity else ones(0, self.cells)

    def answer(self, question: Hashable, tracks: Sequence[Shown], find: Callable[[], int]) -> int:
        """What `find` answers to the question, or answered before for the same tracks.

        Answers for other tracks are forgotten: they would keep those alive for nothing.
        """
        shown, answers = self._answers
        if shown != tracks:
            answers = {}
            self._answers = tracks, answers
        if (known := answers.get(question)) is None:
            if len(answers) >= REMEMBERED:
                answers.clear()
            known = answers[question] = find()
        return known


_DIGITS = bytes.maketrans(b"01", b"\x00\x01")


def _cells_as_bytes(mask: int, cells: int) -> bytes:
    """A byte for each cell, 0 or 1, the first cell first."""
    return format(mask, f"0{cells}b").encode().translate(_DIGITS)[::-1]

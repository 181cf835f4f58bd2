"""The calendar of capacity: how many GPUs of each node are taken, and when.

Claims are counts on a node. By the colouring of interval graphs, windows that fit by count can
always be given indices, so counts are all that is kept and nothing is refused for fragmentation.

Times here are whole epoch seconds. The year is cut into cells by the grid's lines, and each node
has a thermometer of masks over the cells; a claim that covers a cell only in part (it began `now`,
or was released early) is remembered beside it, so that questions off the grid are exact too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import accumulate
from math import ceil, floor
from typing import NamedTuple

from bot.domain.board import Board
from bot.domain.booking import Placement
from bot.domain.cluster import Node
from bot.domain.lattice import Cover, Edge, Lattice
from bot.domain.masks import each, levels, lowered, ones, raised, reaching
from bot.domain.window import Window


@dataclass(frozen=True, slots=True)
class Claim:
    """`gpus` GPUs of `node` taken during `[start, end)`, in whole epoch seconds."""

    id: int
    node: str
    start: int
    end: int
    gpus: int


def span(window: Window) -> tuple[int, int]:
    """`window` in whole epoch seconds, rounded outward where it has fractions."""
    return floor(window.start.timestamp()), ceil(window.end.timestamp())


class Piece(NamedTuple):
    """The part of a claim that lies in a cell without filling it."""

    claim: int
    start: int
    end: int
    gpus: int


def _overlap(pieces: Iterable[Piece], start: int, end: int) -> int:
    """The most GPUs that `pieces` take at any one instant of `[start, end)`."""
    inside = [piece for piece in pieces if piece.start < end and start < piece.end]
    instants = {max(piece.start, start) for piece in inside}
    return max((sum(p.gpus for p in inside if p.start <= i < p.end) for i in instants), default=0)


def _peak(pieces: Sequence[Piece]) -> int:
    """The most GPUs that `pieces` take at any one instant."""
    if len(pieces) < 2:
        return sum(piece.gpus for piece in pieces)
    return _overlap(pieces, min(p.start for p in pieces), max(p.end for p in pieces))


#: For so many sizes and lengths a track remembers where they fit. People ask for a few.
REMEMBERED = 32


@dataclass(frozen=True, slots=True)
class Track:
    """The capacity of one node over the lattice; never changed, only replaced.

    `taken` is a thermometer: bit c of item j is 1 when more than j GPUs are taken at some instant
    of cell c. It has as many items as the highest count, which may exceed the capacity (a node is
    drained while bookings lie on it, or lost GPUs), so taking claims out again is exact.
    `ragged` holds, by cell, the pieces of claims that fill it only in part; their highest overlap
    is counted in `taken`.
    """

    capacity: int
    lattice: Lattice
    taken: tuple[int, ...] = ()
    ragged: Mapping[int, tuple[Piece, ...]] = field(default_factory=dict)
    _starts: dict[tuple[int, timedelta], int] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def load(
        cls, capacity: int, lattice: Lattice, rows: Iterable[tuple[int, str, int, int, int]]
    ) -> Track:
        """The track of claims given as `(id, node, start, end, gpus)`, all of one node."""
        changes = [0] * (lattice.cells + 1)
        pieces: dict[int, list[Piece]] = defaultdict(list)
        for claim, _, start, end, gpus in rows:
            first, last, edges = lattice.cut(start, end)
            changes[first] += gpus
            changes[last] -= gpus
            for edge in edges:
                pieces[edge.cell].append(Piece(claim, edge.start, edge.end, gpus))
        counts = list(accumulate(changes[:-1]))
        ragged = {cell: tuple(sorted(inside)) for cell, inside in pieces.items()}
        for cell, inside in ragged.items():
            counts[cell] += _peak(inside)
        return cls(capacity, lattice, levels(counts), ragged)

    def add(self, claim: Claim) -> Track:
        """The track with `claim` on it as well, whether or not it fits."""
        cover = self.lattice.cover(claim.start, claim.end)
        taken, ragged = raised(self.taken, cover.whole, claim.gpus), dict(self.ragged)
        for edge in cover.edges:
            before = ragged.get(edge.cell, ())
            piece = Piece(claim.id, edge.start, edge.end, claim.gpus)
            after = ragged[edge.cell] = tuple(sorted((*before, piece)))
            taken = raised(taken, 1 << edge.cell, _peak(after) - _peak(before))
        return Track(self.capacity, self.lattice, taken, ragged)

    def remove(self, claim: Claim) -> Track:
        """The track without `claim`; raises ValueError when it is plainly not on it."""
        cover = self.lattice.cover(claim.start, claim.end)
        taken, ragged = lowered(self.taken, cover.whole, claim.gpus), dict(self.ragged)
        for edge in cover.edges:
            before = ragged.pop(edge.cell, ())
            left = list(before)
            left.remove(Piece(claim.id, edge.start, edge.end, claim.gpus))
            if left:
                ragged[edge.cell] = tuple(left)
            taken = lowered(taken, 1 << edge.cell, _peak(before) - _peak(left))
        return Track(self.capacity, self.lattice, taken, ragged)

    def blocked(self, gpus: int) -> int:
        """The cells during which `gpus` GPUs are not free all the time.

        `gpus` is at least 1; the mask is meaningless when the node has fewer.
        """
        over = self.capacity - gpus
        return self.taken[over] if over < len(self.taken) else 0

    def starts(self, gpus: int, length: timedelta) -> int:
        """The cells with which a window of `length` can start that has `gpus` GPUs free."""
        known = self._starts.get((gpus, length))
        if known is None:
            if len(self._starts) >= REMEMBERED:
                self._starts.clear()
            known = self._starts[gpus, length] = self._find_starts(gpus, length)
        return known

    def _find_starts(self, gpus: int, length: timedelta) -> int:
        if gpus > self.capacity:
            return 0
        blocked, found = self.blocked(gpus), 0
        for steps, starts in self.lattice.spans(length):
            found |= starts & ~reaching(blocked, steps)
        return found

    def cuts(self, start: int, end: int) -> set[int]:
        """All instants between `start` and `end` at which the number of free GPUs changes.

        And some at which it does not.
        """
        lattice, changing = self.lattice, 0
        lines, first, last = lattice.lines, lattice.line_from(start), lattice.line_from(end)
        for level in self.taken:
            changing |= level ^ level << 1
        found = {lines[cell] for cell in each(changing & ones(first, last))}
        for cell, pieces in self.ragged.items():
            found.update(lines[cell : cell + 2])
            found.update(instant for piece in pieces for instant in (piece.start, piece.end))
        return {instant for instant in found if start < instant < end}

    def free(self, start: int, end: int) -> int:
        """How many GPUs are free during all of `[start, end)`; see `free_during`."""
        return self.free_during(self.lattice.cover(start, end))

    def free_during(self, cover: Cover) -> int:
        """How many GPUs are free during all of `cover`.

        The time before the lattice is over and counts as free; after it nothing may be promised.
        """
        if cover.beyond:
            return 0
        if not self.taken or not self.taken[0] & cover.touched:
            return self.capacity
        highest = self._count(cover.whole)
        for edge in cover.edges:
            highest = max(highest, self._taken_at(edge))
        return max(0, self.capacity - highest)

    def has(self, gpus: int, cover: Cover) -> bool:
        """Whether `gpus` GPUs are free during all of `cover`."""
        if gpus > self.capacity or cover.beyond:
            return False
        blocked = self.blocked(gpus)
        if not blocked & cover.touched:
            return True
        over = self.capacity - gpus
        return not blocked & cover.whole and all(self._taken_at(e) <= over for e in cover.edges)

    def _count(self, cells: int) -> int:
        """The highest count in `cells`."""
        # Levels that meet the cells come first, so the first that does not is the count.
        return bisect_left(self.taken, 1, key=lambda level: 0 if level & cells else 1)

    def _taken_at(self, edge: Edge) -> int:
        """The most GPUs taken at any instant of `edge`."""
        pieces = self.ragged.get(edge.cell, ())
        filling = self._count(1 << edge.cell) - _peak(pieces)
        return filling + _overlap(pieces, edge.start, edge.end)


class Calendar:
    """The tracks of a cluster's nodes, in the order of its configuration.

    Claims on nodes that it does not have (they left the configuration) are passed over.
    """

    __slots__ = ("board", "lattice", "nodes", "tracks")

    def __init__(
        self,
        nodes: Mapping[str, Node],
        tracks: Mapping[str, Track],
        lattice: Lattice,
        board: Board | None = None,
    ) -> None:
        self.nodes = nodes
        self.tracks = dict(tracks)
        self.lattice = lattice
        #: All tracks side by side; forks share it.
        self.board = board or Board(nodes.values(), lattice.cells)

    @classmethod
    def load(
        cls,
        nodes: Iterable[Node],
        claims: Iterable[tuple[int, str, int, int, int]],
        lattice: Lattice,
    ) -> Calendar:
        """A calendar of `nodes` with claims given as `(id, node, start, end, gpus)`."""
        by_name = {node.name: node for node in nodes}
        rows: dict[str, list[tuple[int, str, int, int, int]]] = defaultdict(list)
        for row in claims:
            rows[row[1]].append(row)
        tracks = {
            name: Track.load(node.gpus, lattice, rows.get(name, ()))
            for name, node in by_name.items()
        }
        return cls(by_name, tracks, lattice)

    def prepare(self) -> Calendar:
        """Have the board show it all, so that the first searches need not wait for that."""
        tracks = tuple(self.tracks.values())
        for gpus in range(1, self.board.largest + 1):
            self.board.lacking(tracks, gpus, 0, 1)
        return self

    def fork(self) -> Calendar:
        """A calendar with the same claims that can be changed without changing this one."""
        return Calendar(self.nodes, self.tracks, self.lattice, self.board)

    def without(self, claims: Iterable[Claim]) -> Calendar:
        """A calendar with all claims but these; raises as `remove`."""
        fork = self.fork()
        for claim in claims:
            fork.remove(claim)
        return fork

    def add(self, claim: Claim) -> None:
        """Put `claim` on its node, whether or not it fits."""
        if (track := self.tracks.get(claim.node)) is not None:
            self.tracks[claim.node] = track.add(claim)

    def remove(self, claim: Claim) -> None:
        """Take `claim` off its node; raises ValueError when it is plainly not there."""
        if (track := self.tracks.get(claim.node)) is not None:
            self.tracks[claim.node] = track.remove(claim)

    def free(self, node: str, window: Window) -> int:
        """How many GPUs of `node` are free during all of `window`; 0 for an unknown node."""
        track = self.tracks.get(node)
        return 0 if track is None else track.free(*span(window))

    def fits(self, placement: Placement) -> bool:
        """Whether every share of `placement` is free during all of its window."""
        return all(self.free(s.node, placement.window) >= s.gpus for s in placement.shares)

"""The calendar of capacity: how many GPUs of each node are taken, and when.

Claims are counts on a node. By the colouring of interval graphs, windows that fit by count can
always be given indices, so counts are all that is kept and nothing is refused for fragmentation.

Times here are whole epoch seconds. The year is cut into cells by the grid's lines, and each node
has a thermometer of masks over the cells; a claim that covers a cell only in part (it began `now`,
or was released early) is remembered beside it, so that questions off the grid are exact too.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from math import ceil, floor
from typing import NamedTuple

from bot.domain.board import Board
from bot.domain.booking import Placement
from bot.domain.cluster import Node
from bot.domain.masks import levels, lowered, ones, raised
from bot.domain.window import GRACE, Grid, Window, check_aware


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


class Edge(NamedTuple):
    """The part `[start, end)` of a cell that is covered only in part."""

    cell: int
    start: int
    end: int


class Cover(NamedTuple):
    """What a span of time covers."""

    #: The cells it covers entirely, as a mask.
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
    _cell_at: Mapping[int, int] = field(repr=False, compare=False)
    _spans: dict[timedelta, tuple[tuple[int, int], ...]] = field(
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
        return cls(grid, ordered, {line: cell for cell, line in enumerate(ordered)})

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

    def odd_cells(self) -> tuple[int, ...]:
        """The cells that are not one slot long, because the clock changes in them."""
        pairs = zip(self.lines, self.lines[1:], strict=False)
        return tuple(c for c, (start, end) in enumerate(pairs) if end - start != self.uniform)

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

    def spans(self, length: timedelta) -> tuple[tuple[int, int], ...]:
        """How many cells a window of `length` takes, by the cell in which it starts.

        Pairs of a number of cells and the mask of the starts whose window takes that many; starts
        whose window would end beyond the limit are in none. Ordinarily there is one pair; windows
        over a clock change may take a cell more or less.
        """
        if (known := self._spans.get(length)) is None:
            known = self._spans[length] = self._count_spans(length)
        return known

    def _count_spans(self, length: timedelta) -> tuple[tuple[int, int], ...]:
        usual = -(-(length - GRACE) // self.grid.slot)
        unusual = {
            start
            for odd in self.odd_cells()
            for start in range(max(0, odd - usual), min(odd + 1, self.cells))
        }
        masks: dict[int, int] = defaultdict(int)
        masks[usual] = ones(0, self.cells - usual + 1)
        for start in unusual:
            masks[usual] &= ~(1 << start)
            end = self.end_line(self.lines[start], length)
            if end <= self.cells:
                masks[end - start] |= 1 << start
        return tuple(sorted((cells, mask) for cells, mask in masks.items() if mask))

    def cover(self, start: int, end: int) -> Cover:
        """What `[start, end)` covers; time outside the lattice is left out."""
        first, last, edges = self.cut(start, end)
        touched = whole = ones(first, last)
        for edge in edges:
            touched |= 1 << edge.cell
        return Cover(whole, touched, edges, end > self.limit)

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
        return not blocked & cover.whole and self.free_during(cover) >= gpus

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

    __slots__ = ("_of_model", "board", "lattice", "nodes", "tracks")

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
        self.board = board or Board(self.tracks, lattice.cells)
        self._of_model: dict[str | None, tuple[Node, ...]] = {}

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

    def fork(self) -> Calendar:
        """A calendar with the same claims that can be changed without changing this one."""
        fork = Calendar(self.nodes, self.tracks, self.lattice, self.board)
        fork._of_model = self._of_model
        return fork

    def of_model(self, model: str | None) -> tuple[Node, ...]:
        """The nodes of `model`, in order; all of them for None."""
        if (known := self._of_model.get(model)) is None:
            nodes = self.nodes.values()
            known = tuple(node for node in nodes if model in (None, node.model))
            self._of_model[model] = known
        return known

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

"""Choosing nodes for a request, and the nearest start at which it fits (design: "Placement").

A start is searched with masks over the lattice's cells, for all starts at once; which nodes to take
is then decided for the one window that was found, for all nodes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice

from bot.domain.board import Eligible
from bot.domain.booking import Placement, Shape, Share
from bot.domain.calendar import Calendar, span
from bot.domain.lattice import Cover, Edge, Lattice
from bot.domain.masks import each, highest, lowest, ones
from bot.domain.starts import eligible, mixtures, starts
from bot.domain.window import Window


@dataclass(frozen=True, slots=True)
class Hints:
    """What makes one node better than another that would do as well."""

    #: Says on which nodes the same team's work lies; asked only where that decides.
    team_nodes: Callable[[], frozenset[str]] = frozenset


NO_HINTS = Hints()


def place(
    calendar: Calendar, shape: Shape, window: Window, hints: Hints = NO_HINTS
) -> Placement | None:
    """The best nodes for `shape` during `window`; None when it does not fit.

    Up to a node's size all lie on one node; more takes whole nodes of one model; with `spread`,
    any mixture of nodes, as few as possible.
    """
    where = eligible(calendar, shape)
    choose = _single if where.largest >= shape.gpus else _gang
    if shape.spread:
        choose = _spread
    chosen = choose(_Chooser(calendar, window, hints), where, shape.gpus)
    if not chosen:
        return None
    nodes = calendar.board.nodes
    return Placement(window, tuple(Share(nodes[p].name, chosen[p]) for p in sorted(chosen)))


def by_free(calendar: Calendar, where: Eligible, window: Window) -> dict[int, int]:
    """Nodes by how many of their GPUs are free during all of `window`, as bits of the board.

    Those without any are left out.
    """
    return _Chooser(calendar, window, NO_HINTS).by_free(where.bits)


def at_line(
    calendar: Calendar, shape: Shape, start: datetime, length: timedelta, hints: Hints = NO_HINTS
) -> Placement | None:
    """The window of `length` from `start` on, as `earliest` would find it, if it fits.

    None also where `start` is no line of the grid.
    """
    lattice, second = calendar.lattice, start.timestamp()
    line = lattice.end_line(second, length)
    if line > lattice.cells or not lattice.has_line(second):
        return None
    return place(calendar, shape, Window(start, _instant(lattice.lines[line])), hints)


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
    if not (fitting := starts(calendar, shape, length) & ones(first, last + 1)):
        return None
    return place(calendar, shape, _window_at(lattice, lowest(fitting), length), hints)


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
    end = lattice.line_from(before.timestamp())
    if not (fitting := starts(calendar, shape, length) & ones(first, end)):
        return _from_now(calendar, shape, length, now, hints)
    return place(calendar, shape, _window_at(lattice, highest(fitting), length), hints)


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


class _Chooser:
    """What is known of the nodes for one window; sets of nodes are bits of the board."""

    def __init__(self, calendar: Calendar, window: Window, hints: Hints) -> None:
        self._board = calendar.board
        self._tracks = tuple(calendar.tracks.values())
        self._lattice = calendar.lattice
        self._hints = hints
        self._span = span(window)
        self._cover = self._lattice.cover(*self._span)

    def lacking(self, gpus: int, among: int) -> int:
        """Which of the nodes `among` do not have `gpus` GPUs free during the window."""
        return self._lacking(self._cover, gpus, among)

    def _lacking(self, cover: Cover, gpus: int, among: int) -> int:
        if cover.beyond or gpus > self._board.largest:
            return among
        if among & (among - 1) == 0:
            # Its own track says so sooner than the board does.
            return sum(1 << p for p in each(among) if not self._tracks[p].has(gpus, cover))
        found = self._board.lacking(self._tracks, gpus, cover.first, cover.last) & among
        if cover.edges or cover.first == cover.last:
            unsure = self._touched(cover.edges, gpus, among & ~found)
            found |= sum(1 << p for p in each(unsure) if not self._tracks[p].has(gpus, cover))
        return found

    def _touched(self, edges: Sequence[Edge], gpus: int, among: int) -> int:
        """Those of the nodes that lack the GPUs at some time in the cells of the edges."""
        if not edges:
            return among  # The window lies outside the lattice.
        touched = 0
        for edge in edges:
            touched |= self._board.lacking(self._tracks, gpus, edge.cell, edge.cell + 1)
        return touched & among

    def by_free(self, nodes: int) -> dict[int, int]:
        """Nodes by how many of their GPUs are free during the window; full ones are left out."""
        found, gpus = {}, 0
        while nodes:
            lacking = self.lacking(gpus + 1, nodes)
            if lacking and gpus:
                found[gpus] = lacking
            nodes, gpus = nodes & ~lacking, gpus + 1
        return found

    def ranked(self, nodes: int, gpus: int) -> Iterator[int]:
        """The places of `nodes`, on each of which `gpus` GPUs would do equally well; best first.

        Those with work of the same team go first. Then those whose slots just before and just
        after the window have the GPUs free too. Before: a booking that ends there may overrun
        into the window. After: there would be no room to overrun.
        """
        if nodes & (nodes - 1) == 0:
            yield from each(nodes)
            return
        before, after = self._tight(gpus, nodes)
        team = nodes & self._teams
        for group in (team, nodes & ~team):
            for tier in (~(before | after), before ^ after, before & after):
                yield from each(group & tier)

    def _tight(self, gpus: int, among: int) -> tuple[int, int]:
        """Those of the nodes that lack `gpus` GPUs in the slot before the window, and after it."""
        (start, end), slot = self._span, self._lattice.uniform
        before = self._lattice.cover(start - slot, start)
        after = self._lattice.cover(end, end + slot)
        return self._lacking(before, gpus, among), self._lacking(after, gpus, among)

    @cached_property
    def _teams(self) -> int:
        places = self._board.places
        return sum(1 << places[name] for name in self._hints.team_nodes() if name in places)


def _single(chooser: _Chooser, where: Eligible, gpus: int) -> dict[int, int] | None:
    """All on the node that is left with the fewest free GPUs, so large blocks stay whole."""
    having = where.bits & ~chooser.lacking(gpus, where.bits)
    if not having:
        return None
    more = gpus + 1
    while not (tightest := chooser.lacking(more, having)):
        more += 1
    return {next(chooser.ranked(tightest, gpus)): gpus}


def _gang(chooser: _Chooser, where: Eligible, gpus: int) -> dict[int, int] | None:
    """Whole nodes of one model that make up exactly `gpus`; None when no model has them free."""
    for sizes in where.sizes.values():
        # The largest first, so that the first mixture takes the fewest nodes.
        whole = [
            (size, nodes & ~chooser.lacking(size, nodes))
            for size, nodes in sorted(sizes.items(), reverse=True)
        ]
        counts = next(mixtures(gpus, [(size, nodes.bit_count()) for size, nodes in whole]), None)
        if counts is not None:
            return {
                place: size
                for (size, nodes), count in zip(whole, counts, strict=True)
                for place in islice(chooser.ranked(nodes, size), count)
            }
    return None


def _spread(chooser: _Chooser, where: Eligible, gpus: int) -> dict[int, int] | None:
    """Any mixture of nodes, as few as possible: the roomiest first, the last one best fit."""
    free = chooser.by_free(where.bits)
    chosen: dict[int, int] = {}
    while gpus and free:
        target = min((count for count in free if count >= gpus), default=max(free))
        take = min(gpus, target)
        nodes = free.pop(target)
        for place in islice(chooser.ranked(nodes, take), gpus // take):
            chosen[place] = take
            gpus -= take
            nodes ^= 1 << place
        if nodes:
            free[target] = nodes
    return None if gpus else chosen

"""Choosing nodes for a request, and the nearest start at which it fits (design: "Placement").

A start is searched with masks over the lattice's cells, for all starts of a stretch at once; which
nodes to take is then decided for the one window that was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.domain.booking import Placement, Shape, Share
from bot.domain.calendar import Calendar, Lattice, span
from bot.domain.cluster import Node
from bot.domain.starts import (
    backward,
    by_model_and_size,
    eligible,
    first_start,
    fits_one_node,
    forward,
    last_start,
    mixtures,
)
from bot.domain.window import Window


@dataclass(frozen=True, slots=True)
class Hints:
    """What makes one node better than another that would do as well."""

    #: Nodes on which the same team's work lies.
    team_nodes: frozenset[str] = frozenset()


NO_HINTS = Hints()


def place(
    calendar: Calendar,
    shape: Shape,
    window: Window,
    hints: Hints = NO_HINTS,
    among: Sequence[Node] | None = None,
) -> Placement | None:
    """The best nodes for `shape` during `window`; None when it does not fit.

    `among` are the nodes that are known to have the GPUs, where that is known.

    Up to a node's size all lie on one node; more takes whole nodes of one model; with `spread`,
    any mixture of nodes, as few as possible.
    """
    chooser = _Chooser(calendar, window, hints)
    nodes = eligible(calendar, shape) if among is None else among
    if shape.spread:
        chosen = _spread(chooser, nodes, shape.gpus)
    elif fits_one_node(nodes, shape.gpus):
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
    for stretch in forward(lattice, length, first, last):
        if (found := first_start(calendar, shape, stretch)) is not None:
            window = _window_at(lattice, found.cell, length)
            return place(calendar, shape, window, hints, found.nodes)
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
    for stretch in backward(lattice, length, first, last):
        if (found := last_start(calendar, shape, stretch)) is not None:
            window = _window_at(lattice, found.cell, length)
            return place(calendar, shape, window, hints, found.nodes)
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
    for sizes in by_model_and_size(nodes).values():
        # The largest first, so that the first mixture takes the fewest nodes.
        whole = [
            (size, [node for node in same if chooser.has(node, size)])
            for size, same in sorted(sizes.items(), reverse=True)
        ]
        counts = next(mixtures(gpus, [(size, len(same)) for size, same in whole]), None)
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

"""Tracks that were read lately, shared by all who look at the same window.

After a change every open page asks for the same week. It is read once, and only the nodes are
read anew on which something has changed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from bot.domain.cluster import Node
from bot.domain.window import Window
from bot.services.changes import Changes, State, changes_since, state_now
from bot.services.site import Site
from bot.services.tracks import NodeTracks, Tracks, tracks

#: How many windows are kept.
KEPT = 8

T = TypeVar("T")
#: Which window of which nodes was asked for, and which there were then: some are learnt later on.
_Key = tuple[Window, frozenset[str] | None, tuple[Node, ...]]


class RecentTracks:
    """The last windows that were asked for, kept up to date when they are asked for again.

    For all threads.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, tuple[State, Tracks]] = OrderedDict()

    def get(self, window: Window, *, now: datetime, nodes: Collection[str] | None = None) -> Tracks:
        """As `bot.services.tracks.tracks`."""
        key = window, None if nodes is None else frozenset(nodes), self._site.cluster.nodes
        with self._lock:
            known = self._kept.get(key)
        # The state is read before the tracks, so that a change in between is read once more.
        if known is None:
            state = state_now(self._site)
            found = tracks(self._site, window, now=now, nodes=key[1])
        elif (changes := changes_since(self._site, known[0])) is not None:
            state, found = changes.state, self._renewed(known[1], changes, now)
        else:
            state, found = known[0], replace(known[1], now=now)
        self._keep(key, state, found)
        return found

    def _renewed(self, old: Tracks, changes: Changes, now: datetime) -> Tracks:
        """`old` with the nodes read anew on which something changed."""
        changed = changes.nodes & {one.node.name for one in old.nodes}
        part = tracks(self._site, old.window, now=now, nodes=changed)
        return merged(old, part, seq=changes.seq)

    def _keep(self, key: _Key, state: State, found: Tracks) -> None:
        with self._lock:
            before = self._kept.get(key)
            # Somebody else may have read something newer meanwhile.
            if before is None or before[0].seq <= state.seq:
                self._kept[key] = state, found
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


def merged(old: Tracks, part: Tracks, *, seq: int) -> Tracks:
    """`old` with what `part`, which is newer, says of its nodes."""
    newer = {one.node.name: one for one in part.nodes}
    nodes = tuple(newer.get(one.node.name, one) for one in old.nodes)
    bookings = _of(_holders(nodes, "booking"), part.bookings, old.bookings)
    warned = {
        number: warning for number, warning in old.warned.items() if number not in part.bookings
    }
    return Tracks(
        window=old.window,
        now=part.now,
        seq=seq,
        nodes=nodes,
        bookings=bookings,
        warned={n: one for n, one in {**warned, **part.warned}.items() if n in bookings},
        offers=_of(_holders(nodes, "offer"), part.offers, old.offers),
        holds=_of(_holders(nodes, "hold"), part.holds, old.holds),
    )


def _holders(nodes: Iterable[NodeTracks], kind: str) -> set[int]:
    return {bar.holder for one in nodes for bar in one.bars if bar.kind == kind}


def _of(holders: Iterable[int], newer: Mapping[int, T], old: Mapping[int, T]) -> dict[int, T]:
    """What the holders are, the newer where both know it."""
    known = {**old, **newer}
    return {number: known[number] for number in holders if number in known}

"""What the calendar shows: who holds which GPUs of each node, and what is about to change there.

Read from the claims that count, so that it costs what lies in the window, however long the
history is. A week of a large cluster has ten thousand bookings and a page waits for it: they are
read as plain tuples (see recent_tracks for what spares reading them again).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Cast, Connection, Select, and_, cast, extract, select
from sqlmodel import col

from bot.domain.calendar import span
from bot.domain.cluster import Cluster, Node
from bot.domain.drain import Drain
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.domain.tracks import Piece, joined, lay_out
from bot.domain.waitlist import Offer, OfferState
from bot.domain.window import Window
from bot.services.changes import last_seq
from bot.services.site import Site
from bot.store import models, queries, wait_queries

#: A claim is looked for no further back than it can reach into the window. Policy may have
#: allowed longer bookings once, so that is at least this long; rounding and overrun add the rest.
LONGEST, ROUNDING = timedelta(days=31), timedelta(days=2)


class Bar(NamedTuple):
    """What holds GPUs of one node for a time, in epoch seconds."""

    #: "booking", "offer" or "hold".
    kind: str
    #: The id of the booking, offer or preemption.
    holder: int
    start: int
    end: int
    #: The indices it is drawn on. Settled for an active booking, else only a drawing. Fewer than
    #: it holds, or none, when more is claimed than the node has, such as after it lost GPUs.
    gpus: tuple[int, ...]


class Shown(NamedTuple):
    """What is shown of a booking; instants are epoch seconds."""

    id: int
    owner: str
    #: Who made it: a person, or a pipeline.
    created_by: str
    team: str
    #: As in bot.domain.booking: 0 is urgent.
    priority: int
    preemptible: bool
    queued: bool
    purpose: str
    #: The name of a bot.domain.booking.BookingState.
    state: str
    start: int
    end: int
    gpus: int
    #: The promised end, where it finishes after it.
    overrun_from: int | None
    #: In node order.
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeTracks:
    """A node, and the bars on its GPUs by start."""

    node: Node
    bars: tuple[Bar, ...]
    #: That takes it out of service during the window; what still runs there has its bars.
    drain: Drain | None


@dataclass(frozen=True, slots=True)
class Tracks:
    """Everything in a window of the calendar, as of one instant of the database."""

    window: Window
    #: When it was looked at.
    now: datetime
    #: The number of the last audit record; changes with everything that is shown.
    seq: int
    nodes: tuple[NodeTracks, ...]
    #: Those that have a bar, by id.
    bookings: Mapping[int, Shown]
    #: The warnings that running bookings are under, by the booking that gives way.
    warned: Mapping[int, Preemption]
    #: Those that hold GPUs, by id.
    offers: Mapping[int, Offer]
    #: By the id of the preemption: what a preemptee gets back if the preemptor gives up.
    holds: Mapping[int, Preemption]


def tracks(
    site: Site, window: Window, *, now: datetime, nodes: Collection[str] | None = None
) -> Tracks:
    """What lies in `window` on the nodes of the configuration; `nodes` names those to read."""
    shown = tuple(node for node in site.cluster.nodes if nodes is None or node.name in nodes)
    with site.database.snapshot() as connection:
        bookings, pieces = _sorted_out(connection.execute(_claims(site.cluster, shown, window)))
        others = {(p.kind, p.holder) for ps in pieces.values() for p in ps if p.kind != "booking"}
        warned, holds = _preemptions(connection, {id_ for kind, id_ in others if kind == "hold"})
        drains = _drains(connection, window)
        return Tracks(
            window=window,
            now=now,
            seq=last_seq(connection),
            nodes=tuple(
                NodeTracks(node, _bars(node, pieces[node.name]), drains.get(node.name))
                for node in shown
            ),
            bookings=bookings,
            warned={number: found for number, found in warned.items() if number in bookings},
            offers=_offers(connection, {id_ for kind, id_ in others if kind == "offer"}),
            holds=holds,
        )


def _claims(cluster: Cluster, nodes: Sequence[Node], window: Window) -> Select[*tuple[Any, ...]]:
    """Claims in the window that are no drains, each with what is shown of its booking."""
    claim, booking = models.Claim, models.Booking
    start_s, end_s = span(window)
    longest = max(LONGEST, *cluster.policy.max_length.values()) + ROUNDING
    is_its_booking = and_(col(claim.kind) == "booking", col(booking.id) == col(claim.holder))
    return (
        select(
            col(claim.kind), col(claim.holder), col(claim.start_s), col(claim.end_s),
            col(claim.gpus), col(claim.node), col(booking.gpu_ids), col(booking.shares),
            col(booking.owner), col(booking.created_by), col(booking.team),
            col(booking.priority), col(booking.preemptible), col(booking.queued),
            col(booking.purpose), col(booking.state), _epoch(col(booking.start_at)),
            _epoch(col(booking.end_at)), col(booking.gpus), _epoch(col(booking.overrun_from)),
        )
        .outerjoin(booking, is_its_booking)
        .where(
            col(claim.node).in_([node.name for node in nodes]),
            col(claim.gone).is_(None),
            col(claim.end_s) > start_s,
            col(claim.end_s) <= end_s + int(longest.total_seconds()),
            col(claim.start_s) < end_s,
            col(claim.kind) != "drain",
        )
    )  # fmt: skip


def _epoch(instant: Any) -> Cast[int]:
    """An instant as epoch seconds; not every database counts them in whole numbers."""
    return cast(extract("epoch", instant), BigInteger)


def _sorted_out(
    rows: Iterable[tuple[Any, ...]],
) -> tuple[dict[int, Shown], defaultdict[str, list[Piece]]]:
    """The rows of `_claims` as bookings by id, and as pieces by node."""
    bookings: dict[int, Shown] = {}
    pieces: defaultdict[str, list[Piece]] = defaultdict(list)
    for row in rows:
        kind, holder, start, end, gpus, node, ids, shares = row[:8]
        pinned: tuple[int, ...] = ()
        if kind == "booking":
            if ids is not None:
                pinned = _settled(ids, node)
            if holder not in bookings:
                bookings[holder] = Shown._make((holder, *row[8:], _nodes(shares)))
        pieces[node].append(Piece(kind, holder, start, end, gpus, pinned))
    return bookings, pieces


# Few different ones come up again and again.
@lru_cache(maxsize=50_000)
def _settled(gpu_ids: str, node: str) -> tuple[int, ...]:
    return next((tuple(ids) for name, ids in json.loads(gpu_ids) if name == node), ())


@lru_cache(maxsize=10_000)
def _nodes(shares: str) -> tuple[str, ...]:
    return tuple(node for node, _ in json.loads(shares))


def _bars(node: Node, pieces: Sequence[Piece]) -> tuple[Bar, ...]:
    drawn = lay_out(node.gpus, joined(pieces))
    return tuple([Bar(p[0], p[1], p[2], p[3], indices) for p, indices in drawn])


def _preemptions(
    connection: Connection, held: Collection[int]
) -> tuple[dict[int, Preemption], dict[int, Preemption]]:
    """The warnings that stand, by preemptee, and those preemptions of `held`, by id."""
    table = models.Preemption
    warned = queries.columns(table).where(col(table.state) == PreemptionState.WARNED.value)
    found = [queries.to_preemption(row) for row in connection.execute(warned)]
    holding = queries.columns(table).where(col(table.id).in_(held))
    holds = [queries.to_preemption(row) for row in connection.execute(holding)] if held else []
    return {one.preemptee: one for one in found}, {one.id: one for one in holds}


def _offers(connection: Connection, ids: Collection[int]) -> dict[int, Offer]:
    if not ids:
        return {}
    table = models.Offer
    statement = queries.columns(table).where(
        col(table.id).in_(ids), col(table.state) == OfferState.OPEN.value
    )
    return {row.id: wait_queries.to_offer(row) for row in connection.execute(statement)}


def _drains(connection: Connection, window: Window) -> dict[str, Drain]:
    """Drains that take their node out of service during the window."""
    return {
        name: drain
        for name, drain in queries.open_drains(connection).items()
        if drain.start < window.end and (drain.end is None or window.start < drain.end)
    }

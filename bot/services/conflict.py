"""What to say when GPUs are taken: who holds them, and the nearest windows that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select
from sqlmodel import col

from bot.domain.actor import Actor
from bot.domain.alternatives import alternatives
from bot.domain.booking import Booking, Shape
from bot.domain.calendar import Calendar, Claim, span
from bot.domain.cluster import Cluster
from bot.domain.conflict import Alternative, Blocker, Conflict
from bot.domain.masks import lowest
from bot.domain.placement import Hints, by_free
from bot.domain.preemption_notice import PreemptionState
from bot.domain.request import BookingRequest
from bot.domain.starts import eligible
from bot.domain.window import Window
from bot.services.change import OPEN_END, claims_by_holder, claims_of
from bot.services.site import Site
from bot.store import models, queries, wait_queries
from bot.store.ahead import Question
from bot.store.prepared import Prepared
from bot.store.tables import in_sql
from bot.store.told import RestsOn

#: How many holders a reply names; more would hide the alternatives below them.
NAMED_BLOCKERS = 3

#: How many of a team's bookings are looked at to keep its work together, and how far ahead.
HINT_SAMPLE = 64
HINT_REACH = timedelta(days=2)


def conflict_over(
    site: Site,
    actor: Actor,
    request: BookingRequest,
    *,
    besides: int | None = None,
    now: datetime,
) -> Conflict:
    """The conflict for a request that does not fit, seen in a snapshot of its own.

    `besides` is the booking that the request would replace: it is not in its own way.
    """
    with site.database.snapshot() as connection:
        own = (*claims_of(connection, "booking", besides), *kept_for(connection, besides))
        calendar = site.calendars.fresh(connection, now).calendar.without(own)
        nodes = _in_the_way(calendar, request.shape, request.window)
        return Conflict(
            shape=request.shape,
            window=request.window,
            blockers=blockers_on(connection, nodes, request.window, besides=besides),
            alternatives=alternatives_to(
                connection, site.cluster, calendar, request, actor.name, now=now
            ),
        )


def kept_for(connection: Connection, booking: int | None) -> list[Claim]:
    """What is kept of a time that a booking had before: it is not in its own way."""
    if booking is None:
        return []
    given_up = queries.preemptions_of(connection, preemptee=booking)
    moves = [one.id for one in given_up if one.state is PreemptionState.MOVED]
    return [k for kept in claims_by_holder(connection, "hold", moves).values() for k in kept]


def alternatives_to(
    connection: Connection,
    cluster: Cluster,
    calendar: Calendar,
    request: BookingRequest,
    user: str,
    *,
    now: datetime,
) -> tuple[Alternative, ...]:
    """Up to three windows near the request that fit now, of different kinds."""
    teams = cluster.teams_of(user)
    team = request.team or (teams[0].name if teams else "")
    return alternatives(
        calendar,
        request.shape,
        request.window,
        now=now,
        grid=cluster.grid,
        latest_start=now + cluster.policy.horizon,
        hints=hints_for(connection, team, request.window),
    )


def hints_for(connection: Connection, team: str, window: Window) -> Hints:
    """The nodes where `team` has work during, right before or right after `window`.

    Only a hint between nodes that fit equally well, so it is asked where there are such, and a
    sample of the team's work will do: the query costs the same however much the team has booked.
    """
    return Hints(cache(partial(_nodes_near, connection, team, window)))


def _nodes_near(connection: Connection, team: str, window: Window) -> frozenset[str]:
    statement, values = asking_hints(team, window)
    found = {shares for (shares,) in statement.rows(connection, values)}
    return frozenset(share.node for shares in found for share in queries.to_shares(shares))


def asking_hints(team: str, window: Window) -> Question:
    """What `hints_for` asks."""
    instants = {"start": window.start, "end": window.end, "until": window.end + HINT_REACH}
    return _near(), {"team": team, **instants}


def _is_near(asked: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether a booking is one of those asked for below."""
    touches = row["start_at"] <= asked["end"] and asked["start"] <= row["end_at"] <= asked["until"]
    return bool(touches) and row["team"] == asked["team"]


@cache
def _near() -> Prepared:
    booking, start, end = models.Booking, queries.instant("start"), queries.instant("end")
    return Prepared(
        select(col(booking.shares))
        .where(
            col(booking.team) == bindparam("team"),
            col(booking.end_at) >= start,
            col(booking.end_at) <= queries.instant("until"),
            col(booking.start_at) <= end,
            # As they stand: SQLite plans anew for each value of what a partial index is for.
            col(booking.state).in_(map(in_sql, queries.LIVE)),
        )
        .order_by(col(booking.end_at))
        .limit(HINT_SAMPLE),
        rests_on=RestsOn("booking", _is_near),
    )


def blockers(
    connection: Connection, calendar: Calendar, shape: Shape, window: Window
) -> tuple[Blocker, ...]:
    """Who holds the GPUs that a request needs, by when they end."""
    return blockers_on(connection, _in_the_way(calendar, shape, window), window)


def _in_the_way(calendar: Calendar, shape: Shape, window: Window) -> list[str]:
    """The nodes whose holders are in the way: the one that comes nearest to fitting.

    A request for several nodes is in the way of whoever holds any of them.
    """
    where = eligible(calendar, shape)
    large = where.having(shape.gpus)
    if shape.spread or not large:
        return [node.name for node in where.nodes]
    free = by_free(calendar, where, window)
    nearest = (free[count] & large for count in sorted(free, reverse=True))
    nodes = next(filter(None, nearest), large)
    return [calendar.board.nodes[lowest(nodes)].name]


def blockers_on(
    connection: Connection, nodes: Sequence[str], window: Window, *, besides: int | None = None
) -> tuple[Blocker, ...]:
    """Who holds GPUs of those nodes during `window`, other than booking `besides`.

    One entry a holder and node, however often it was extended; by when they end.
    """
    claims = queries.claims_overlapping(connection, nodes, *span(window))
    kept = {claim.id for claim in kept_for(connection, besides)}
    holders = {
        (claim.kind, claim.holder, claim.node): claim
        for claim in sorted(claims, key=attrgetter("end_s"))
        if (claim.kind != "booking" or claim.holder != besides) and claim.id not in kept
    }
    return _named(connection, list(holders.values())[:NAMED_BLOCKERS])


def _named(connection: Connection, claims: Iterable[Row[Any]]) -> tuple[Blocker, ...]:
    claims = list(claims)
    held = queries.bookings_by_id(connection, (c.holder for c in claims if c.kind == "booking"))
    return tuple(
        _booking_blocker(claim, held[claim.holder])
        if claim.kind == "booking"
        else _OTHERS[claim.kind](connection, claim)
        for claim in claims
    )


def _booking_blocker(claim: Row[Any], booking: Booking) -> Blocker:
    return Blocker(
        node=claim.node,
        gpus=claim.gpus,
        window=booking.window,
        booking=booking.id,
        owner=booking.owner,
        team=booking.team,
        priority=int(booking.priority),
    )


def _drain_blocker(connection: Connection, claim: Row[Any]) -> Blocker:
    drain = queries.find_drain(connection, claim.holder)
    end = drain.end if drain else None
    return Blocker(
        node=claim.node,
        gpus=claim.gpus,
        window=Window(
            datetime.fromtimestamp(claim.start_s, UTC),
            end or datetime.fromtimestamp(OPEN_END, UTC),
        ),
        reason=drain.reason if drain else "",
        own_reason=drain is not None and drain.own_reason,
    )


def _offer_blocker(connection: Connection, claim: Row[Any]) -> Blocker:
    """GPUs on offer to somebody who waited; they are free again when nobody answers."""
    offer = wait_queries.find_offer(connection, claim.holder)
    assert offer is not None, f"claim {claim.id} is of no offer"
    return Blocker(
        node=claim.node,
        gpus=claim.gpus,
        window=offer.window,
        owner=offer.owner,
        team=offer.team,
        held_until=offer.expires_at,
    )


def _hold_blocker(connection: Connection, claim: Row[Any]) -> Blocker:
    """What somebody who gives way gets back if the urgent work is called off before it begins."""
    preemption = queries.find_preemption(connection, claim.holder)
    assert preemption is not None, f"claim {claim.id} is of no preemption"
    booking = queries.find_booking(connection, preemption.preemptee)
    return Blocker(
        node=claim.node,
        gpus=claim.gpus,
        window=Window(
            datetime.fromtimestamp(claim.start_s, UTC), datetime.fromtimestamp(claim.end_s, UTC)
        ),
        owner=booking.owner if booking else None,
        team=booking.team if booking else None,
        held_until=preemption.reclaim_at,
    )


_OTHERS: Mapping[str, Callable[[Connection, Row[Any]], Blocker]] = {
    "drain": _drain_blocker,
    "offer": _offer_blocker,
    "hold": _hold_blocker,
}

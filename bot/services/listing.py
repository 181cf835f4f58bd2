"""Lists for programs, page by page: bounded queries on indexes, stable while rows are added."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, and_, or_
from sqlmodel import col

from bot.domain.booking import Booking, BookingState
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.domain.waitlist import Offer, OfferState
from bot.services.record import AuditRecord, to_record
from bot.services.site import Site
from bot.store import models, queries, wait_queries

OPEN = frozenset({BookingState.RESERVED, BookingState.ACTIVE})


@dataclass(frozen=True, slots=True)
class BookingFilter:
    """Which bookings are listed."""

    states: frozenset[BookingState] = OPEN
    #: Those that end after this instant.
    ends_after: datetime | None = None
    #: Those that start before this instant.
    starts_before: datetime | None = None
    owner: str | None = None
    team: str | None = None
    node: str | None = None


def list_bookings(
    site: Site, wanted: BookingFilter, *, after: tuple[datetime, int] | None, limit: int
) -> tuple[Booking, ...]:
    """The next `limit` bookings by end, then id, behind the one that `after` names by these.

    Every query walks an index from where the page begins, so that history costs nothing.
    """
    with site.database.snapshot() as connection:
        if wanted.owner is not None or wanted.team is not None:
            found = _page(connection, wanted, wanted.states, after, limit)
        else:
            # The index is by state and end: one walk a state, and the nearest of all.
            found = [
                booking
                for state in sorted(wanted.states)
                for booking in _page(connection, wanted, {state}, after, limit)
            ]
    return tuple(sorted(found, key=lambda b: (b.window.end, b.id))[:limit])


def _page(
    connection: Connection,
    wanted: BookingFilter,
    states: Collection[BookingState],
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[Booking]:
    table = models.Booking
    statement = queries.columns(table).where(col(table.state).in_([s.value for s in states]))
    if wanted.owner is not None:
        statement = statement.where(col(table.owner) == wanted.owner)
    if wanted.team is not None:
        statement = statement.where(col(table.team) == wanted.team)
    if wanted.ends_after is not None:
        statement = statement.where(col(table.end_at) > wanted.ends_after)
    if wanted.starts_before is not None:
        statement = statement.where(col(table.start_at) < wanted.starts_before)
    if wanted.node is not None:
        statement = statement.where(queries.on_node(wanted.node))
    if after is not None:
        end, booking = after
        later = or_(col(table.end_at) > end, col(table.id) > booking)
        statement = statement.where(and_(col(table.end_at) >= end, later))
    statement = statement.order_by(col(table.end_at), col(table.id)).limit(limit)
    return [queries.to_booking(row) for row in connection.execute(statement)]


def list_audit(
    site: Site,
    *,
    booking: int | None = None,
    before: int | None = None,
    after: int | None = None,
    limit: int,
) -> tuple[AuditRecord, ...]:
    """Up to `limit` records: the newest ones before number `before`, newest first.

    With `after`, the oldest ones after that number, oldest first.
    """
    table = models.Audit
    statement = queries.columns(table).limit(limit)
    if booking is not None:
        statement = statement.where(col(table.booking) == booking)
    if after is not None:
        statement = statement.where(col(table.seq) > after).order_by(col(table.seq))
    else:
        statement = statement.order_by(col(table.seq).desc())
    if before is not None:
        statement = statement.where(col(table.seq) < before)
    with site.database.snapshot() as connection:
        return tuple(to_record(row) for row in connection.execute(statement))


def open_offers(site: Site, *, now: datetime, owner: str | None = None) -> tuple[Offer, ...]:
    """The offers that can be answered at `now`, the one that expires first, first."""
    table = models.Offer
    statement = (
        queries.columns(table)
        .where(col(table.state) == OfferState.OPEN.value, col(table.expires_at) > now)
        .order_by(col(table.expires_at), col(table.id))
    )
    if owner is not None:
        statement = statement.where(col(table.owner) == owner)
    with site.database.snapshot() as connection:
        return tuple(wait_queries.to_offer(row) for row in connection.execute(statement))


def standing_preemptions(site: Site, bookings: Iterable[int]) -> dict[int, Preemption]:
    """The last preemption that concerns each of those bookings, where it still does.

    One that is warned, or one that was moved and whose owner has not said whether that suits.
    """
    table, ids = models.Preemption, list(bookings)
    states = [PreemptionState.WARNED.value, PreemptionState.MOVED.value]
    statement: Select[tuple[object, ...]] = (
        queries.columns(table)
        .where(
            col(table.preemptee).in_(ids), col(table.state).in_(states), col(table.kept).is_(False)
        )
        .order_by(col(table.id))
    )
    with site.database.snapshot() as connection:
        found = [queries.to_preemption(row) for row in connection.execute(statement)]
    return {preemption.preemptee: preemption for preemption in found}

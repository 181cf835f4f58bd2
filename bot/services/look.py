"""Questions that change nothing: what is free, who has what, and how it came about."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from sqlalchemy import Connection, bindparam
from sqlmodel import col

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, Placement, Shape, Share
from bot.domain.calendar import Calendar, Claim, span
from bot.domain.cluster import Cluster, Node
from bot.domain.conflict import Alternative, Blocker
from bot.domain.drain import Drain
from bot.domain.errors import N_, NotFound
from bot.domain.notes import Note
from bot.domain.placement import NO_HINTS, earliest, place
from bot.domain.request import BookingRequest
from bot.domain.transfer import Transfer
from bot.domain.window import Window
from bot.services.conflict import alternatives_to, blockers, hints_for
from bot.services.record import AuditRecord, to_record
from bot.services.rows import no_such_booking
from bot.services.site import Site
from bot.store import models, queries
from bot.store.prepared import Reading
from bot.store.tables import table_of

#: How many bookings ahead are listed for a node, and how far ahead.
UPCOMING = 2
NEXT = timedelta(days=1)


#: Holders of a node that was not asked for: now and next.
NOBODY: tuple[list[int], list[int]] = ([], [])


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a request fits now, and if not, what is in the way and what fits near it."""

    fits: bool
    placement: Placement | None = None
    blockers: tuple[Blocker, ...] = ()
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class FreeWindow:
    """A window that fits, and how long the GPUs stay free: None, longer than one can book."""

    placement: Placement
    until: datetime | None


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node at one instant: who has it, what is free, and what comes next."""

    node: Node
    drain: Drain | None
    free: int
    current: tuple[Booking, ...]
    upcoming: tuple[Booking, ...]


def free_windows(
    site: Site,
    shape: Shape,
    length: timedelta,
    *,
    not_before: datetime | None,
    now: datetime,
    limit: int = 5,
) -> tuple[FreeWindow, ...]:
    """The next windows in which `shape` is free for `length`, each on another free stretch.

    A stretch is given once, however many windows fit into it, and for all the nodes that have it
    alike: "4 × V100 now, free until Friday" says more than five starts two hours apart.
    """
    latest = now + site.cluster.policy.horizon
    after = max(not_before or now, now)
    found: list[FreeWindow] = []
    calendar = site.calendars.current(site.database, now).fork()
    # What is hidden below is nothing that other searches should have to take back.
    calendar.board = calendar.board.apart()
    while len(found) < limit:
        placement = earliest(
            calendar, shape, length, not_before=after, latest_start=latest, now=now, hints=NO_HINTS
        )
        if placement is None:
            break
        found.append(FreeWindow(placement, free_until(calendar, site.cluster, placement)))
        _hide_stretches(calendar, site.cluster, placement)
    return tuple(found)


def free_until(calendar: Calendar, cluster: Cluster, placement: Placement) -> datetime | None:
    """How long the placement's GPUs stay free from its start; None: as far as one can book.

    Looks no further than the longest booking would reach, because nobody can book more at once.
    """
    grid = cluster.grid
    first = grid.number(placement.window.end)
    last = first + max(cluster.policy.max_length.values()) // cluster.policy.slot

    def is_taken(number: int) -> int:
        window = Window(placement.window.start, grid.line(number))
        return 0 if calendar.fits(Placement(window, placement.shares)) else 1

    taken = bisect_left(range(first + 1, last + 1), 1, key=is_taken) + first + 1
    return None if taken > last else grid.line(taken - 1)


def _hide_stretches(calendar: Calendar, cluster: Cluster, found: Placement) -> None:
    """Take the stretch of `found`, on all nodes of its models that have it, out of the search."""
    shares = {share.node: share.gpus for share in found.shares}
    models = {node.model for node in cluster.nodes if node.name in shares}
    least = min(shares.values())
    for node in cluster.nodes:
        here = Placement(found.window, (Share(node.name, shares.get(node.name, least)),))
        if node.model in models and calendar.fits(here):
            end = free_until(calendar, cluster, here) or found.window.end + cluster.policy.horizon
            stretch = span(Window(found.window.start, end))
            calendar.add(Claim(0, node.name, *stretch, node.gpus))


def availability(site: Site, request: BookingRequest, *, user: str, now: datetime) -> Availability:
    """Whether `request` fits now, and what else would."""
    with site.database.snapshot() as connection:
        calendar = site.calendars.fresh(connection, now).calendar
        hints = hints_for(connection, request.team or "", request.window)
        placement = place(calendar, request.shape, request.window, hints)
        if placement is not None:
            return Availability(fits=True, placement=placement)
        return Availability(
            fits=False,
            blockers=blockers(connection, calendar, request.shape, request.window),
            alternatives=alternatives_to(
                connection, site.cluster, calendar, request, user, now=now
            ),
        )


def status(
    site: Site, *, at: datetime, now: datetime, only: Collection[str] | None = None
) -> tuple[NodeStatus, ...]:
    """Each node at `at`: who has it, what is free, and what is booked within NEXT after it.

    `only` names the nodes whose bookings are read (None: all); of the others only what is free.
    """
    instant = Window(at, at + timedelta(seconds=1))
    with site.database.snapshot() as connection:
        calendar = site.calendars.fresh(connection, now).calendar
        drains = queries.open_drains(connection)
        names = [n.name for n in site.cluster.nodes if only is None or n.name in only]
        holders = _holders_by_node(connection, names, at)
        ids = {b for current, upcoming in holders.values() for b in (*current, *upcoming)}
        found = queries.bookings_by_id(connection, ids)
    return tuple(
        NodeStatus(
            node=node,
            drain=drains.get(node.name),
            free=max(calendar.free(node.name, instant), 0),
            current=tuple(found[b] for b in holders.get(node.name, NOBODY)[0]),
            upcoming=tuple(found[b] for b in holders.get(node.name, NOBODY)[1]),
        )
        for node in site.cluster.nodes
    )


def _holders_by_node(
    connection: Connection, names: Sequence[str], at: datetime
) -> dict[str, tuple[list[int], list[int]]]:
    """Booking ids on each node: those that hold GPUs at `at`, and the first ones after it."""
    at_s, until_s = span(Window(at, at + NEXT))
    claims = queries.claims_overlapping(connection, names, at_s, until_s)
    holders: dict[str, tuple[list[int], list[int]]] = {name: ([], []) for name in names}
    for claim in sorted(claims, key=attrgetter("start_s")):
        if claim.kind != "booking":
            continue
        current, upcoming = holders[claim.node]
        if claim.start_s <= at_s:
            current.append(claim.holder)
        elif claim.holder not in (*current, *upcoming) and len(upcoming) < UPCOMING:
            upcoming.append(claim.holder)
    return holders


def bookings_of(site: Site, user: str, *, now: datetime) -> tuple[Booking, ...]:
    """The bookings of `user` that are not over, by start."""
    with site.database.snapshot() as connection:
        return queries.open_bookings(connection, after=now, owner=user)


def team_bookings(site: Site, team: str, *, now: datetime, limit: int = 10) -> tuple[Booking, ...]:
    """The next bookings of `team` that are not over, by start."""
    with site.database.snapshot() as connection:
        return queries.open_bookings(connection, after=now, team=team, limit=limit)


def get_booking(site: Site, booking_id: int) -> Booking:
    """The booking with that id; raise NotFound when there is none."""
    with site.database.snapshot() as connection:
        booking = queries.find_booking(connection, booking_id)
    if booking is None:
        raise no_such_booking(booking_id)
    return booking


def may_change(site: Site, actor: Actor, booking: Booking) -> bool:
    """Whether `actor` may change `booking`."""
    return policy.may_change(site.cluster, actor, booking)


def open_transfer(site: Site, booking_id: int) -> Transfer | None:
    """The transfer of a booking that still waits for its receiver."""
    with site.database.snapshot() as connection:
        return queries.open_transfer(connection, booking_id)


def get_transfer(site: Site, transfer_id: int) -> Transfer:
    """The transfer with that id; raise NotFound when there is none."""
    with site.database.snapshot() as connection:
        transfer = queries.find_transfer(connection, transfer_id)
    if transfer is None:
        raise NotFound(what=Note(N_("such transfer")))
    return transfer


def get_drain(site: Site, drain_id: int) -> Drain:
    """The drain with that id; raise NotFound when there is none."""
    with site.database.snapshot() as connection:
        drain = queries.find_drain(connection, drain_id)
    if drain is None:
        raise NotFound(what=Note(N_("such drain")))
    return drain


def drained_nodes(site: Site) -> dict[str, Drain]:
    """Drains that hold their node now or later, by node."""
    with site.database.snapshot() as connection:
        return queries.open_drains(connection)


def history(
    site: Site, booking_id: int | None = None, *, limit: int = 20
) -> tuple[AuditRecord, ...]:
    """The last audit records, of one booking or of all; the newest last."""
    newest, values = (_NEWEST, {}) if booking_id is None else (_NEWEST_OF, {"of": booking_id})
    with site.database.snapshot() as connection:
        found = newest.found(connection, {**values, "limit": limit})
    return tuple(reversed(found))


_AUDIT = table_of(models.Audit)
_LAST_FIRST = queries.columns(models.Audit).order_by(_AUDIT.c.seq.desc()).limit(bindparam("limit"))
# What was before and after is not frozen, so records are not remembered.
_NEWEST = Reading(_LAST_FIRST, to_record, remembered=0)
_NEWEST_OF = Reading(
    _LAST_FIRST.where(_AUDIT.c.booking == bindparam("of")), to_record, remembered=0
)


def get_audit(site: Site, seq: int) -> AuditRecord:
    """The audit record with that number; raise NotFound when there is none."""
    statement = queries.columns(models.Audit).where(col(models.Audit.seq) == seq)
    with site.database.snapshot() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(what=Note(N_("such audit record")))
    return to_record(row)

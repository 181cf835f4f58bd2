"""Booking GPUs: `/gpu reserve`, and every button that books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, Shape
from bot.domain.cluster import Cluster
from bot.domain.job_templates import check_placed
from bot.domain.request import BookingRequest
from bot.domain.shape_rules import check_shape
from bot.services import receipts
from bot.services.change import CLAIM, Change, DoesNotFit
from bot.services.changing import changing
from bot.services.conflict import asking_hints, conflict_over, hints_for
from bot.services.job_orders import work_of
from bot.services.overrun import place_over_overruns
from bot.services.quota import check_quotas
from bot.services.record import record_booking
from bot.services.refusals import note_refusal
from bot.services.rows import BOOKING, insert_booking
from bot.services.site import Site
from bot.store import queries
from bot.store.ahead import Question


def reserve(
    site: Site, actor: Actor, request: BookingRequest, *, now: datetime, key: str | None = None
) -> Booking:
    """Book what `request` asks for; raise Conflict, with alternatives, when it is not free."""
    (booking,) = reserve_all(site, actor, (request,), now=now, key=key)
    return booking


def reserve_all(
    site: Site,
    actor: Actor,
    requests: Sequence[BookingRequest],
    *,
    now: datetime,
    key: str | None = None,
) -> tuple[Booking, ...]:
    """Book all of `requests`, or none of them."""
    wanted = None
    key = receipts.scoped(key, actor, "reserve")
    try:
        asking = _asking(site.cluster, actor, requests, key)
        with changing(site, now, asking=asking, numbering=(BOOKING, CLAIM)) as change:
            if (done := receipts.find(change, key)) is not None:
                found = queries.bookings_by_id(change.connection, done)
                return tuple(found[booking_id] for booking_id in done)
            bookings: list[Booking] = []
            for wanted in requests:
                bookings.append(_reserve_one(change, actor, wanted, bookings))
            receipts.keep(change, key, [booking.id for booking in bookings])
            return tuple(bookings)
    except DoesNotFit:
        assert wanted is not None
    # After the rollback, so that nobody waits for the write lock while alternatives are sought.
    note_refusal(site, actor, wanted, now=now)
    raise conflict_over(site, actor, wanted, now=now)


def _asking(
    cluster: Cluster, actor: Actor, requests: Sequence[BookingRequest], key: str | None
) -> Iterator[Question]:
    """What will be asked before the first of them is booked, if nothing is wrong with it."""
    yield receipts.asking(key)
    for request in requests[:1]:
        teams = (team.name for team in cluster.teams_of(actor.name))
        if (team := request.team or next(teams, None)) is not None:
            yield asking_hints(team, request.window)


def _checked(cluster: Cluster, shape: Shape) -> Shape:
    """The shape, if the cluster has it: buttons may be older than the configuration."""
    return check_shape(cluster, shape.gpus, node=shape.node, model=shape.model, spread=shape.spread)


def _reserve_one(
    change: Change, actor: Actor, request: BookingRequest, parts: Sequence[Booking]
) -> Booking:
    """Book one of several parts, of which the later ones go on with the work of the first."""
    cluster = change.cluster
    team = policy.team_for(cluster, actor.name, request.team)
    policy.check_priority(cluster, actor.name, request.priority)
    window = policy.check_window(cluster, request.priority, request.window, change.now)
    shape = _checked(cluster, request.shape)
    before = parts[0].id if parts and request.job == parts[0].job else request.continues
    work = work_of(change, actor, request.job, before, shape)
    request = replace(request, window=window, shape=shape, job=work.job, continues=work.continues)
    check_quotas(change, actor.name, team.name, request.window, request.shape.gpus)
    placement = place_over_overruns(
        change,
        request.shape,
        request.window,
        hints_for(change.connection, team.name, request.window),
    )
    if placement is None:
        raise DoesNotFit
    booking = insert_booking(
        change, request, placement, owner=actor.name, team=team.name, maker=actor.maker
    )
    check_placed(cluster, booking)
    change.take(booking.id, placement)
    record_booking(change, actor, "reserved", before=None, after=booking)
    return booking

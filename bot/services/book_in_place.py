"""Booking again what was lost or is not done: the same GPUs, the same job, the nearest window."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, Placement, Shape, booking_label
from bot.domain.errors import N_, WrongState
from bot.domain.notes import Note
from bot.domain.placement import earliest
from bot.domain.request import BookingRequest
from bot.domain.window import asked_length
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.conflict import hints_for
from bot.services.quota import check_quotas
from bot.services.record import record_booking
from bot.services.rows import insert_booking, load_booking
from bot.services.site import Site
from bot.store import queries


class NothingLeft(WrongState):
    """There is nothing to book again."""

    code = "nothing_left"


def book_more_time(site: Site, actor: Actor, booking_id: int, *, now: datetime) -> Booking:
    """Book the nearest window in which the job of a booking that is over goes on.

    A second press gives the same booking. Raises WrongState while the booking is not over, or
    when it has no job, and NothingLeft when no window fits.
    """
    with changing(site, now) as change:
        booking = load_booking(change, booking_id)
        policy.check_may_keep(site.cluster, actor, booking)
        label = booking_label(booking.id)
        if not booking.is_over(change.now):
            why = Note(N_("is not over: extend it with `/gpu extend {label}`."), {"label": label})
            raise WrongState(booking=label, why=why)
        if booking.job is None:
            raise WrongState(booking=label, why=Note(N_("has no job that could go on.")))
        if (going := _goes_on(change, booking)) is not None:
            return going
        length = asked_length(booking.window, site.cluster.grid)
        placement = nearest_room(change, booking, length, not_before=change.now)
        window, gpus = placement.window, placement.gpus
        check_quotas(change, booking.owner, booking.team, window, gpus)
        return book_in_place(change, actor, booking, placement)


def _goes_on(change: Change, booking: Booking) -> Booking | None:
    """The booking in which the same work goes on already."""
    found = queries.open_bookings(change.connection, after=change.now, owner=booking.owner)
    return next((other for other in found if other.continues == booking.first), None)


def nearest_room(
    change: Change, booking: Booking, length: timedelta, *, not_before: datetime
) -> Placement:
    """The nearest window for the same GPUs. Raises NothingLeft."""
    found = earliest(
        change.calendar,
        booking.shape,
        length,
        not_before=not_before,
        latest_start=change.now + change.cluster.policy.horizon,
        now=change.now,
        hints=hints_for(change.connection, booking.team, booking.window),
    )
    if found is None:
        why = Note(N_("finds no window within the horizon. Join the waitlist with `/gpu wait`."))
        raise NothingLeft(booking=booking_label(booking.id), why=why)
    return found


def book_in_place(change: Change, actor: Actor, booking: Booking, placement: Placement) -> Booking:
    """Book `placement` in place of `booking`; its job goes on there. Both threads tell."""
    policy.check_priority(change.cluster, booking.owner, booking.priority)
    again = take_in_place(change, booking, booking.shape, placement)
    record_booking(
        change, actor, "booked_again", before=None, after=again,
        details={"preemptee": booking.id}, told=True,
    )  # fmt: skip
    record_booking(
        change, actor, "rebooked", before=booking, after=booking, details={"again": again.id},
        told=True,
    )  # fmt: skip
    return again


def take_in_place(change: Change, booking: Booking, shape: Shape, placement: Placement) -> Booking:
    """A new booking that is like `booking`, with `shape`, at `placement`; its job goes on there.

    Raises DoesNotFit. Nothing is recorded yet.
    """
    request = BookingRequest(
        shape=shape,
        window=placement.window,
        priority=booking.priority,
        preemptible=booking.preemptible,
        team=booking.team,
        purpose=booking.purpose,
        job=booking.job,
        continues=booking.first if booking.job is not None else None,
    )
    taken = insert_booking(change, request, placement, owner=booking.owner, team=booking.team)
    change.take(taken.id, placement)
    return taken

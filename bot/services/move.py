"""Moving a booking that has not started to another time."""

from __future__ import annotations

from datetime import datetime

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, booking_label
from bot.domain.errors import N_, WrongState
from bot.domain.fitting import fit
from bot.domain.notes import Note
from bot.domain.placement import place
from bot.domain.request import BookingRequest
from bot.domain.window import Window
from bot.services import receipts
from bot.services.cancel import already_over
from bot.services.change import Change, DoesNotFit, changing
from bot.services.conflict import conflict_over, hints_for
from bot.services.quota import check_quotas
from bot.services.record import record_booking
from bot.services.rows import load_booking, update_booking
from bot.services.site import Site


def move(
    site: Site,
    actor: Actor,
    booking_id: int,
    start: datetime | None,
    *,
    reason: str = "",
    now: datetime,
    key: str | None = None,
) -> Booking:
    """Move a booking to `start` (None: now), keeping its length and what was asked for.

    Raises Conflict, with alternatives, when it does not fit there; the booking stays as it was.
    """
    try:
        with changing(site, now) as change:
            booking = load_booking(change, booking_id)
            if receipts.find(change, key) is not None:
                return booking
            window = _check(change, actor, booking, start, reason)
            after = _move(change, booking, window)
            record_booking(change, actor, "moved", before=booking, after=after, reason=reason)
            receipts.keep(change, key, booking.id)
            return after
    except DoesNotFit:
        pass
    raise conflict_over(site, actor, as_request(booking, window), now=now)


def as_request(booking: Booking, window: Window) -> BookingRequest:
    """A request for what `booking` holds, at another window."""
    return BookingRequest(
        shape=booking.shape,
        window=window,
        priority=booking.priority,
        preemptible=booking.preemptible,
        team=booking.team,
        purpose=booking.purpose,
    )


def _check(
    change: Change, actor: Actor, booking: Booking, start: datetime | None, reason: str
) -> Window:
    """The new window, if policy allows it."""
    cluster, now = change.cluster, change.now
    policy.check_may_change(cluster, actor, booking)
    label = booking_label(booking.id)
    if not booking.is_upcoming(now):
        why = Note(N_("it is running and cannot be moved. You can release or extend it."))
        raise WrongState(
            booking=label, why=why if booking.is_running(now) else already_over(booking)
        )
    policy.check_reason(actor, booking, reason, example=f"/gpu move {label} fri 18:00 node needed")
    # A slot that daylight saving cut short counts as a whole one elsewhere.
    length = max(booking.window.length, cluster.policy.slot)
    window = fit(start, length=length, grid=cluster.grid, now=now).window
    window = policy.check_start(cluster, window, now)
    policy.check_length(cluster, booking.priority, window)
    check_quotas(change, booking.owner, booking.team, window, booking.gpus, besides=booking.id)
    return window


def _move(change: Change, booking: Booking, window: Window) -> Booking:
    change.give_back("booking", booking.id)
    hints = hints_for(change.connection, booking.team, window)
    placement = place(change.calendar, booking.shape, window, hints)
    if placement is None:
        raise DoesNotFit
    change.take(booking.id, placement)
    return update_booking(change, booking, window=window, shares=placement.shares)

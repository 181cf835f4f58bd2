"""Moving a booking that has not started to another time."""

from __future__ import annotations

from datetime import datetime

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, booking_label
from bot.domain.errors import N_, WrongState
from bot.domain.fitting import fit
from bot.domain.job_templates import suits
from bot.domain.notes import Note
from bot.domain.request import BookingRequest
from bot.domain.window import Window, asked_length
from bot.services import receipts
from bot.services.change import Change, DoesNotFit
from bot.services.changing import changing
from bot.services.conflict import conflict_over, hints_for
from bot.services.overrun import place_over_overruns
from bot.services.preemption_rows import pending_preemptions
from bot.services.quota import check_quotas
from bot.services.record import record_booking
from bot.services.rows import load_booking, update_booking
from bot.services.site import Site
from bot.services.withdraw import overtake_preemptions

EXAMPLE = "/gpu move B142 fri 18:00 the node is needed"
RUNNING = N_("is running and cannot be moved. You can release or extend it.")
TAKES_FROM_OTHERS = N_(
    "takes GPUs from others, who were told when. Cancel it, which gives them back, and ask anew."
)
THERE_ALREADY = N_("starts then already; nothing was changed.")


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
    key = receipts.scoped(key, actor, "move", booking_id)
    try:
        with changing(site, now) as change:
            booking = load_booking(change, booking_id)
            if receipts.find(change, key) is not None:
                return booking
            window = _check(change, actor, booking, start)
            reason = policy.check_reason(actor, booking, reason, example=EXAMPLE)
            # What is kept of a time it had before is no hindrance to its owner.
            overtake_preemptions(change, booking)
            after = _move(change, booking, window)
            record_booking(change, actor, "moved", before=booking, after=after, reason=reason)
            receipts.keep(change, key, booking.id)
            return after
    except DoesNotFit:
        pass
    raise conflict_over(site, actor, as_request(booking, window), besides=booking.id, now=now)


def as_request(booking: Booking, window: Window) -> BookingRequest:
    """A request for what `booking` holds, at another window."""
    return BookingRequest(
        shape=booking.shape,
        window=window,
        priority=booking.priority,
        preemptible=booking.preemptible,
        team=booking.team,
        purpose=booking.purpose,
        job=booking.job,
        continues=None if booking.job is None else booking.id,
    )


def _check(change: Change, actor: Actor, booking: Booking, start: datetime | None) -> Window:
    """The new window, if policy allows it."""
    cluster, now = change.cluster, change.now
    policy.check_may_keep(cluster, actor, booking)
    if not booking.is_upcoming(now):
        raise WrongState(booking=booking_label(booking.id), why=_why_not(booking, now))
    if pending_preemptions(change, booking.id):
        raise WrongState(booking=booking_label(booking.id), why=Note(TAKES_FROM_OTHERS))
    length = asked_length(booking.window, cluster.grid)
    window = fit(start, length=length, grid=cluster.grid, now=now).window
    if window == booking.window:
        raise WrongState(booking=booking_label(booking.id), why=Note(THERE_ALREADY))
    window = policy.check_window(cluster, booking.priority, window, now)
    policy.check_priority(cluster, booking.owner, booking.priority)
    check_quotas(change, booking.owner, booking.team, window, booking.gpus, besides=booking.id)
    return window


def _why_not(booking: Booking, now: datetime) -> Note:
    return Note(RUNNING) if booking.is_running(now) else policy.already_over(booking)


def _move(change: Change, booking: Booking, window: Window) -> Booking:
    change.give_back("booking", booking.id)
    hints = hints_for(change.connection, booking.team, window)
    placement = place_over_overruns(change, booking.shape, window, hints)
    if placement is None or not suits(change.cluster, booking.job, placement.shares):
        raise DoesNotFit
    change.take(booking.id, placement)
    return update_booking(change, booking, window=window, shares=placement.shares)

"""Taking a booking back before it starts."""

from __future__ import annotations

from datetime import datetime

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, BookingState, booking_label
from bot.domain.errors import N_, WrongState
from bot.domain.notes import Note
from bot.services import receipts
from bot.services.changing import changing
from bot.services.record import record_booking
from bot.services.rows import load_booking, update_booking
from bot.services.site import Site
from bot.services.withdraw import let_go


def cancel(
    site: Site,
    actor: Actor,
    booking_id: int,
    *,
    reason: str = "",
    now: datetime,
    key: str | None = None,
) -> Booking:
    """Cancel a booking that has not started; somebody else's needs a reason."""
    key = receipts.scoped(key, actor, "cancel", booking_id)
    with changing(site, now) as change:
        booking = load_booking(change, booking_id)
        if receipts.find(change, key) is not None:
            return booking
        policy.check_may_change(site.cluster, actor, booking)
        _check_upcoming(booking, now)
        label = booking_label(booking_id)
        reason = policy.check_reason(
            actor, booking, reason, example=f"/gpu cancel {label} node needed"
        )
        change.give_back("booking", booking.id)
        after = update_booking(change, booking, state=BookingState.CANCELLED)
        record_booking(change, actor, "cancelled", before=booking, after=after, reason=reason)
        let_go(change, actor, after, booking)
        receipts.keep(change, key, booking.id)
        return after


def _check_upcoming(booking: Booking, now: datetime) -> None:
    if booking.is_upcoming(now):
        return
    label = booking_label(booking.id)
    why = (
        Note(N_("is running. Give its GPUs back with `/gpu release {label}`."), {"label": label})
        if booking.is_running(now)
        else policy.already_over(booking)
    )
    raise WrongState(booking=label, why=why)

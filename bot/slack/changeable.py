"""Whether somebody may change a booking, asked before they fill in a form about it."""

from __future__ import annotations

from bot.domain import policy
from bot.domain.booking import Booking, booking_label
from bot.domain.errors import WrongState
from bot.domain.notes import Note
from bot.services.look import get_booking
from bot.services.move import RUNNING
from bot.slack.context import Call


def changeable(call: Call, booking_id: int, *, before_start: bool = False) -> Booking:
    """The booking, if the asker may change it and it is not over; or also not `before_start`.

    Raises what the change itself would raise: NotFound, NotAllowed, WrongState.
    """
    booking = get_booking(call.site, booking_id)
    policy.check_may_change(call.site.cluster, call.actor, booking)
    if booking.is_over(call.now):
        raise WrongState(booking=booking_label(booking_id), why=policy.already_over(booking))
    if before_start and booking.is_running(call.now):
        raise WrongState(booking=booking_label(booking_id), why=Note(RUNNING))
    return booking

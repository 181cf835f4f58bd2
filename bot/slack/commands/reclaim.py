"""What a preemptee answers: release now, more time, book again, or keep the new time.

The message that was pressed is brought up to date by the outbox, in the channel and at the owner;
what is said here is for the one who pressed.
"""

from __future__ import annotations

from bot.domain.booking import booking_label
from bot.domain.errors import N_
from bot.services.look import get_booking
from bot.services.reclaim import (
    book_again,
    grant_extra_time,
    keep_new_time,
    release_for_preemptor,
)
from bot.slack.blocks.build import message
from bot.slack.commands.reserve_form import confirmed
from bot.slack.context import Press, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import unpack_id
from bot.slack.registry import action


@action(ActionId.RELEASE_NOW)
def press_release_now(press: Press) -> Reply:
    """The checkpoint is saved: give the GPUs back before their time."""
    booking = release_for_preemptor(press.site, press.actor, unpack_id(press.value), now=press.now)
    said = press.reader.text(
        N_("{label} has given its GPUs back. Thank you!"), label=booking_label(booking.id)
    )
    return message(said, title=press.reader.plain("Released"))


@action(ActionId.MORE_TIME)
def press_more_time(press: Press) -> Reply:
    """Take the extra time."""
    preemption = grant_extra_time(press.site, press.actor, unpack_id(press.value), now=press.now)
    reader, booking = press.reader, get_booking(press.site, preemption.preemptee)
    said = reader.text(
        N_("{label} keeps its GPUs until {at}. Please save a checkpoint by then."),
        label=booking_label(booking.id),
        at=reader.clock(booking.window.end, press.now),
    )
    return message(said, title=reader.plain("More time"))


@action(ActionId.BOOK_AGAIN)
def press_book_again(press: Press) -> Reply:
    """Book the nearest window for what is lost."""
    booking = book_again(press.site, press.actor, unpack_id(press.value), now=press.now)
    return confirmed(press, [booking], [])


@action(ActionId.KEEP_TIME)
def press_keep_time(press: Press) -> Reply:
    """Be content with where the booking was moved to."""
    preemption = keep_new_time(press.site, press.actor, unpack_id(press.value), now=press.now)
    booking = get_booking(press.site, preemption.preemptee)
    said = press.reader.text(
        N_("{label} stays at its new time, {start}."),
        label=booking_label(booking.id),
        start=booking.window.start,
    )
    return message(said, title=press.reader.plain("Kept"))

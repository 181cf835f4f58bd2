"""Buttons about what runs on a booking."""

from __future__ import annotations

from bot.domain.booking import booking_label
from bot.domain.errors import N_
from bot.services.book_in_place import book_more_time
from bot.services.run_again import run_again
from bot.slack.blocks.build import message
from bot.slack.commands.reserve_form import confirmed
from bot.slack.context import Press, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import unpack_id
from bot.slack.registry import action


@action(ActionId.RUN_AGAIN)
def press_run_again(press: Press) -> Reply:
    """Start the booking's job once more; it goes on from its last checkpoint."""
    booking_id = unpack_id(press.value)
    run_again(press.site, press.actor, booking_id, now=press.now)
    said = press.reader.text(
        N_("The job of {label} is started again, and goes on from its last checkpoint if it can."),
        label=booking_label(booking_id),
    )
    return message(said, title=press.reader.plain(N_("Started again")))


@action(ActionId.MORE_TIME_FOR_JOB)
def press_more_time(press: Press) -> Reply:
    """Book the nearest window in which the job goes on."""
    booking = book_more_time(press.site, press.actor, unpack_id(press.value), now=press.now)
    return confirmed(press, [booking], [])

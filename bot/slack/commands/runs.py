"""Buttons about what runs on a booking."""

from __future__ import annotations

from bot.domain.booking import booking_label
from bot.domain.errors import N_
from bot.services.run_again import run_again
from bot.slack.blocks.build import message
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

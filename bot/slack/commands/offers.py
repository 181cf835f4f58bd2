"""The buttons of an offer: accept, decline, leave the waitlist."""

from __future__ import annotations

from contextlib import suppress

from bot.domain.errors import N_, UserId, WrongState
from bot.domain.waitlist import Offer, entry_label
from bot.services import answer_offer as answers
from bot.services.edit_waitlist import leave_waitlist
from bot.services.look_waiting import get_entry, get_offer
from bot.slack import phrases
from bot.slack.blocks.bookings import changed
from bot.slack.blocks.build import actions, message, outcome
from bot.slack.blocks.waitlist import entry_buttons
from bot.slack.commands.waitlist import left
from bot.slack.context import Press, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import unpack_id
from bot.slack.registry import action


@action(ActionId.OFFER_ACCEPT)
def press_accept(press: Press) -> Reply:
    """Turn what is held into a booking."""
    reader, offer_id = press.reader, unpack_id(press.value)
    booking = answers.accept_offer(press.site, press.actor, offer_id, now=press.now)
    label = phrases.label(booking)
    if booking.owner == press.actor.name:
        said = reader.text(N_(":white_check_mark: Accepted: {label} is yours."), label=label)
    else:
        said = reader.text(
            N_(":white_check_mark: Accepted: {label} belongs to {owner}."),
            label=label,
            owner=UserId(booking.owner),
        )
    reply = changed(reader, press.site.cluster, said, booking, press.now)
    return outcome(reply, reader.plain("Accepted"), said)


@action(ActionId.OFFER_DECLINE)
def press_decline(press: Press) -> Reply:
    """Let the next in line have it."""
    offer = answers.decline_offer(press.site, press.actor, unpack_id(press.value), now=press.now)
    return _declined(press, offer)


def _declined(press: Press, offer: Offer) -> Reply:
    reader, entry = press.reader, get_entry(press.site, offer.entry)
    label = entry_label(entry.id)
    if not entry.is_open:
        said = reader.text(N_("Declined. {label} is not on the waitlist any more."), label=label)
        return outcome(message(said, replace=True), reader.plain("Declined"), said)
    said = reader.text(
        N_("Declined; the next in line may have it. {label} waits on for something later."),
        label=label,
    )
    reply = message(said, actions(*entry_buttons(reader, entry)), replace=True)
    return outcome(reply, reader.plain("Declined"), said)


@action(ActionId.OFFER_LEAVE)
def press_leave(press: Press) -> Reply:
    """Decline, and wait no longer; of an offer that is past, only the latter."""
    offer = get_offer(press.site, unpack_id(press.value))
    with suppress(WrongState):
        answers.decline_offer(press.site, press.actor, offer.id, leave=True, now=press.now)
    return left(press, leave_waitlist(press.site, press.actor, offer.entry, now=press.now))

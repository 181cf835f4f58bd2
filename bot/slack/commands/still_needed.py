"""Whether a booking is in use: answers to "is it still needed?", before or after it is asked."""

from __future__ import annotations

from bot.domain.booking import booking_label
from bot.domain.errors import N_, WrongState
from bot.domain.overrun import allowance
from bot.domain.policy import already_over, check_may_change
from bot.services.activity import saw_use
from bot.services.look import get_booking
from bot.services.no_show import still_needed
from bot.slack import phrases
from bot.slack.blocks.build import message
from bot.slack.commands.give_up import give_up
from bot.slack.context import Press, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import unpack_id
from bot.slack.registry import action


@action(ActionId.STILL_NEEDED)
def press_still_needed(press: Press) -> Reply:
    """It stays, and nobody is asked again."""
    booking = still_needed(press.site, press.actor, unpack_id(press.value), now=press.now)
    said = press.reader.text(
        N_("{label} stays as it is, until {end}. Thank you for telling."),
        label=booking_label(booking.id),
        end=phrases.promised(booking).end,
    )
    return message(said, title=press.reader.plain("Noted"))


@action(ActionId.NOT_NEEDED)
def press_not_needed(press: Press) -> Reply:
    """Give it back."""
    # Whoever does so for somebody else says why with the button.
    why = press.reader.plain(N_("it is not in use"))
    return give_up(press, unpack_id(press.value), reason=why)


@action(ActionId.LET_FINISH)
def press_let_finish(press: Press) -> Reply:
    """Its run is alive: it may go on a little after the end, while nobody needs the GPUs."""
    site, reader = press.site, press.reader
    booking = get_booking(site, unpack_id(press.value))
    check_may_change(site.cluster, press.actor, booking)
    label = booking_label(booking.id)
    if booking.is_over(press.now):
        raise WrongState(booking=label, why=already_over(booking))
    saw_use(site, booking.id, now=press.now)
    window = phrases.promised(booking)
    said = reader.text(
        N_(
            "Noted: after {end} the run of {label} may go on for up to {length}, as long as "
            "nobody needs the GPUs. Should somebody need them, you are told."
        ),
        end=window.end,
        label=label,
        length=allowance(window.length, site.cluster.policy.overrun),
    )
    return message(said, title=reader.plain("Noted"))

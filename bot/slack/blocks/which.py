"""The first part of a small form: which booking it is about, said or to be chosen."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.booking import Booking, booking_label
from bot.domain.change_request import MISSING_ID
from bot.domain.errors import N_, InputError, Missing
from bot.services.look import bookings_of
from bot.slack import forms, phrases
from bot.slack.blocks import inputs
from bot.slack.blocks.build import option, section
from bot.slack.context import Block, Call, Form
from bot.slack.ids import BlockId
from bot.slack.payload import unpack_id
from bot.slack.return_address import id_kept, metadata

#: Said where a menu cannot hold all of them.
SOME = N_("Your next {n} are listed. Name another one by its id, as in `/gpu show B142`.")


class NothingSuitable(InputError):
    """The asker has no booking with which this can be done."""

    code = "nothing_suitable"
    template = N_("You have no booking with which that can be done. `/gpu mine` lists yours.")


def about(call: Call, booking: Booking | None, suits: Callable[[Booking], bool]) -> Block:
    """The booking in a line; None: a menu of the asker's own bookings that suit.

    Raises NothingSuitable when the menu would be empty.
    """
    if booking is not None:
        return section(phrases.line(call.reader, call.site.cluster, booking))
    own = [b for b in bookings_of(call.site, call.actor.name, now=call.now) if suits(b)]
    if not own:
        raise NothingSuitable
    options = [option(_caption(call, choice), str(choice.id)) for choice in own]
    # Nobody should give up a booking that they did not choose.
    only = options[0]["value"] if len(options) == 1 else None
    hint = call.reader.plain(SOME, n=inputs.OPTIONS) if len(options) > inputs.OPTIONS else ""
    menu = inputs.select(options, only)
    return inputs.field(BlockId.BOOKING, call.reader.plain("Booking"), menu, hint=hint)


def _caption(call: Call, booking: Booking) -> str:
    return call.reader.plain(
        N_("{label} {held}, {start}"),
        label=booking_label(booking.id),
        held=phrases.held(call.reader, call.site.cluster, booking.shares),
        start=booking.window.start,
    )


def data_of(booking: Booking | None) -> dict[str, int]:
    """What the form carries so that its submission finds the booking."""
    return {} if booking is None else {"booking": booking.id}


def booking_of(form: Form) -> int:
    """The id of the booking that a submitted form is about. Raises Missing, StaleButton."""
    kept = id_kept(metadata(form.view), "booking")
    if kept is not None:
        return kept
    chosen = forms.chosen(form.values, BlockId.BOOKING)
    if not chosen:
        raise Missing(what=MISSING_ID, example="B142", form_field=BlockId.BOOKING)
    return unpack_id(chosen)

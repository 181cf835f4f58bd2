"""`/gpu cancel ID` before a booking starts and `/gpu release ID` while it runs.

To people with a button it is one thing, giving the booking up; which of the two it is follows
from whether the booking runs.
"""

from __future__ import annotations

from bot.domain.booking import Booking, booking_label
from bot.domain.errors import N_, ReasonNeeded
from bot.domain.preemption_notice import PreemptionState
from bot.domain.request import parse_cancel, parse_release
from bot.services.cancel import cancel as cancel_booking
from bot.services.look import get_booking
from bot.services.look_waiting import preemptions_by
from bot.services.release import release as release_booking
from bot.slack import forms, phrases
from bot.slack.blocks import inputs, modal
from bot.slack.blocks.bookings import changed
from bot.slack.blocks.build import outcome, section
from bot.slack.blocks.reason import reason_field
from bot.slack.blocks.which import about, booking_of, data_of
from bot.slack.changeable import changeable
from bot.slack.context import Block, Call, Form, FormAnswer, Press, Reply
from bot.slack.ids import ActionId, BlockId, CallbackId
from bot.slack.payload import unpack_id
from bot.slack.registry import Group, action, submission, verb


@verb(
    "cancel",
    group=Group.YOURS,
    usage=["cancel ID [reason]", "cancel"],
    summary=N_("take it back before it starts"),
    examples=["cancel B142", "cancel B142 the data is not ready"],
    details=N_(
        "Somebody else's booking can be cancelled by their team's leads and by admins, "
        "who give a reason; its owner is told."
    ),
)
def cancel(call: Call, text: str) -> Reply | None:
    """Cancel the booking named."""
    if not text:
        open_choice(call, running=False)
        return None
    booking_id, reason = parse_cancel(text)
    try:
        booking = cancel_booking(
            call.site, call.actor, booking_id, reason=reason, now=call.now, key=call.key
        )
    except ReasonNeeded:
        open_form(call, booking_id)
        return None
    return _cancelled(call, booking)


@verb(
    "release",
    group=Group.YOURS,
    usage=["release ID", "release ID N", "release"],
    summary=N_("give GPUs back while it runs"),
    examples=["release B142", "release B142 2"],
    details=N_("With a number, gives back that many of its GPUs and keeps the rest."),
)
def release(call: Call, text: str) -> Reply | None:
    """Release the booking named, or some of its GPUs."""
    if not text:
        open_choice(call, running=True)
        return None
    booking_id, gpus = parse_release(text)
    try:
        booking = release_booking(
            call.site, call.actor, booking_id, gpus=gpus, now=call.now, key=call.key
        )
    except ReasonNeeded:
        open_form(call, booking_id, gpus)
        return None
    return _released(call, booking)


@action(ActionId.GIVE_UP_FORM)
def press_form(press: Press) -> None:
    """Open the form to cancel or release."""
    open_form(press, unpack_id(press.value))


def open_choice(call: Call, *, running: bool) -> None:
    """Ask which of the asker's bookings to release (the running ones) or cancel (the others)."""
    menu = about(call, None, lambda own: own.is_running(call.now) is running)
    _open(call, None, [menu], running=running)


def open_form(call: Call, booking_id: int, gpus: int | None = None) -> None:
    """Ask whether, how many GPUs, and why."""
    booking = changeable(call, booking_id)
    running = booking.is_running(call.now)
    count = inputs.number(gpus or booking.gpus, lowest=1, highest=booking.gpus)
    how_many = inputs.field(BlockId.GPUS, call.reader.plain("How many GPUs to give back"), count)
    line = section(phrases.line(call.reader, call.site.cluster, booking))
    fields = [line, how_many] if running and booking.gpus > 1 else [line]
    _open(call, booking, fields, running=running)


def _open(call: Call, booking: Booking | None, fields: list[Block], *, running: bool) -> None:
    reader = call.reader
    view = modal.form(
        call,
        CallbackId.GIVE_UP,
        title=reader.plain("Release GPUs") if running else reader.plain("Cancel a booking"),
        submit=reader.plain("Release") if running else reader.plain("Cancel the booking"),
        data=data_of(booking),
        blocks=[*fields, *reason_field(call, booking, own_too=True)],
    )
    call.open_view(view)


@submission(CallbackId.GIVE_UP)
def submitted(form: Form) -> FormAnswer:
    """Cancel or release what the form names."""
    gpus = forms.whole_number(form.values, BlockId.GPUS)
    reason = forms.typed(form.values, BlockId.REASON)
    return give_up(form, booking_of(form), gpus=gpus, reason=reason)


def give_up(call: Call, booking_id: int, *, gpus: int | None = None, reason: str = "") -> Reply:
    """Release the booking when it runs, else cancel it."""
    if get_booking(call.site, booking_id).is_running(call.now):
        return _released(
            call,
            release_booking(
                call.site,
                call.actor,
                booking_id,
                gpus=gpus,
                reason=reason,
                now=call.now,
                key=call.key,
            ),
        )
    return _cancelled(
        call,
        cancel_booking(
            call.site, call.actor, booking_id, reason=reason, now=call.now, key=call.key
        ),
    )


CANCELLED = N_("{label} is cancelled. Its GPUs are free for others.")
UNDONE = N_("{label} is cancelled. Whoever made room for it has everything back.")
PARTLY_UNDONE = N_(
    "{label} is cancelled. Whoever made room for it has back what could be given back."
)


def _cancelled(call: Call, booking: Booking) -> Reply:
    said = call.reader.text(_what_it_means(call, booking), label=booking_label(booking.id))
    reply = changed(call.reader, call.site.cluster, said, booking, call.now)
    return outcome(reply, call.reader.plain("Cancelled"), said)


def _what_it_means(call: Call, booking: Booking) -> str:
    """The sentence for a cancelled booking, by what those who made room for it have back."""
    made_room = preemptions_by(call.site, booking.id)
    undone = [made for made in made_room if made.state is PreemptionState.WITHDRAWN]
    if not undone:
        return CANCELLED
    have = [phrases.promised(get_booking(call.site, made.preemptee)) for made in undone]
    whole = all(made.is_all_in(window) for made, window in zip(undone, have, strict=True))
    return UNDONE if whole else PARTLY_UNDONE


def _released(call: Call, booking: Booking) -> Reply:
    label = booking_label(booking.id)
    if booking.is_over(call.now):
        said = call.reader.text(N_("{label} is released. Thank you!"), label=label)
    else:
        said = call.reader.many(
            "Given back. {label} keeps {n} GPU.",
            "Given back. {label} keeps {n} GPUs.",
            booking.gpus,
            label=label,
        )
    reply = changed(call.reader, call.site.cluster, said, booking, call.now)
    return outcome(reply, call.reader.plain("Released"), said)

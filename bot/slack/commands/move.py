"""`/gpu move ID WHEN`, its form and its buttons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.domain.booking import Booking, booking_label
from bot.domain.conflict import Alternative, AlternativeKind, Conflict
from bot.domain.errors import N_, ReasonNeeded
from bot.domain.fitting import STARTS_AT
from bot.domain.request import parse_id_and_rest, parse_move
from bot.services.move import move as move_booking
from bot.slack import forms
from bot.slack.blocks import inputs, modal
from bot.slack.blocks.bookings import changed
from bot.slack.blocks.build import actions, button, message, outcome, section
from bot.slack.blocks.conflict import blocker, offers
from bot.slack.blocks.reason import reason_field
from bot.slack.blocks.which import about, booking_of, data_of
from bot.slack.changeable import changeable
from bot.slack.context import Block, Call, Form, FormAnswer, FormUpdate, Press, Reply
from bot.slack.ids import ActionId, BlockId, CallbackId
from bot.slack.payload import pack, unpack_id, unpack_moment
from bot.slack.registry import Group, action, submission, verb

EXAMPLE = "/gpu move B142 fri 18:00"
#: A move keeps GPUs and length, so only other starts are of use.
OTHER_STARTS = (AlternativeKind.LATER, AlternativeKind.EARLIER)


@verb(
    "move",
    group=Group.YOURS,
    usage=["move ID WHEN", "move"],
    summary=N_("another start, before it begins"),
    examples=["move B142 fri 18:00"],
    details=N_(
        "The booking keeps its length and its GPUs, maybe on another node. When it does "
        "not fit there, it stays where it is."
    ),
)
def move(call: Call, text: str) -> Reply | None:
    """Move the booking named; without a time, open the form."""
    if not text:
        open_form(call, None)
        return None
    booking_id, rest = parse_id_and_rest(text, EXAMPLE)
    if not rest:
        open_form(call, booking_id)
        return None
    booking_id, moment = parse_move(
        text, now=call.now, zone=call.reader.zone, month_first=call.reader.month_first
    )
    return move_to(call, booking_id, None if moment.is_now else moment.instant)


@action(ActionId.MOVE)
def press_move(press: Press) -> None:
    """Open the form."""
    open_form(press, unpack_id(press.value))


@action(ActionId.MOVE_TO)
def press_move_to(press: Press) -> Reply | None:
    """Move to the start in the button; one that has just passed means now."""
    booking_id, start = unpack_moment(press.value)
    return move_to(press, booking_id, start)


def open_form(call: Call, booking_id: int | None, start: datetime | None = None) -> None:
    """Ask for the new start, and why where the rules want a reason."""
    reader = call.reader
    booking = None if booking_id is None else changeable(call, booking_id, before_start=True)
    picker = inputs.moment(start or (booking.window.start if booking else None))
    view = modal.form(
        call,
        CallbackId.MOVE,
        title=reader.plain("Move a booking"),
        submit=reader.plain("Move"),
        data=data_of(booking),
        blocks=[
            about(call, booking, lambda own: own.is_upcoming(call.now)),
            inputs.field(BlockId.START, reader.plain("New start"), picker),
            *reason_field(call, booking),
        ],
    )
    call.open_view(view)


@submission(CallbackId.MOVE)
def submitted(form: Form) -> FormAnswer:
    """Move to the form's start; when it is taken, offer the nearest starts."""
    booking_id = booking_of(form)
    start = forms.picked_moment(form.values, BlockId.START)
    reason = forms.typed(form.values, BlockId.REASON)
    try:
        booking = move_booking(
            form.site, form.actor, booking_id, start, reason=reason, now=form.now, key=form.key
        )
    except Conflict as conflict:
        said, buttons = _conflict(form, booking_id, conflict)
        return FormUpdate(modal.with_banner(form.view, section(said), *buttons))
    return _done(form, booking, start)


def move_to(call: Call, booking_id: int, start: datetime | None) -> Reply | None:
    """Move; ask for a reason in the form where the rules want one."""
    try:
        booking = move_booking(call.site, call.actor, booking_id, start, now=call.now, key=call.key)
    except ReasonNeeded:
        open_form(call, booking_id, start)
        return None
    except Conflict as conflict:
        said, buttons = _conflict(call, booking_id, conflict)
        return message(said, *buttons, replace=True, title=call.reader.plain("Not free"))
    return _done(call, booking, start)


def _done(call: Call, booking: Booking, asked: datetime | None) -> Reply:
    """Where it is now; also that it is not where it was `asked` to be, when it was rounded."""
    reader, window = call.reader, booking.window
    label = booking_label(booking.id)
    said = reader.text(N_("{label} is moved to {start}."), label=label, start=window.start)
    if asked is not None and window.start < asked:
        rounded = reader.text(STARTS_AT, start=window.start, length=window.length)
        said = reader.sentences(said, rounded)
    reply = changed(call.reader, call.site.cluster, said, booking, call.now)
    return outcome(reply, call.reader.plain("Moved"), said)


def _conflict(call: Call, booking_id: int, conflict: Conflict) -> tuple[str, list[Block]]:
    """Why not, who is in the way, and the nearest starts as buttons."""
    reader = call.reader
    label = booking_label(booking_id)
    fitting = [a for a in conflict.alternatives if a.kind in OTHER_STARTS]
    lines = [
        reader.text(
            N_("{label} does not fit {window}; it stays where it is."),
            label=label,
            window=conflict.window,
        )
    ]
    lines += [blocker(reader, held) for held in conflict.blockers]
    if fitting:
        lines += offers(reader, call.site.cluster, fitting)
    buttons = _start_buttons(call, booking_id, fitting)
    return "\n".join(lines), [actions(*buttons)] if buttons else []


def _start_buttons(call: Call, booking_id: int, fitting: Sequence[Alternative]) -> list[Block]:
    starts = [alternative.parts[0].window.start for alternative in fitting]
    return [
        button(
            call.reader.plain(N_("Move to {start}"), start=start),
            f"{ActionId.MOVE_TO}:{i}",
            pack(booking_id, start),
        )
        for i, start in enumerate(starts)
    ]

"""`/gpu extend ID LENGTH`, its form and its buttons."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.booking import Booking, booking_label
from bot.domain.errors import N_, BookingError, ReasonNeeded
from bot.domain.fitting import ENDS_AT
from bot.domain.lengths import parse_length
from bot.domain.request import parse_extend, parse_id_and_rest
from bot.domain.window import GRACE
from bot.services.extend import ExtendConflict
from bot.services.extend import extend as extend_booking
from bot.services.look import get_booking
from bot.slack import forms
from bot.slack.blocks import inputs, modal
from bot.slack.blocks.bookings import changed
from bot.slack.blocks.build import actions, button, message, outcome, section
from bot.slack.blocks.conflict import blocker
from bot.slack.blocks.reason import reason_field
from bot.slack.blocks.waitlist import join_button
from bot.slack.blocks.which import about, booking_of, data_of
from bot.slack.changeable import changeable
from bot.slack.context import Block, Call, Form, FormAnswer, FormUpdate, Press, Reply
from bot.slack.draft import compact
from bot.slack.ids import ActionId, BlockId, CallbackId
from bot.slack.payload import pack, unpack_id, unpack_length
from bot.slack.registry import Group, action, submission, verb
from bot.slack.wishes import after

EXAMPLE = "/gpu extend B142 4h"


@verb(
    "extend",
    group=Group.YOURS,
    usage=["extend ID LENGTH", "extend"],
    summary=N_("keep the GPUs longer"),
    examples=["extend B142 4h"],
    details=N_(
        "Lengths are rounded up to whole slots. When somebody else has the GPUs next, "
        "you are told how long you can have them."
    ),
)
def extend(call: Call, text: str) -> Reply | None:
    """Extend the booking named; without a length, open the form."""
    if not text:
        open_form(call, None)
        return None
    booking_id, rest = parse_id_and_rest(text, EXAMPLE)
    if not rest:
        open_form(call, booking_id)
        return None
    booking_id, length = parse_extend(text)
    return extend_by(call, booking_id, length)


@action(ActionId.EXTEND)
def press_extend(press: Press) -> None:
    """Open the form."""
    open_form(press, unpack_id(press.value))


@action(ActionId.EXTEND_BY)
def press_extend_by(press: Press) -> Reply | None:
    """Extend by the length in the button."""
    return extend_by(press, *unpack_length(press.value))


def open_form(call: Call, booking_id: int | None, length: timedelta | None = None) -> None:
    """Ask how much longer, and why where the rules want a reason."""
    reader = call.reader
    booking = None if booking_id is None else changeable(call, booking_id)
    usual = call.site.cluster.policy.slot
    longer = inputs.text(compact(length or usual), placeholder="4h", longest=40)
    view = modal.form(
        call,
        CallbackId.EXTEND,
        title=reader.plain("Extend a booking"),
        submit=reader.plain("Extend"),
        data=data_of(booking),
        blocks=[
            about(call, booking, lambda own: not own.is_over(call.now)),
            inputs.field(BlockId.LENGTH, reader.plain("How much longer"), longer),
            *reason_field(call, booking),
        ],
    )
    call.open_view(view)


@submission(CallbackId.EXTEND)
def submitted(form: Form) -> FormAnswer:
    """Extend by the form's length; when that is too long, offer the longest that is possible."""
    reason, length = forms.typed(form.values, BlockId.REASON), _typed_length(form)
    try:
        booking = extend_booking(
            form.site,
            form.actor,
            booking_of(form),
            length,
            reason=reason,
            now=form.now,
            key=form.key,
        )
    except ExtendConflict as conflict:
        said, buttons = _conflict(form, conflict)
        return FormUpdate(modal.with_banner(form.view, section(said), *buttons))
    return _done(form, booking, length)


def _typed_length(form: Form) -> timedelta:
    try:
        return parse_length(forms.typed(form.values, BlockId.LENGTH), "4h")
    except BookingError as error:
        error.form_field = BlockId.LENGTH
        raise


def extend_by(call: Call, booking_id: int, length: timedelta) -> Reply | None:
    """Extend; ask for a reason in the form where the rules want one."""
    try:
        booking = extend_booking(
            call.site, call.actor, booking_id, length, now=call.now, key=call.key
        )
    except ReasonNeeded:
        open_form(call, booking_id, length)
        return None
    except ExtendConflict as conflict:
        said, buttons = _conflict(call, conflict)
        return message(said, *buttons, replace=True, title=call.reader.plain("Not free"))
    return _done(call, booking, length)


def _done(call: Call, booking: Booking, asked: timedelta) -> Reply:
    """Until when it has its GPUs; also that this is longer than `asked`, when it was rounded."""
    end = booking.window.end
    said = call.reader.text(
        N_("{label} is extended until {end}."), label=booking_label(booking.id), end=end
    )
    slot = call.site.cluster.policy.slot
    # A little past a line of the grid counts as on it.
    if asked < slot or asked % slot > GRACE:
        said = call.reader.sentences(said, call.reader.text(ENDS_AT, end=end))
    reply = changed(call.reader, call.site.cluster, said, booking, call.now)
    return outcome(reply, call.reader.plain("Extended"), said)


def _conflict(call: Call, conflict: ExtendConflict) -> tuple[str, list[Block]]:
    """Why not, who comes next, the longest that is possible, and the waitlist for the rest."""
    reader = call.reader
    lines = [reader.text(conflict.template, **conflict.fields)]
    lines += [blocker(reader, held) for held in conflict.blockers]
    buttons = []
    if conflict.longest > timedelta(0):
        caption = reader.plain(N_("Extend by {length}"), length=conflict.longest)
        value = pack(conflict.booking, conflict.longest)
        buttons.append(button(caption, ActionId.EXTEND_BY, value, style="primary"))
    booking = get_booking(call.site, conflict.booking)
    if booking.owner == call.actor.name:
        wish = after(booking, conflict.window, call.site.cluster.grid)
        buttons.append(join_button(reader, wish))
    return "\n".join(lines), [actions(*buttons)] if buttons else []

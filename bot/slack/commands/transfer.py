"""`/gpu transfer ID @user`, its form, and the receiver's answer."""

from __future__ import annotations

from bot.domain.booking import booking_label
from bot.domain.errors import N_, InputError, ReasonNeeded, UserId
from bot.domain.request import parse_id_and_rest, parse_transfer
from bot.domain.transfer import Transfer
from bot.services import answer_transfer as answers
from bot.services import transfer as transfers
from bot.services.look import get_booking
from bot.slack import forms, phrases
from bot.slack.blocks import inputs, modal
from bot.slack.blocks.bookings import changed
from bot.slack.blocks.build import actions, button, message
from bot.slack.blocks.reason import reason_field
from bot.slack.blocks.which import about, booking_of, data_of
from bot.slack.changeable import changeable
from bot.slack.context import Call, Form, FormAnswer, Press, Reply
from bot.slack.ids import ActionId, BlockId, CallbackId
from bot.slack.payload import unpack_id
from bot.slack.registry import Group, action, submission, verb

EXAMPLE = "/gpu transfer B142 @bob"


class AlreadyYours(InputError):
    """Fields: `label`, one of the asker's own, which they offer to themselves."""

    code = "already_yours"
    form_field = "receiver"
    template = N_("{label} is yours already.")


@verb(
    "transfer",
    group=Group.YOURS,
    usage=["transfer ID @user", "transfer"],
    summary=N_("hand it over to somebody, who accepts or declines"),
    examples=["transfer B142 @bob"],
    details=N_("It stays yours until they accept. They have a day to answer."),
)
def transfer(call: Call, text: str) -> Reply | None:
    """Offer the booking named; without a receiver, open the form."""
    if not text:
        open_form(call, None)
        return None
    booking_id, rest = parse_id_and_rest(text, EXAMPLE)
    if not rest:
        open_form(call, booking_id)
        return None
    booking_id, receiver = parse_transfer(text)
    try:
        return _offer(call, booking_id, receiver)
    except ReasonNeeded:
        open_form(call, booking_id, receiver)
        return None


@action(ActionId.TRANSFER)
def press_transfer(press: Press) -> None:
    """Open the form."""
    open_form(press, unpack_id(press.value))


def open_form(call: Call, booking_id: int | None, receiver: str | None = None) -> None:
    """Ask to whom, and why."""
    reader = call.reader
    booking = None if booking_id is None else changeable(call, booking_id)
    people = inputs.person(reader.plain("Choose a person"), receiver)
    view = modal.form(
        call,
        CallbackId.TRANSFER,
        title=reader.plain("Transfer a booking"),
        submit=reader.plain("Offer it"),
        data=data_of(booking),
        blocks=[
            about(call, booking, lambda own: not own.is_over(call.now)),
            inputs.field(BlockId.RECEIVER, reader.plain("To whom"), people),
            *reason_field(call, booking, own_too=True),
        ],
    )
    call.open_view(view)


@submission(CallbackId.TRANSFER)
def submitted(form: Form) -> FormAnswer:
    """Offer the booking to the person chosen."""
    receiver = forms.picked_person(form.values, BlockId.RECEIVER)
    return _offer(form, booking_of(form), receiver, forms.typed(form.values, BlockId.REASON))


def _offer(call: Call, booking_id: int, receiver: str, reason: str = "") -> Reply:
    if receiver == call.actor.name == get_booking(call.site, booking_id).owner:
        raise AlreadyYours(label=booking_label(booking_id))
    offered = transfers.offer_transfer(
        call.site,
        call.actor,
        booking_id,
        receiver,
        reason=reason,
        now=call.now,
        key=call.key,
    )
    return _offered(call, offered)


def _offered(call: Call, offered: Transfer) -> Reply:
    reader, booking = call.reader, get_booking(call.site, offered.booking)
    said = reader.text(
        N_("I asked {receiver} to take over {label}. It {stays} until they accept. {team}"),
        receiver=UserId(offered.receiver),
        label=booking_label(offered.booking),
        stays=phrases.stays(reader, booking.owner),
        team=phrases.other_team(reader, call.site.cluster, booking, offered),
    ).rstrip()
    caption = call.reader.plain("Withdraw the offer")
    undo = button(caption, ActionId.TRANSFER_WITHDRAW, str(offered.id))
    return message(said, actions(undo))


@action(ActionId.TRANSFER_ACCEPT)
def press_accept(press: Press) -> Reply:
    """The receiver takes the booking over."""
    booking = answers.accept_transfer(
        press.site, press.actor, unpack_id(press.value), now=press.now
    )
    said = press.reader.text(N_("{label} is yours now."), label=booking_label(booking.id))
    return changed(press.reader, press.site.cluster, said, booking, press.now)


@action(ActionId.TRANSFER_DECLINE)
def press_decline(press: Press) -> Reply:
    """The receiver does not want it."""
    declined = answers.decline_transfer(
        press.site, press.actor, unpack_id(press.value), now=press.now
    )
    said = press.reader.text(N_("Declined. {giver} will be told."), giver=UserId(declined.giver))
    return message(said, replace=True)


@action(ActionId.TRANSFER_WITHDRAW)
def press_withdraw(press: Press) -> Reply:
    """The giver takes the offer back."""
    withdrawn = answers.withdraw_transfer(
        press.site, press.actor, unpack_id(press.value), now=press.now
    )
    owner = get_booking(press.site, withdrawn.booking).owner
    said = press.reader.text(
        N_("The offer is withdrawn; {label} {stays}."),
        label=booking_label(withdrawn.booking),
        stays=phrases.stays(press.reader, owner),
    )
    return message(said, replace=True)

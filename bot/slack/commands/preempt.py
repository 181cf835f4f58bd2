"""*Preempt…*: a preview of whose work would go for urgent work, a reason, and taking the GPUs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.booking import booking_label
from bot.domain.conflict import Conflict
from bot.domain.errors import N_, InputError, InThePast
from bot.domain.policy import LONGEST_REASON
from bot.domain.request import BookingRequest
from bot.services.preempt import (
    CannotPreempt,
    PlanChanged,
    Preview,
    preempt,
    preview_preemption,
)
from bot.services.reserve import reserve_all
from bot.slack import forms
from bot.slack.blocks import inputs, modal
from bot.slack.blocks.build import actions, message, outcome, section
from bot.slack.blocks.conflict import blocker, offer_buttons, offers
from bot.slack.blocks.preemption import pack_asked, plan_blocks, preempted_reply
from bot.slack.commands.free import windows_instead
from bot.slack.commands.reserve_form import confirmed
from bot.slack.context import Block, Call, Form, FormAnswer, FormUpdate, Press, Reply, View
from bot.slack.ids import ActionId, BlockId, CallbackId
from bot.slack.payload import StaleButton, sketch, unpack_requests
from bot.slack.registry import action, submission
from bot.slack.return_address import metadata

#: What a form can carry, and what anybody can look through.
MOST_PREEMPTEES = 150


class TooManyPreemptees(InputError):
    """Fields: `n` bookings that would have to go."""

    code = "too_many_preemptees"
    template = N_(
        "That would take the GPUs of {n} bookings, more than anybody can look through. "
        "Ask for fewer GPUs, or a shorter time."
    )


@action(ActionId.PREEMPT)
def press_preempt(press: Press) -> Reply | None:
    """Show whose work would go; when nothing helps, say whose work is in the way."""
    try:
        request = _asked(press, press.value)
    except InThePast:
        return windows_instead(press, sketch(press.value))
    try:
        preview = preview_preemption(press.site, press.actor, request, now=press.now)
    except CannotPreempt as conflict:
        return _cannot(press, request, conflict)
    press.open_view(preview_view(press, request, preview))
    return None


@submission(CallbackId.PREEMPT)
def submitted(form: Form) -> FormAnswer:
    """Take the GPUs as agreed; when others would have to go by now, show that first."""
    kept = metadata(form.view)
    request, expected = _asked(form, str(kept.get("ask", ""))), _expected(kept)
    reason = forms.typed(form.values, BlockId.REASON)
    try:
        if not expected:
            return _book(form, request)
        done = preempt(
            form.site, form.actor, request,
            reason=reason, expected=expected, now=form.now, key=form.key,
        )  # fmt: skip
    except PlanChanged as changed:
        return FormUpdate(preview_view(form, request, changed.preview, reason=reason, changed=True))
    except CannotPreempt as conflict:
        return _cannot(form, request, conflict)
    if not done.preemptions:
        return confirmed(form, [done.booking], request.notes)
    said = form.reader.text(
        N_(":white_check_mark: {label} is yours from {start}."),
        label=booking_label(done.booking.id),
        start=done.booking.window.start,
    )
    return outcome(preempted_reply(form, done), form.reader.plain("Booked"), said)


def preview_view(
    call: Call,
    request: BookingRequest,
    preview: Preview,
    *,
    reason: str = "",
    changed: bool = False,
) -> View:
    """The form: who would go, why it has to be, and *Take them*."""
    reader = call.reader
    if len(preview.losses) > MOST_PREEMPTEES:
        raise TooManyPreemptees(n=len(preview.losses))
    news = section(reader.text(N_(":warning: Things have changed: please look again.")))
    return modal.form(
        call,
        CallbackId.PREEMPT,
        title=reader.plain("Preempt"),
        submit=reader.plain("Take them") if preview.losses else reader.plain("Book it"),
        data={
            "ask": pack_asked(call, request),
            "expected": [loss.booking.id for loss in preview.losses],
        },
        blocks=[
            *([news] if changed else []),
            *plan_blocks(call, preview),
            *([_reason(call, reason)] if preview.losses else []),
        ],
    )


def _reason(call: Call, typed: str) -> Block:
    return inputs.field(
        BlockId.REASON,
        call.reader.plain("Reason"),
        inputs.text(typed, longest=LONGEST_REASON),
        hint=call.reader.plain("Those who make room will read it."),
    )


def _asked(call: Call, value: str) -> BookingRequest:
    """The one request in a button's or form's value. Raises InputError."""
    requests = unpack_requests(value, now=call.now, cluster=call.site.cluster)
    if len(requests) != 1:
        raise StaleButton
    return requests[0]


def _expected(kept: Mapping[str, Any]) -> frozenset[int]:
    """Whose work the form said would go."""
    found = kept.get("expected")
    ids = found if isinstance(found, list) else []
    return frozenset(one for one in ids if isinstance(one, int))


def _book(form: Form, request: BookingRequest) -> FormAnswer:
    """What was free when the form was opened needs nobody to go."""
    try:
        booked = reserve_all(form.site, form.actor, [request], now=form.now, key=form.key)
    except Conflict:
        preview = preview_preemption(form.site, form.actor, request, now=form.now)
        return FormUpdate(preview_view(form, request, preview, changed=True))
    return confirmed(form, booked, request.notes)


def _cannot(call: Call, request: BookingRequest, conflict: CannotPreempt) -> Reply:
    """Whose work is in the way and may not be evicted, and what is free instead."""
    reader, cluster = call.reader, call.site.cluster
    lines = [
        reader.text(N_("*Preempting would not help:* work that may not be evicted is in the way.")),
        *(blocker(reader, held) for held in conflict.blockers),
        *offers(reader, cluster, conflict.alternatives),
    ]
    buttons = offer_buttons(reader, cluster, request, conflict.alternatives, call.now)
    title = reader.plain("Not possible")
    return message("\n".join(lines), actions(*buttons), replace=True, title=title)

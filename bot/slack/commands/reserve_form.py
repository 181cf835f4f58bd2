"""The form to reserve: it says while it is filled in whether that is free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.domain.booking import Booking
from bot.domain.conflict import Conflict
from bot.domain.errors import N_, BookingError, Missing
from bot.domain.notes import Note
from bot.domain.request import BookingRequest
from bot.services.look import Availability, availability
from bot.services.reserve import reserve_all
from bot.slack import phrases
from bot.slack.blocks import modal
from bot.slack.blocks.bookings import confirmation
from bot.slack.blocks.build import actions, outcome, section
from bot.slack.blocks.conflict import conflict_text, offer_buttons
from bot.slack.blocks.preemption import likely_preempt_button
from bot.slack.blocks.reserve_fields import reserve_fields
from bot.slack.context import Block, Call, Form, FormAnswer, FormUpdate, Press, Reply, View
from bot.slack.draft import Draft, first_draft, read_draft, to_request
from bot.slack.ids import ActionId, BlockId, CallbackId
from bot.slack.payload import StaleButton
from bot.slack.registry import action, submission
from bot.slack.return_address import id_kept, metadata


def open_form(call: Call, draft: Draft | None = None) -> None:
    """Open the form, filled in from `draft` where there is one."""
    call.open_view(reserve_view(call, draft or first_draft(call, None)))


@action(ActionId.RESERVE_FIELD)
def field_changed(press: Press) -> None:
    """Say whether what the form holds now is free.

    Slack sends a change when the typing rests, which may be after the form was submitted: what
    was said to that stays.
    """
    state = (press.view or {}).get("state")
    if press.view is None or not state:
        raise StaleButton
    draft = _with_work(read_draft(state["values"]), press.view)
    view = modal.with_banner(reserve_view(press, draft), *modal.banner_of(press.view))
    press.update_view(press.view["id"], view, press.view.get("hash"))


@submission(CallbackId.RESERVE)
def submitted(form: Form) -> FormAnswer:
    """Book what the form holds; when it is taken, keep the form and offer what is free."""
    draft = _with_work(read_draft(form.values), form.view)
    request = to_request(form, draft)
    try:
        booked = reserve_all(form.site, form.actor, [request], now=form.now, key=form.key)
    except Conflict:
        return FormUpdate(reserve_view(form, draft))
    return confirmed(form, booked, request.notes)


def _with_work(draft: Draft, view: Mapping[str, Any]) -> Draft:
    """The draft, with the booking whose work it goes on with, which no field shows."""
    kept = id_kept(metadata(view), "continues")
    return draft if kept is None else replace(draft, continues=kept)


def confirmed(call: Call, booked: Sequence[Booking], notes: Sequence[Note]) -> Reply:
    """What was booked, and what the asker may want next."""
    reply = confirmation(call.reader, call.site.cluster, booked, notes, call.now)
    labels = ", ".join(phrases.label(booking) for booking in booked)
    said = call.reader.text(N_(":white_check_mark: Booked {labels}."), labels=labels)
    return outcome(reply, call.reader.plain("Booked"), said)


def reserve_view(call: Call, draft: Draft) -> View:
    """The form, and above it whether the draft is free, or what is free instead."""
    reader = call.reader
    return modal.form(
        call,
        CallbackId.RESERVE,
        title=reader.plain("Reserve GPUs"),
        submit=reader.plain("Reserve"),
        data={} if draft.continues is None else {"continues": draft.continues},
        blocks=[*_availability(call, draft), *reserve_fields(call, draft)],
    )


def _availability(call: Call, draft: Draft) -> list[Block]:
    """Whether the draft is free, in one line; if not, who has it, and buttons that book others."""
    reader = call.reader
    try:
        request = to_request(call, draft)
    except BookingError as error:
        said = reader.text(error.template, **error.fields)
        return [_line(reader.text(_sign(error), said=said))]
    found = availability(call.site, request, user=call.actor.name, now=call.now)
    if found.placement is None:
        return _instead(call, request, found)
    free = reader.text(
        N_(":large_green_circle: Free: fits on {where}, {window}."),
        where=phrases.nodes(reader, found.placement.shares),
        window=request.window,
    )
    return [_line(reader.sentences(free, *(reader.note(note) for note in request.notes)))]


def _sign(error: BookingError) -> str:
    """What is not filled in yet looks different from what is wrong."""
    return N_(":white_circle: {said}") if isinstance(error, Missing) else N_(":warning: {said}")


def _line(text: str) -> Block:
    return section(text, block_id=BlockId.AVAILABILITY)


def _instead(call: Call, request: BookingRequest, found: Availability) -> list[Block]:
    reader, cluster = call.reader, call.site.cluster
    said = conflict_text(reader, cluster, request, found.blockers, found.alternatives)
    # The form itself is where one chooses otherwise, so the last button is left out.
    buttons = offer_buttons(reader, cluster, request, found.alternatives, call.now)[:-1]
    buttons += likely_preempt_button(call, request, found.blockers)
    blocks = [_line(reader.text(N_(":red_circle: {said}"), said=said))]
    offered = actions(*buttons, block_id=f"{BlockId.AVAILABILITY}:offers")
    return [*blocks, offered] if buttons else blocks

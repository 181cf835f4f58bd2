"""The form to reserve: it says while it is filled in whether that is free."""

from __future__ import annotations

from bot.domain.errors import N_, BookingError, Conflict
from bot.domain.request import BookingRequest
from bot.services.look import availability
from bot.services.reserve import reserve_all
from bot.slack import phrases
from bot.slack.blocks import modal
from bot.slack.blocks.bookings import confirmation
from bot.slack.blocks.build import actions, section
from bot.slack.blocks.conflict import blocker, offer_buttons, offers, taken
from bot.slack.blocks.reserve_fields import reserve_fields
from bot.slack.context import Block, Call, Form, FormAnswer, FormUpdate, Press, View
from bot.slack.draft import Draft, first_draft, read_draft, to_request
from bot.slack.ids import ActionId, BlockId, CallbackId
from bot.slack.reader import Mrkdwn
from bot.slack.registry import action, submission


def open_form(call: Call, request: BookingRequest | None = None) -> None:
    """Open the form, filled in from `request` where there is one."""
    call.open_view(reserve_view(call, first_draft(call, request)))


@action(ActionId.RESERVE_FIELD)
def field_changed(press: Press) -> None:
    """Say whether what the form holds now is free."""
    assert press.view is not None
    draft = read_draft(press.view["state"]["values"])
    press.update_view(press.view["id"], reserve_view(press, draft), press.view.get("hash"))


@submission(CallbackId.RESERVE)
def submitted(form: Form) -> FormAnswer:
    """Book what the form holds; when it is taken, keep the form and offer what is free."""
    reader, cluster = form.reader, form.site.cluster
    draft = read_draft(form.values)
    request = to_request(form, draft)
    try:
        booked = reserve_all(form.site, form.actor, [request], now=form.now, key=form.key)
    except Conflict as conflict:
        return FormUpdate(reserve_view(form, draft, conflict))
    return confirmation(reader, cluster, booked, request.notes, form.now)


def reserve_view(call: Call, draft: Draft, conflict: Conflict | None = None) -> View:
    """The form, with a line that says whether the draft is free, or what is free instead."""
    reader = call.reader
    if conflict is None:
        above = [section(_availability(call, draft), block_id=BlockId.AVAILABILITY)]
    else:
        above = _conflict_blocks(call, draft, conflict)
    return modal.form(
        call,
        CallbackId.RESERVE,
        title=reader.plain("Reserve GPUs"),
        submit=reader.plain("Reserve"),
        blocks=[*above, *reserve_fields(call, draft)],
    )


def _availability(call: Call, draft: Draft) -> Mrkdwn:
    """Whether the draft is free, in one sentence."""
    reader, cluster = call.reader, call.site.cluster
    try:
        request = to_request(call, draft)
    except BookingError as error:
        return reader.text(error.template, **error.fields)
    found = availability(call.site, request, user=call.actor.name, now=call.now)
    notes = Mrkdwn("".join(f" {reader.note(note)}" for note in request.notes))
    if found.placement is not None:
        where = phrases.nodes(reader, found.placement.shares)
        return reader.text(
            N_(":large_green_circle: Free: fits on {where}, {window}.{notes}"),
            where=where,
            window=request.window,
            notes=notes,
        )
    if not found.alternatives:
        return reader.text(N_(":red_circle: Not free then, and nothing near it fits.{n}"), n=notes)
    nearest = phrases.placement(reader, cluster, found.alternatives[0].parts[0])
    return reader.text(
        N_(":red_circle: Not free then; nearest: {nearest}.{notes}"), nearest=nearest, notes=notes
    )


def _conflict_blocks(call: Call, draft: Draft, conflict: Conflict) -> list[Block]:
    reader, cluster = call.reader, call.site.cluster
    request = to_request(call, draft)
    lines = [taken(reader, request), *(blocker(reader, b) for b in conflict.blockers)]
    lines += offers(reader, cluster, conflict.alternatives)
    # The form itself is where one chooses otherwise, so the last button is left out.
    buttons = offer_buttons(reader, cluster, request, conflict.alternatives, call.now)[:-1]
    blocks = [section("\n".join(lines), block_id=BlockId.AVAILABILITY)]
    return [*blocks, actions(*buttons)] if buttons else blocks

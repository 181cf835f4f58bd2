"""The form to wait, and what one reads after joining the waitlist or changing a wish."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bot.domain.errors import N_, WrongState
from bot.domain.notes import Note
from bot.domain.waitlist import WaitlistEntry, entry_label
from bot.services.edit_waitlist import change_entry, check_may_answer
from bot.services.join_waitlist import FreeAlready, join_waitlist
from bot.services.look_waiting import get_entry, open_offer_of, position
from bot.slack.blocks import modal
from bot.slack.blocks.build import actions, button, message, outcome, section
from bot.slack.blocks.wait_fields import wait_fields
from bot.slack.blocks.waitlist import (
    about,
    entry_buttons,
    found_already,
    held_for_you,
    line,
    offer_buttons,
    place_in_line,
    what_next,
)
from bot.slack.context import Block, Call, Form, FormAnswer, FormUpdate, Press, Reply
from bot.slack.ids import ActionId, CallbackId
from bot.slack.payload import pack_requests, pack_wish, unpack_id
from bot.slack.reader import Mrkdwn
from bot.slack.registry import action, submission
from bot.slack.return_address import id_kept, metadata
from bot.slack.wishes import WishDraft, at, earlier, read_wish, to_wish, wish_draft

CLOSED = N_("is not on the waitlist any more.")
OFFERED = N_("has an offer that waits for an answer: accept or decline it first.")


def open_form(call: Call, draft: WishDraft, entry: WaitlistEntry | None = None) -> None:
    """Ask what to wait for; with `entry`, how to change it."""
    reader = call.reader
    changing = entry is not None
    view = modal.form(
        call,
        CallbackId.WAIT,
        title=reader.plain("Change a wish") if changing else reader.plain("Wait for GPUs"),
        submit=reader.plain("Change") if changing else reader.plain("Join waitlist"),
        data=_data(draft, entry),
        blocks=wait_fields(call, draft),
    )
    call.open_view(view)


def _data(draft: WishDraft, entry: WaitlistEntry | None) -> dict[str, int]:
    if entry is not None:
        return {"entry": entry.id}
    return {} if draft.continues is None else {"continues": draft.continues}


@action(ActionId.WAIT_CHANGE)
def press_change(press: Press) -> None:
    """Open the form with what the entry asks for."""
    entry = get_entry(press.site, unpack_id(press.value))
    check_may_answer(press.site.cluster, press.actor, entry)
    if not entry.is_open:
        raise WrongState(booking=entry_label(entry.id), why=Note(CLOSED))
    offer = open_offer_of(press.site, entry.id)
    if offer is not None and offer.is_open(press.now):
        raise WrongState(booking=entry_label(entry.id), why=Note(OFFERED))
    open_form(press, wish_draft(entry, press.now), entry)


@submission(CallbackId.WAIT)
def submitted(form: Form) -> FormAnswer:
    """Join with the form's wish, or change the entry it is about."""
    kept = metadata(form.view)
    entry_id, continues = id_kept(kept, "entry"), id_kept(kept, "continues")
    wish = to_wish(form, replace(read_wish(form.values), continues=continues))
    try:
        if entry_id is not None:
            entry = change_entry(form.site, form.actor, entry_id, wish, now=form.now)
            return changed(form, entry, wish.notes)
        entry = join_waitlist(form.site, form.actor, wish, now=form.now, key=form.key)
        return joined(form, entry, wish.notes)
    except FreeAlready as free:
        said, buttons = no_need(form, free, entry_id)
        return FormUpdate(modal.with_banner(form.view, section(said), buttons))


def joined(call: Call, entry: WaitlistEntry, notes: Iterable[Note]) -> Reply:
    """What somebody waits for now, where they stand, and what happens next."""
    heading = call.reader.text(N_(":hourglass_flowing_sand: You are on the waitlist."))
    said = call.reader.text(
        N_(":hourglass_flowing_sand: {label} is on the waitlist."), label=entry_label(entry.id)
    )
    reply = _standing(call, heading, entry, notes)
    return outcome(reply, call.reader.plain("On the waitlist"), said)


def changed(call: Call, entry: WaitlistEntry, notes: Iterable[Note]) -> Reply:
    """What the wish is now."""
    said = call.reader.text(
        N_("{label} is changed and keeps its age in the line."), label=entry_label(entry.id)
    )
    reply = _standing(call, said, entry, notes)
    return outcome(reply, call.reader.plain("Changed"), said)


def _standing(call: Call, heading: str, entry: WaitlistEntry, notes: Iterable[Note]) -> Reply:
    """The wish as it stands: in the line, with an offer, or whatever became of it meanwhile."""
    reader, cluster = call.reader, call.site.cluster
    lines = [heading, line(reader, entry, call.now), about(reader, entry)]
    offer = open_offer_of(call.site, entry.id)
    if offer is not None and offer.is_open(call.now):
        lines.append(held_for_you(reader, cluster, offer, call.now))
        buttons = offer_buttons(reader, offer, leave=True)
    elif entry.is_open:
        lines.append(place_in_line(reader, *position(call.site, entry)))
        lines.append(what_next(reader, cluster, entry))
        buttons = entry_buttons(reader, entry)
    else:
        lines.append(reader.text(CLOSED))
        buttons = []
    lines += [reader.note(note) for note in notes]
    return message("\n".join(lines), actions(*buttons), replace=True)


def no_need(call: Call, free: FreeAlready, entry_id: int | None = None) -> tuple[Mrkdwn, Block]:
    """What is free already, and buttons that book it, or that wait for something before it.

    With `entry_id` it is a changed wish, which still stands as it was.
    """
    reader, found, wish = call.reader, free.placement, free.request
    notes = (reader.note(note) for note in wish.notes)
    said = reader.sentences(found_already(reader, call.site.cluster, found), *notes)
    value = pack_requests([at(wish, found)], at_once=found.window.start <= call.now)
    buttons = [button(reader.plain("Book it"), ActionId.BOOK, value, style="primary")]
    if entry_id is not None:
        stays = reader.text(N_("{label} stands as it was."), label=entry_label(entry_id))
        caption = reader.plain("Leave the waitlist")
        buttons.append(button(caption, ActionId.WAIT_LEAVE, str(entry_id)))
        return reader.sentences(said, stays), actions(*buttons)
    sooner = earlier(wish, found, call.site.cluster.grid, call.now)
    if sooner is not None:
        caption = reader.plain("Wait for something earlier")
        buttons.append(button(caption, ActionId.JOIN_WAITLIST, pack_wish(sooner)))
    return said, actions(*buttons)

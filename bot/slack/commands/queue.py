"""`/gpu queue …`: short work that runs in gaps, and its form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bot.domain.booking import Booking
from bot.domain.errors import N_, Missing
from bot.domain.notes import Note
from bot.domain.queue_request import QueueRequest, build_queue
from bot.domain.request import parse_queue
from bot.domain.waitlist import WaitlistEntry
from bot.services.join_waitlist import join_queue
from bot.services.look_waiting import position
from bot.slack import forms, phrases
from bot.slack.blocks import modal
from bot.slack.blocks.bookings import give_up_form_button
from bot.slack.blocks.build import actions, message, outcome
from bot.slack.blocks.wait_fields import queue_fields
from bot.slack.blocks.waitlist import (
    command,
    entry_buttons,
    line,
    place_in_line,
    runs_now,
    what_next,
)
from bot.slack.context import Call, Form, FormAnswer, Press, Reply
from bot.slack.draft import Draft, length_of, read_draft, worded_draft
from bot.slack.ids import ActionId, BlockId, CallbackId
from bot.slack.job_draft import order_of_draft
from bot.slack.payload import unpack_queued
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.registry import Group, action, submission, verb


@verb(
    "queue",
    group=Group.BOOK,
    usage=["queue", "queue N LENGTH [p1|p2] [on NODE] [model M] [team T] [command]"],
    summary=N_("short work, in the next gap; alone it opens a form"),
    examples=["queue 1 45m python eval.py", "queue 2 30m", "queue 1 20m model A100 ./profile.sh"],
    details=N_(
        "For less than a slot. It begins at once where GPUs are free until it ends, else in the "
        "next gap, and never delays a booking. With a command it begins by itself; without one "
        "you are asked first."
    ),
)
def queue(call: Call, text: str) -> Reply | None:
    """Queue the work that the words describe; without words, open the form."""
    if not text:
        open_form(call, Draft())
        return None
    return join(call, parse_queue(text, cluster=call.site.cluster))


@action(ActionId.QUEUE)
def press_queue(press: Press) -> None:
    """Open the form, filled in from words that the button carries."""
    open_form(press, worded_draft(press, press.value) if press.value else Draft())


@action(ActionId.QUEUE_NOW)
def press_queue_now(press: Press) -> Reply:
    """Queue the button's work."""
    return join(press, unpack_queued(press.value, cluster=press.site.cluster))


def open_form(call: Call, draft: Draft) -> None:
    """Ask how many GPUs, for how long, and what will run."""
    reader = call.reader
    view = modal.form(
        call,
        CallbackId.QUEUE,
        title=reader.plain("Queue short work"),
        submit=reader.plain("Queue"),
        blocks=queue_fields(call, draft),
    )
    call.open_view(view)


@submission(CallbackId.QUEUE)
def submitted(form: Form) -> FormAnswer:
    """Queue the form's work."""
    return join(form, _to_request(form, read_draft(form.values)))


def _to_request(form: Form, draft: Draft) -> QueueRequest:
    """The work that the form describes. Raises InputError at the field it belongs to."""
    if draft.gpus is None:
        what = Note(N_("How many GPUs?"))
        raise Missing(what=what, example="1", form_field=BlockId.GPUS)
    return build_queue(
        gpus=draft.gpus,
        length=length_of(draft.length),
        node=draft.node or None,
        model=draft.model or None,
        team=draft.team or None,
        command=forms.typed(form.values, BlockId.COMMAND),
        job=order_of_draft(replace(draft.job, command="")),
        cluster=form.site.cluster,
    )


def join(call: Call, work: QueueRequest) -> Reply:
    """Begin it at once, or line up for the next gap."""
    queued = join_queue(call.site, call.actor, work, now=call.now, key=call.key)
    if queued.booking is not None:
        return _begun(call, queued.booking, work.notes)
    return _waits(call, queued.entry, work.notes)


def _begun(call: Call, booking: Booking, notes: Iterable[Note]) -> Reply:
    reader = call.reader
    said = runs_now(reader, call.site.cluster, booking, call.now)
    lines = [said, _what(reader, booking), *(reader.note(note) for note in notes)]
    over = booking.is_over(call.now)
    buttons = [] if over else [give_up_form_button(reader, booking, call.now)]
    text = "\n".join(shown for shown in lines if shown)
    return outcome(message(text, actions(*buttons), replace=True), reader.plain("Running"), said)


def _what(reader: Reader, work: Booking | WaitlistEntry) -> Mrkdwn:
    """The command, as it was typed, or the job."""
    return command(reader, work.purpose) or phrases.job(reader, work.job)


def _waits(call: Call, entry: WaitlistEntry, notes: Iterable[Note]) -> Reply:
    reader, cluster = call.reader, call.site.cluster
    heading = reader.text(N_(":hourglass_flowing_sand: It waits for a gap."))
    lines = [
        heading,
        line(reader, entry, call.now),
        _what(reader, entry),
        place_in_line(reader, *position(call.site, entry)),
        what_next(reader, cluster, entry),
        *(reader.note(note) for note in notes),
    ]
    text = "\n".join(shown for shown in lines if shown)
    reply = message(text, actions(*entry_buttons(reader, entry)), replace=True)
    return outcome(reply, reader.plain("Queued"), heading)

"""What people read when something cannot be done, with a button where one click mends it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.domain.booking import parse_booking_id
from bot.domain.errors import (
    N_,
    AmbiguousTime,
    BookingError,
    InputError,
    NeedsSpread,
    NonexistentTime,
    NotWholeNodes,
    TooShort,
    WrongState,
)
from bot.domain.queue_request import QueueRequest
from bot.domain.request import BookingRequest, parse_reserve
from bot.domain.window import asked_length
from bot.services.look import get_booking
from bot.slack.blocks import modal
from bot.slack.blocks.bookings import give_up_form_button
from bot.slack.blocks.build import VALUE, actions, button, message, section
from bot.slack.context import Block, Call, Form, FormAnswer, FormErrors, FormUpdate, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import pack_queued, pack_requests

#: What Slack shows under a field without cutting it.
FIELD_ERROR = 500


def reply(call: Call, error: BookingError, text: str = "") -> Reply:
    """The error in the reader's words; `text` is the command that led to it, if one did."""
    said = call.reader.text(error.template, **error.fields)
    buttons = [b for make in _REMEDIES for b in make(call, error, text)]
    if not buttons and isinstance(error, InputError):
        buttons = _the_form(call, text)
    return message(said, actions(*buttons), title=call.reader.plain("Not possible"))


#: Forms that begin with the words that were typed.
WORDED = (ActionId.RESERVE, ActionId.WAIT, ActionId.QUEUE)
#: Where a command that cannot be read can be said by a form instead.
FORMS = {
    "reserve": ActionId.RESERVE,
    "wait": ActionId.WAIT,
    "queue": ActionId.QUEUE,
    "extend": ActionId.EXTEND,
    "move": ActionId.MOVE,
    "transfer": ActionId.TRANSFER,
    "cancel": ActionId.GIVE_UP_FORM,
    "release": ActionId.GIVE_UP_FORM,
}


def _the_form(call: Call, text: str) -> list[Block]:
    """A button to the verb's form; for changes only where the booking was said."""
    verb, _, rest = text.strip().partition(" ")
    form = FORMS.get(verb.casefold())
    booking_id = parse_booking_id(rest.strip().partition(" ")[0])
    if form is None or (booking_id is None and form not in WORDED):
        return []
    value = rest.strip() if form in WORDED else str(booking_id)
    # Too many words for a button are no words to begin a form with.
    return [button(call.reader.plain("Use the form…"), form, value if len(value) <= VALUE else "")]


def in_form(form: Form, error: BookingError) -> FormAnswer:
    """The error at the field it belongs to, or else above the fields; what was typed is kept."""
    field = error.form_field
    if field is not None and modal.has_field(form.view, field):
        said = form.reader.plain(error.template, **error.fields)
        return FormErrors({str(field): said[:FIELD_ERROR]})
    said = form.reader.text(error.template, **error.fields)
    return FormUpdate(modal.with_banner(form.view, section(f":warning: {said}")))


def _queue_it(call: Call, error: BookingError, text: str) -> list[Block]:
    """Less than a slot: it may run in a gap instead."""
    if not isinstance(error, TooShort):
        return []
    if error.rounded is None:
        verb, _, rest = text.strip().partition(" ")
        words = rest.strip()
        if verb.casefold() != "wait" or len(words) > VALUE:
            return []
        return [button(call.reader.plain("Queue it…"), ActionId.QUEUE, words)]
    work = _as_queued(error.rounded, error.fields["length"])
    # A gap is one place: work on any nodes at once is not queued.
    if work.shape.spread or work.length >= call.site.cluster.policy.slot:
        return []
    return [button(call.reader.plain("Queue it now"), ActionId.QUEUE_NOW, pack_queued(work))]


def _as_queued(request: BookingRequest, length: object) -> QueueRequest:
    """The same work for a gap; a purpose is no command, so its owner is asked before it begins."""
    assert isinstance(length, timedelta)
    whole = -(-length // timedelta(minutes=1)) * timedelta(minutes=1)
    return QueueRequest(request.shape, whole, request.priority, request.team, "")


def _book_a_slot(call: Call, error: BookingError, _text: str) -> list[Block]:
    """Less than a slot: offer the slot."""
    if not isinstance(error, TooShort) or error.rounded is None:
        return []
    window = error.rounded.window
    caption = (
        call.reader.plain(N_("Book {length}"), length=call.site.cluster.policy.slot)
        if asked_length(window, call.site.cluster.grid) == call.site.cluster.policy.slot
        else call.reader.plain(
            N_("Book {length}, until {end}"), length=window.length, end=window.end
        )
    )
    value = pack_requests([error.rounded], at_once=window.start <= call.now)
    return [button(caption, ActionId.BOOK, value, style="primary")]


def _the_other_word(call: Call, error: BookingError, text: str) -> list[Block]:
    """Cancel said of a running booking, or release before its start: the form does the right."""
    verb, _, rest = text.strip().partition(" ")
    booking_id = parse_booking_id(rest.strip().partition(" ")[0])
    if not isinstance(error, WrongState) or verb.casefold() not in {"cancel", "release"}:
        return []
    if booking_id is None:
        return []
    booking = get_booking(call.site, booking_id)
    if booking.is_over(call.now):
        return []
    return [give_up_form_button(call.reader, booking, call.now)]


def _say_which_time(call: Call, error: BookingError, text: str) -> list[Block]:
    """A time that occurs twice, or never: the same command with an exact instant."""
    if isinstance(error, AmbiguousTime):
        instants = [error.fields["first"], error.fields["second"]]
    elif isinstance(error, NonexistentTime):
        instants = [error.fields["after"]]
    else:
        return []
    phrase = str(error.fields["phrase"])
    buttons = []
    for i, instant in enumerate(instants):
        assert isinstance(instant, datetime)
        local = instant.astimezone(call.reader.zone)
        offset = f"{local:%z}"
        caption = f"{call.reader.moment(instant)} (UTC{offset[:3]}:{offset[3:]})"
        exact = text.replace(phrase, local.isoformat(timespec="minutes"), 1)
        if phrase in text and len(exact) <= VALUE:
            buttons.append(button(caption, f"{ActionId.RUN}:{i}", exact))
    return buttons


def _whole_nodes(call: Call, error: BookingError, text: str) -> list[Block]:
    """A count over one node that fills no whole nodes: fewer, more, or from any nodes.

    One over all GPUs of one model: from any nodes.
    """
    verb, _, words = text.strip().partition(" ")
    known = isinstance(error, NotWholeNodes | NeedsSpread)
    if not known or verb.casefold() != "reserve":
        return []
    asked = int(str(error.fields["gpus"]))
    others = [int(str(error.fields[n])) for n in ("lower", "upper") if n in error.fields]
    changed = [(count, _with_count(call, words, asked, count)) for count in others]
    choices = [
        (call.reader.many_plain("Book {n} GPU", "Book {n} GPUs", count), text)
        for count, text in changed
    ]
    anywhere = call.reader.plain(N_("Book {n} GPUs from any nodes"), n=asked)
    choices.append((anywhere, f"reserve spread {words}"))
    return [
        button(caption, f"{ActionId.RUN}:{i}", text)
        for i, (caption, text) in enumerate(choices)
        if text and len(text) <= VALUE
    ]


def _with_count(call: Call, words: str, asked: int, count: int) -> str:
    """The same command with another count; empty where the count cannot be told apart."""
    for found in re.finditer(rf"(?<!\d){asked}(?!\d)", words):
        text = words[: found.start()] + str(count) + words[found.end() :]
        try:
            request = parse_reserve(
                text,
                now=call.now,
                zone=call.reader.zone,
                cluster=call.site.cluster,
                month_first=call.reader.month_first,
            )
        except BookingError:
            continue
        if request.shape.gpus == count:
            return f"reserve {text}"
    return ""


_REMEDIES: tuple[Callable[[Call, BookingError, str], list[Block]], ...] = (
    _queue_it,
    _book_a_slot,
    _say_which_time,
    _whole_nodes,
    _the_other_word,
)

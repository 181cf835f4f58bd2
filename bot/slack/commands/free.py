"""`/gpu free`: the next windows that fit, each with a button that books it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.booking import Placement, Priority
from bot.domain.booking_request import check_length
from bot.domain.errors import N_
from bot.domain.notes import Note
from bot.domain.request import BookingRequest, FreeRequest, parse_free
from bot.domain.window import GRACE, asked_length
from bot.services.look import FreeWindow, free_windows
from bot.services.site import Site
from bot.slack import phrases
from bot.slack.blocks.build import actions, button, context, message, section
from bot.slack.blocks.waitlist import join_button
from bot.slack.context import Block, Call, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import pack_requests
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.registry import Group, verb
from bot.slack.wishes import searched, whenever

#: Models listed on the App Home.
MODELS_SHOWN = 6

FROM_NOW = N_("What begins now is rounded to the end of its slot, {end}.")


@verb(
    "free",
    group=Group.BOOK,
    usage=["free [N] [LENGTH] [WHEN] [model M]"],
    summary=N_("the next windows that fit, ready to book"),
    examples=["free 4 8h", "free", "free 2 1d tomorrow model A100", "free 8 4h fri 9am"],
    details=N_("Without words: where one GPU is free for a slot. WHEN is the earliest start."),
)
def free(call: Call, text: str) -> Reply:
    """Show the next windows that fit what is asked for."""
    asked = parse_free(
        text,
        now=call.now,
        zone=call.reader.zone,
        cluster=call.site.cluster,
        month_first=call.reader.month_first,
    )
    found = free_windows(
        call.site, asked.shape, asked.length, not_before=asked.not_before, now=call.now
    )
    what = phrases.shape(call.reader, asked.shape)
    said = _windows(call.reader, what, asked.length, bool(found))
    notes = [call.reader.note(note) for note in (*asked.notes, *_rounding(found, asked.length))]
    rows = [
        free_row(call.site, call.reader, asked, window, call.now, place=i)
        for i, window in enumerate(found)
    ]
    small_print = [context(*notes)] if notes else []
    wait = [] if found else [actions(join_button(call.reader, searched(asked)))]
    return message(said, *rows, *wait, *small_print, title=call.reader.plain("Free GPUs"))


def windows_instead(call: Call, past: Sequence[BookingRequest]) -> Reply:
    """For a button whose time has passed: where the same fits from now on, ready to book."""
    reader, cluster, request = call.reader, call.site.cluster, past[0]
    length = sum((asked_length(part.window, cluster.grid) for part in past), timedelta())
    check_length(length, call.now, None, priority=request.priority, cluster=cluster)
    found = free_windows(call.site, request.shape, length, not_before=None, now=call.now)
    what = phrases.shape(reader, request.shape)
    said = reader.text(
        N_("That time has passed. {heading}"), heading=_windows(reader, what, length, bool(found))
    )
    again = [replace(request, window=free.placement.window) for free in found]
    rows = [
        _row(call.site, reader, wanted, free, call.now, place=i)
        for i, (wanted, free) in enumerate(zip(again, found, strict=True))
    ]
    other = button(reader.plain("Change…"), ActionId.RESERVE, pack_requests([request]))
    wait = [] if found else [join_button(reader, whenever(request, length))]
    title = reader.plain("Free GPUs")
    notes = [context(*(reader.note(note) for note in _rounding(found, length)))]
    return message(said, *rows, *notes, actions(*wait, other), replace=True, title=title)


def _rounding(found: Sequence[FreeWindow], asked: timedelta) -> list[Note]:
    """Why the window that begins now is longer than what was asked for."""
    windows = [free.placement.window for free in found]
    return [Note(FROM_NOW, {"end": w.end}) for w in windows[:1] if w.length - asked > GRACE]


def _windows(reader: Reader, what: str, length: timedelta, found: bool) -> Mrkdwn:  # noqa: FBT001
    if found:
        return reader.text(
            N_("*Next windows for {what}, {length} or longer:*"), what=what, length=length
        )
    return reader.text(
        N_(
            "No window for {what} of {length} within the planning horizon. "
            "Fewer GPUs or a shorter time may fit."
        ),
        what=what,
        length=length,
    )


def free_row(
    site: Site,
    reader: Reader,
    asked: FreeRequest,
    free: FreeWindow,
    now: datetime,
    *,
    place: int,
) -> Block:
    """A window and the button that books it; `place` tells the buttons of a list apart."""
    teams = site.cluster.teams_of(reader.user)
    # People in several teams book for their first one; the confirmation says which.
    request = _request(asked, free.placement, teams[0].name if teams else None)
    return _row(site, reader, request, free, now, place=place)


def _row(
    site: Site,
    reader: Reader,
    request: BookingRequest,
    free: FreeWindow,
    now: datetime,
    *,
    place: int,
) -> Block:
    start = request.window.start
    what = phrases.gpus(site.cluster, free.placement.shares)
    caption = phrases.book_caption(reader, what, start, now)
    value = pack_requests([request], at_once=start <= now)
    book = button(caption, f"{ActionId.BOOK}:{place}", value)
    return section(_row_text(site, reader, free), book)


def _row_text(site: Site, reader: Reader, free: FreeWindow) -> Mrkdwn:
    window = free.placement.window
    line = phrases.placement(reader, site.cluster, free.placement)
    if free.until is None:
        return reader.text(N_("{line}\nfree for longer than one can book"), line=line)
    if free.until > window.end:
        return reader.text(
            N_("{line}\nfree until {end} ({length})"),
            line=line,
            end=free.until,
            length=free.until - window.start,
        )
    return line


def _request(asked: FreeRequest, placement: Placement, team: str | None) -> BookingRequest:
    return BookingRequest(
        shape=asked.shape,
        window=placement.window,
        priority=Priority.P2,
        preemptible=Priority.P2.preemptible_by_default,
        team=team,
        purpose="",
    )


def free_by_model(site: Site, *, now: datetime) -> list[tuple[FreeRequest, FreeWindow]]:
    """Where a GPU of each model is free next, for one slot; for the App Home."""
    found = []
    for model in site.cluster.models[:MODELS_SHOWN]:
        asked = FreeRequest(gpus=1, length=site.cluster.policy.slot, model=model)
        windows = free_windows(site, asked.shape, asked.length, not_before=None, now=now, limit=1)
        found += [(asked, window) for window in windows]
    return found

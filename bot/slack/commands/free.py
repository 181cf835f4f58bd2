"""`/gpu free`: the next windows that fit, each with a button that books it."""

from __future__ import annotations

from datetime import datetime

from bot.domain.booking import Placement, Priority
from bot.domain.errors import N_
from bot.domain.request import BookingRequest, FreeRequest, parse_free
from bot.services.look import FreeWindow, free_windows
from bot.services.site import Site
from bot.slack import phrases
from bot.slack.blocks.build import button, context, message, section
from bot.slack.context import Block, Call, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import pack_requests
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.registry import Group, verb

#: Models listed on the App Home.
MODELS_SHOWN = 6


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
    said = _heading(call, asked, bool(found))
    notes = [call.reader.note(note) for note in asked.notes]
    rows = [
        free_row(call.site, call.reader, asked, window, call.now, place=i)
        for i, window in enumerate(found)
    ]
    return message(said, *rows, *([context(*notes)] if notes else []))


def _heading(call: Call, asked: FreeRequest, found: bool) -> str:  # noqa: FBT001
    what = phrases.shape(call.reader, asked.shape)
    if found:
        return call.reader.text(
            N_("*Next windows for {what}, {length}:*"), what=what, length=asked.length
        )
    return call.reader.text(
        N_(
            "No window for {what} of {length} within the planning horizon. "
            "Fewer GPUs or a shorter time may fit."
        ),
        what=what,
        length=asked.length,
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
    placement = free.placement
    teams = site.cluster.teams_of(reader.user)
    # People in several teams book for their first one; the confirmation says which.
    request = _request(asked, placement, teams[0].name if teams else None)
    what = phrases.gpus(site.cluster, placement.shares)
    caption = phrases.book_caption(reader, what, placement.window.start, now)
    book = button(caption, f"{ActionId.BOOK}:{place}", pack_requests([request]))
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

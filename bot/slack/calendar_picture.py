"""The calendar as a picture in Slack: which part of it, for whom, and what it says in words."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.errors import N_
from bot.domain.window import Window, on_wall_clock
from bot.services.people import names_of
from bot.services.site import Site
from bot.services.tracks import NodeTracks, Tracks, tracks
from bot.slack.context import Picture
from bot.slack.reader import Mrkdwn, Reader

DAY, WEEK = timedelta(days=1), timedelta(days=7)
#: The line of now moves this often, at least; on the App Home, which nobody watches, less.
MOVES, MOVES_AT_HOME = timedelta(minutes=5), timedelta(hours=1)
#: Nodes that the words name one by one.
NAMED = 8


def day_from(site: Site, at: datetime) -> Window:
    """A day's length from the slot before the one that `at` lies in."""
    start = site.cluster.grid.floor(at) - site.cluster.policy.slot
    return Window(start, start + DAY)


def midnight(instant: datetime, reader: Reader) -> datetime:
    """When the day of `instant` began on the reader's clock."""
    return on_wall_clock(instant.astimezone(reader.zone).date(), reader.zone)


def calendar_picture(
    site: Site,
    reader: Reader,
    window: Window,
    *,
    now: datetime,
    nodes: Collection[str] | None = None,
    compact: bool = False,
) -> Picture:
    """The tracks of `window`, in the reader's words and on their clock; `nodes` None: all."""
    found = tracks(site, window, now=now, nodes=nodes)
    moved = now.timestamp() // (MOVES_AT_HOME if compact else MOVES).total_seconds()
    shown = (window, found.seq, moved, nodes and sorted(nodes), compact, reader.locale)
    key = hashlib.sha256(repr((*shown, reader.zone_name)).encode()).hexdigest()

    def draw() -> bytes:
        from bot.pictures.tracks import Words, draw_tracks  # noqa: PLC0415 - long to import

        names = names_of(site, {booking.owner for booking in found.bookings.values()})
        words = Words(reader.locale, reader.zone, reader.zone_name, names)
        return draw_tracks(found, site.cluster, words, compact=compact)

    title = reader.plain(N_("{start} – {end}"), start=window.start, end=window.end)
    missing = reader.text(N_("The picture could not be shown: Slack did not take it."))
    return Picture(key, title, in_words(reader, found), draw, missing)


def in_words(reader: Reader, found: Tracks) -> str:
    """The essentials, for those who do not see the picture: what is free, and when the rest is.

    Of what is over: how much of it was taken.
    """
    if found.window.end <= found.now:
        return reader.plain(N_("{share} % of the GPU time was taken."), share=_taken(found))
    at = found.now if found.now in found.window else found.window.start
    at_s = int(at.timestamp())
    total = sum(one.node.gpus for one in found.nodes)
    free = sum(_free(one, at_s) for one in found.nodes)
    if at == found.now:
        said = [reader.plain(N_("{free} of {total} GPUs are free now."), free=free, total=total)]
    else:
        said = [
            reader.plain(
                N_("{at}: {free} of {total} GPUs are free."), free=free, total=total, at=at
            )
        ]
    told = [line for one in found.nodes if (line := _about(reader, one, at, found.window))]
    more = len(told) - NAMED
    said += told[:NAMED]
    if more > 0:
        said.append(reader.many_plain("{n} more node is full.", "{n} more nodes are full.", more))
    # Nothing is escaped in alternative texts, so they are joined as they are.
    return str(reader.sentences(*map(Mrkdwn, said)))


def _taken(found: Tracks) -> int:
    """Per cent of the time of all GPUs that was taken in the window."""
    start_s, end_s = int(found.window.start.timestamp()), int(found.window.end.timestamp())
    taken = sum(
        len(bar.gpus) * (min(bar.end, end_s) - max(bar.start, start_s))
        for one in found.nodes
        for bar in one.bars
    )
    there = (end_s - start_s) * sum(one.node.gpus for one in found.nodes)
    return round(100 * taken / there)


def _about(reader: Reader, one: NodeTracks, at: datetime, window: Window) -> str:
    """Why a node has nothing free at `at`, and until when; empty when it has."""
    name = one.node.name
    if one.drain is not None and one.drain.is_active(at):
        if one.drain.end is None:
            return reader.plain(N_("{node} is out of service."), node=name)
        return reader.plain(
            N_("{node} is out of service until {end}."), node=name, end=one.drain.end
        )
    if _free(one, int(at.timestamp())) > 0:
        return ""
    until = _full_until(one, at, window)
    if until is None:
        return reader.plain(N_("{node} is full until {end} at least."), node=name, end=window.end)
    return reader.plain(N_("{node} is full until {end}."), node=name, end=until)


def _free(one: NodeTracks, at_s: int) -> int:
    if one.drain is not None and one.drain.is_active(datetime.fromtimestamp(at_s, UTC)):
        return 0
    held = sum(len(bar.gpus) for bar in one.bars if bar.start <= at_s < bar.end)
    return max(one.node.gpus - held, 0)


def _full_until(one: NodeTracks, at: datetime, window: Window) -> datetime | None:
    """When the first GPU is free after `at`; None: not in the window."""
    at_s, end_s = int(at.timestamp()), int(window.end.timestamp())
    ends: Sequence[int] = sorted({bar.end for bar in one.bars if at_s < bar.end < end_s})
    first = next((end for end in ends if _free(one, end) > 0), None)
    return None if first is None else datetime.fromtimestamp(first, UTC)

"""How each bar looks: its team's colour, and an edge and a pattern for what is special about it.

As on the page (see bot/web/static/bars.css): nothing is told by colour alone.
"""

from __future__ import annotations

from enum import StrEnum

from bot.domain.booking import BookingState
from bot.domain.cluster import Cluster
from bot.domain.errors import N_
from bot.pictures.ink import (
    DASH,
    LINE_STRONG,
    MUTED,
    SURFACE,
    TEXT,
    UNKNOWN_TEAM,
    WARN,
    Box,
    Canvas,
    Color,
    color,
    mixed,
)
from bot.services.tracks import Bar, Tracks


class Mark(StrEnum):
    """What is special about a bar; the values are the legend's words."""

    RESERVED = N_("reserved; the colour is the team's")
    RUNNING = N_("running")
    WARNED = N_("warned: will be preempted")
    OVERRUN = N_("in overrun: past its end, may finish")
    OFFER = N_("held for an offer from the waitlist")
    HOLD = N_("kept for a preempted booking")
    ENDED = N_("ended")
    PREEMPTED = N_("preempted")
    NO_SHOW = N_("not used, released")
    DRAIN = N_("node out of service")


#: What needs no entry in a legend: it is how all bars look.
ORDINARY = frozenset({Mark.RESERVED, Mark.RUNNING, Mark.ENDED})
OVER = frozenset({Mark.ENDED, Mark.PREEMPTED, Mark.NO_SHOW})
_BY_STATE = {
    BookingState.ACTIVE: Mark.RUNNING,
    BookingState.ENDED: Mark.ENDED,
    BookingState.PREEMPTED: Mark.PREEMPTED,
    BookingState.NO_SHOW: Mark.NO_SHOW,
}


def mark_of(tracks: Tracks, bar: Bar) -> Mark:
    """What is special about `bar`."""
    if bar.kind == "offer":
        return Mark.OFFER
    if bar.kind == "hold":
        return Mark.HOLD
    if bar.holder in tracks.warned:
        return Mark.WARNED
    booking = tracks.bookings[bar.holder]
    if booking.overrun_from is not None and booking.state == BookingState.ACTIVE:
        return Mark.OVERRUN
    return _BY_STATE.get(BookingState(booking.state), Mark.RESERVED)


def team_of(tracks: Tracks, bar: Bar) -> str:
    """The team that a bar belongs to; empty where that is not known."""
    if bar.kind == "offer":
        offer = tracks.offers.get(bar.holder)
        return "" if offer is None else offer.team
    holder = bar.holder
    if bar.kind == "hold":
        kept = tracks.holds.get(holder)
        holder = 0 if kept is None else kept.preemptee
    booking = tracks.bookings.get(holder)
    return "" if booking is None else booking.team


def color_of(cluster: Cluster, team: str) -> Color:
    """A team's colour."""
    found = cluster.team(team)
    return UNKNOWN_TEAM if found is None else color(found.color)


def draw_mark(canvas: Canvas, box: Box, mark: Mark, team: Color) -> None:
    """A bar over `box`, without its text."""
    if mark is Mark.WARNED:
        canvas.fill(box, mixed(team, 0.42))
        canvas.hatch(box, mixed(WARN, 0.35, mixed(team, 0.42)), 5, rising=False)
        canvas.frame(box, WARN, 4, dash=DASH)
        canvas.fill(_left_of(box, 8), WARN)
    elif mark in (Mark.OFFER, Mark.HOLD):
        canvas.fill(box, SURFACE)
        canvas.hatch(box, mixed(team, 0.35), 2)
        canvas.frame(box, mixed(team, 0.85, TEXT), 3, dash=DASH if mark is Mark.OFFER else 4)
    elif mark is Mark.DRAIN:
        cross(canvas, box)
        canvas.fill(_left_of(box, 6), MUTED)
    else:
        _draw_booking(canvas, box, mark, team)


def _draw_booking(canvas: Canvas, box: Box, mark: Mark, team: Color) -> None:
    if mark in OVER:
        canvas.fill(box, mixed(team, 0.14))
        dash = {Mark.PREEMPTED: DASH, Mark.NO_SHOW: 4}.get(mark, 0)
        canvas.frame(box, mixed(team, 0.45, LINE_STRONG), 2, dash=dash)
        return
    canvas.fill(box, mixed(team, 0.28 if mark is Mark.RESERVED else 0.55))
    canvas.frame(box, mixed(team, 0.8, TEXT), 2)
    canvas.fill(_left_of(box, 8), mixed(team, 0.9, TEXT))


def cross(canvas: Canvas, box: Box) -> None:
    """The lines over what is out of service."""
    canvas.hatch(box, mixed(MUTED, 0.35), 3)
    canvas.hatch(box, mixed(MUTED, 0.35), 3, rising=False)


def draw_tail(canvas: Canvas, box: Box) -> None:
    """The part of a bar that lies in its overrun."""
    canvas.stripes(box, MUTED)


def _left_of(box: Box, width: int) -> Box:
    return Box(box.left, box.top, min(box.left + width, box.right), box.bottom)

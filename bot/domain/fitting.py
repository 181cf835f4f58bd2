"""Rounding what was asked to the slot grid, outward, and saying so (design: "Time")."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain.errors import N_, BadLength, EndBeforeStart, InThePast, TooShort
from bot.domain.notes import Note
from bot.domain.window import GRACE, Grid, Window, check_aware

ROUNDED = N_("Rounded to {length}.")
STARTS_AT = N_("Moved to {start}, the beginning of the slot, and rounded to {length}.")
STARTS_NOW = N_("That slot has already begun, so the booking starts now.")
ENDS_AT = N_("Rounded to the end of the slot: {end}.")


class Fitted(NamedTuple):
    """A window on the grid, and what was done to get it there."""

    window: Window
    notes: tuple[Note, ...] = ()


def fit(
    start: datetime | None,
    *,
    grid: Grid,
    now: datetime,
    length: timedelta | None = None,
    end: datetime | None = None,
) -> Fitted:
    """The window of whole slots that covers what was asked.

    `start` None means now. Of `length` and `end` one is given; where both are, the end counts.
    A start goes down to its slot's beginning, or is now when that has passed; an end goes up.
    Up to GRACE past a line, and a start up to GRACE ago, count as on the line and as now.
    Raises InThePast, BadLength, EndBeforeStart, TooShort (without the rounded request).
    """
    asked = _asked(start, length, end, now)
    now = now.replace(microsecond=0)
    begin = grid.floor(asked.start)
    counted = begin if asked.start - begin <= GRACE else asked.start
    _check_slot(counted, asked, length if end is None else None, grid)
    begin = max(begin, check_aware(now))
    window = Window(begin, grid.round_end(asked.end))
    return Fitted(window, _notes(asked, window, grid))


def _asked(
    start: datetime | None, length: timedelta | None, end: datetime | None, now: datetime
) -> Window:
    """The window as asked."""
    begin = check_aware(now if start is None else start).replace(microsecond=0)
    if begin < now - GRACE:
        raise InThePast(start=begin, now=now)
    if end is None and length is None:
        raise ValueError("a window needs a length or an end")
    if end is None and length is not None and length <= timedelta():
        raise BadLength(word=length, example="20h")
    until = check_aware(end) if end else begin + (length or timedelta())
    if until <= begin:
        raise EndBeforeStart(start=begin, end=until)
    return Window(begin, until)


def _check_slot(counted: datetime, asked: Window, length: timedelta | None, grid: Grid) -> None:
    """Refuse less than a slot; a slot that daylight saving made shorter is one nevertheless."""
    found = asked.end - counted if length is None else length
    whole = length is None and grid.ceil(counted) < grid.floor(asked.end)
    if found < grid.slot and not whole:
        raise TooShort(length=found, slot=grid.slot)


def _notes(asked: Window, window: Window, grid: Grid) -> tuple[Note, ...]:
    on_line = grid.is_on(window.start)
    notes = []
    if window.start < asked.start - GRACE:
        notes.append(_moved(window) if on_line else Note(STARTS_NOW))
    if window.end > asked.end and not on_line:
        notes.append(Note(ENDS_AT, {"end": window.end}))
    elif window.end > asked.end and not notes:
        notes.append(Note(ROUNDED, {"length": window.length}))
    return tuple(notes)


def _moved(window: Window) -> Note:
    return Note(STARTS_AT, {"start": window.start, "length": window.length})

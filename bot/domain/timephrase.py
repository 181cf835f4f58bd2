"""When something is to happen, in words: a length, a moment, or a window.

The way from text to a window: `words` folds the text, `scanning` goes through it, `lengths` and
`timewords` know the words, `moments` finds the instants, `when` joins start, length and end, and
`fitting` rounds to the grid.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from bot.domain.errors import N_, Missing
from bot.domain.fitting import Fitted, fit
from bot.domain.lengths import MISSING_LENGTH, parse_length
from bot.domain.moments import MISSING_CLOCK, Moment
from bot.domain.notes import Note
from bot.domain.scanning import scan
from bot.domain.timevalues import Context
from bot.domain.when import When, WhenDraft, read_filler, time_readers
from bot.domain.words import Text

__all__ = [
    "MISSING_CLOCK",
    "MISSING_LENGTH",
    "MISSING_START",
    "Context",
    "Fitted",
    "Moment",
    "Note",
    "When",
    "fit",
    "parse_length",
    "parse_moment",
    "parse_when",
    "read_moment",
]

MISSING_START = Note(N_("Say when it should start."))


def parse_moment(text: str, *, now: datetime, zone: tzinfo, month_first: bool = True) -> Moment:
    """The moment that all of `text` says, on the wall clock of `zone`; it may have passed.

    Where the day is left open it is the next such time; `month_first` is how `12/1` is read.
    Raises Missing, NotUnderstood, Contradiction, NonexistentTime, AmbiguousTime.
    """
    return read_moment(text, Context(now, zone, month_first))


def read_moment(text: str, context: Context, *, whole_day: bool = False) -> Moment:
    """Like parse_moment; with `whole_day` a day without a time means its beginning."""
    draft, reader = WhenDraft(context), time_readers(context)[0]
    for piece in scan(Text.of(text), (reader, read_filler), context.example):
        draft.add(piece)
    if not draft.start.words:
        raise Missing(what=MISSING_START, example=context.example, form_field="start")
    return draft.finish_moment(whole_day=whole_day)


def parse_when(text: str, *, now: datetime, zone: tzinfo, month_first: bool = True) -> When:
    """The start, length and end that `text` says, none of them rounded.

    Raises what parse_moment raises, BadLength, and EndBeforeStart.
    """
    context = Context(now, zone, month_first, example="tomorrow 22:00 20h")
    draft = WhenDraft(context)
    for piece in scan(Text.of(text), (*time_readers(context), read_filler), context.example):
        draft.add(piece)
    return draft.finish()

"""A start with a length or an end, gathered from words in any order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn

from bot.domain.errors import Contradiction, EndBeforeStart, NotUnderstood
from bot.domain.lengths import read_length
from bot.domain.moments import Draft, Moment, resolve
from bot.domain.notes import Note
from bot.domain.scanning import Piece, Reader
from bot.domain.timevalues import Clock, Context, DashedTime, Value
from bot.domain.timewords import read_time
from bot.domain.words import FLAGS, WORD_END, Text


@dataclass(frozen=True, slots=True)
class Time:
    """Words of a moment."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time."""

    length: timedelta


@dataclass(frozen=True, slots=True)
class Until:
    """`until`, `→`, `-`: an end follows."""

    #: Whether a day after the end's time may belong to the whole window: `10:00-18:00 tomorrow`.
    joins: bool


@dataclass(frozen=True, slots=True)
class Filler:
    """A word without meaning of its own."""

    #: Whether a start follows, as after `from`.
    starts: bool = False


@dataclass(frozen=True, slots=True)
class When:
    """What was said about time; None: nothing was."""

    start: Moment | None
    length: timedelta | None
    end: Moment | None
    #: The words, for examples.
    length_phrase: str = ""
    start_words: Draft | None = field(default=None, repr=False, compare=False)

    @property
    def start_phrase(self) -> str:
        """The words of the start, looked for only where an example needs them."""
        return "" if self.start_words is None else self.start_words.phrase

    @property
    def notes(self) -> tuple[Note, ...]:
        """How the words were read."""
        moments = (self.start, self.end)
        return tuple(note for moment in moments if moment for note in moment.notes)


_DAY = timedelta(days=1)
_UNTIL = re.compile(rf"(?:until|till|til|by|ending){WORD_END}|直到|截止到?", FLAGS)
_ARROW = re.compile(rf"-+>|=>|[→➔➜⇒—–−~-]|(?:to|through){WORD_END}|[到至]", FLAGS)
_FILLER = re.compile(
    rf"(?P<starts>(?:from|starting|start|beginning){WORD_END}|从|從)"
    rf"|(?:at|on|the|and|please|of|gpus?|cards?){WORD_END}|@|在|于|的|开始|開始|起|请|用|共"
    r"|预[约订]|預[約訂]|显?卡|顯卡",
    FLAGS,
)
_FOR = re.compile(rf"(?:for|lasting){WORD_END}\s*", FLAGS)


def time_readers(context: Context) -> tuple[Reader, ...]:
    """Readers of moments, lengths and `until`."""

    def read_moment(text: Text, at: int) -> tuple[object, int] | None:
        found = read_time(text, at, context)
        return (Time(found[0]), found[1]) if found else None

    return read_moment, _read_length, _read_until


def read_bare_length(text: Text, at: int) -> tuple[timedelta, int] | None:
    """A length, maybe with `for` before it."""
    match = _FOR.match(text.plain, at)
    return read_length(text, match.end() if match else at)


def _read_length(text: Text, at: int) -> tuple[object, int] | None:
    found = read_bare_length(text, at)
    return (Length(found[0]), found[1]) if found else None


def _read_until(text: Text, at: int) -> tuple[object, int] | None:
    if match := _UNTIL.match(text.plain, at):
        return Until(joins=False), match.end()
    match = _ARROW.match(text.plain, at)
    return (Until(joins=True), match.end()) if match else None


def read_filler(text: Text, at: int) -> tuple[object, int] | None:
    """Small words that may stand between the others."""
    match = _FILLER.match(text.plain, at)
    return (Filler(starts=bool(match["starts"])), match.end()) if match else None


@dataclass(slots=True)
class WhenDraft:
    """Gathers the pieces about time; other pieces may stand between them."""

    context: Context
    start: Draft = field(init=False)
    end: Draft = field(init=False)
    length: timedelta | None = None
    length_word: str = ""
    #: The word that announced the end, and whether it joins (see Until).
    until: str = ""
    joins: bool = False
    #: A time after a dash, whose meaning depends on what else is said.
    dashed: DashedTime | None = None
    #: Whether the words of the end are being read.
    ending: bool = False

    def __post_init__(self) -> None:
        self.start, self.end = Draft(self.context.command), Draft(self.context.command)

    def add(self, piece: Piece) -> None:
        """Take in a piece about time, or a filler. Raises Contradiction, NotUnderstood."""
        match piece.value:
            case Time(values):
                self._add_time(values, piece.word)
            case Length(length):
                self._add_length(length, piece.word)
            case Until(joins):
                self._add_until(piece.word, joins=joins)
            case Filler(starts=True):
                self.pause()

    def pause(self) -> None:
        """Note that a word about something else follows: the end is complete."""
        if self.end.words:
            self.ending = False

    def finish(self, *, whole_day: bool = False) -> When:
        """The times meant. Raises InputError.

        With `whole_day` a start may be a day without a time. A length and an end that are both
        given have to say the same.
        """
        self._settle_dash()
        self._settle_day()
        if self.until and not self.end.words:
            raise NotUnderstood(word=self.until, example=self.context.example)
        start = self._resolve_start(whole_day=whole_day) if self.start.words else None
        end = self._resolve_end(start) if self.end.words else None
        self._check_agree(start, end)
        return When(start, self.length, end, self.length_word, self.start)

    def finish_moment(self, *, whole_day: bool = False) -> Moment:
        """The one moment meant, when nothing but a moment was said."""
        if self.dashed is not None:
            self.start.take((self.dashed.offset,), "")
        return resolve(self.start, self.context, whole_day=whole_day)

    def _add_time(self, values: tuple[Value, ...], word: str) -> None:
        last = values[-1]
        if isinstance(last, DashedTime) and self.dashed is None:
            self.dashed, values = last, values[:-1]
        drafts = (self.end, self.start) if self.ending else (self.start,)
        if any(draft.take(values, word) for draft in drafts):
            return
        raise Contradiction(
            first=drafts[0].phrase, second=word, example=self.context.example, form_field="start"
        )

    def _add_length(self, length: timedelta, word: str) -> None:
        if self.ending and not self.end.words:
            typed = f"{self.until} {word}"
            raise NotUnderstood(word=typed, example=self.context.example, form_field="length")
        if self.length is not None:
            self._refuse_both(self.length_word, word)
        self.length, self.length_word = length, word
        self.pause()

    def _add_until(self, word: str, *, joins: bool) -> None:
        if self.until:
            raise NotUnderstood(word=word, example=self.context.example)
        self.until, self.joins, self.ending = word, joins, True

    def _settle_dash(self) -> None:
        """Read `22:00 -06:00` as a window, unless a length or another end is given."""
        if self.dashed is None:
            return
        if self.length or self.until:
            self.start.take((self.dashed.offset,), "")
        else:
            self.end.take((self.dashed.end,), f"{self.dashed.end.hour:02}:00")

    def _settle_day(self) -> None:
        """Give the day of `10:00-18:00 tomorrow` to both times."""
        bare = self.start.clock is not None and self.start.day is None
        if not (bare and self.joins and self.end.day_last):
            return
        if _minutes(self.start.clock) < _minutes(self.end.clock):
            self.start.day, self.end.day = self.end.day, None

    def _resolve_start(self, *, whole_day: bool) -> Moment:
        return resolve(self.start, self.context, whole_day=whole_day)

    def _resolve_end(self, start: Moment | None) -> Moment:
        since = start.instant if start else self.context.now
        end = resolve(self.end, self.context, since=since)
        if end.instant <= since:
            raise EndBeforeStart(start=since, end=end.instant)
        self._check_night(end.instant - since)
        return end

    def _check_night(self, length: timedelta) -> None:
        """Refuse `22:00-06:00 sat` on a Wednesday, which leaves open what night is meant."""
        bare = self.start.clock is not None and self.start.day is None
        if bare and self.joins and self.end.day_last and length > _DAY:
            clock, *day = self.end.words
            example = f"{' '.join(day)} {self.start.phrase} {self.until} {clock}"
            raise NotUnderstood(word=self.end.phrase, example=example, form_field="start")

    def _check_agree(self, start: Moment | None, end: Moment | None) -> None:
        begin = start.instant if start else self.context.now
        if end and self.length is not None and begin + self.length != end.instant:
            self._refuse_both(self.length_word, self.end.phrase)

    def _refuse_both(self, first: str, second: str) -> NoReturn:
        raise Contradiction(
            first=first, second=second, example=self.context.example, form_field="length"
        )


def _minutes(clock: Clock | None) -> int:
    return clock.hour * 60 + clock.minute if clock else 0

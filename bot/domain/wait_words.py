"""The words of `/gpu wait`: those of a booking, and between which two instants it may lie."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from bot.domain.booking import Priority
from bot.domain.cluster import Cluster
from bot.domain.errors import InputError, InThePast, Missing
from bot.domain.lengths import MISSING_LENGTH, read_length
from bot.domain.moments import READ_AS_MOMENT, Draft, Moment, resolve
from bot.domain.notes import Note
from bot.domain.options import MISSING_COUNT, Options, option_readers
from bot.domain.scanning import Piece, Reader, scan, skip
from bot.domain.timevalues import After, CalendarDay, Context, Value
from bot.domain.timewords import read_time
from bot.domain.wait_request import WAIT_EXAMPLE, WaitRequest, build_wait, told_for_waiting
from bot.domain.when import Filler, Time, Until, When, WhenDraft
from bot.domain.words import FLAGS, WORD_END, Text

_HOUR = timedelta(hours=1)

_FROM = re.compile(rf"(?:after|not\s+before|earliest){WORD_END}|最早|不早于|不早於", FLAGS)
_BY = re.compile(
    rf"(?:(?:by|until|till|before)\s+(?:the\s+)?end\s+of|before|not?\s+later\s+than|latest"
    rf"|deadline){WORD_END}:?|最[晚迟遲]|不晚于|不晚於|截至",
    FLAGS,
)
#: Behind a moment: `fri 18:00 at the latest`, `周五18点之前`.
_AT_THE_LATEST = re.compile(rf"\s*(?:at\s+the\s+latest{WORD_END}|[之以]?前(?!天))", FLAGS)
_WITHIN = re.compile(rf"(?:within(?:\s+the\s+next)?|in\s+the\s+next){WORD_END}\s*", FLAGS)
_FROM_NOW = re.compile(r"\s*from\s+now", FLAGS)
_INSIDE = re.compile(r"\s*(?:之|以)?[内內]", FLAGS)


@dataclass(frozen=True, slots=True)
class Deadline:
    """Words of a moment that is said to be the end: `周五前`, `within 3 days`."""

    values: tuple[Value, ...]


def parse_wait(
    text: str, *, now: datetime, zone: tzinfo, cluster: Cluster, month_first: bool = True
) -> WaitRequest:
    """Read `N LENGTH [from WHEN] [by WHEN]` and a booking's other words, in any order.

    A moment with neither word is the earliest start. A bare day means from its beginning, or by
    its end. Times are on the wall clock of `zone`, the asker's; `month_first` is how `12/1` is
    read. Raises InputError.
    """
    context = Context(now, zone, month_first, WAIT_EXAMPLE, f"/gpu wait {Text.of(text).typed}")
    with told_for_waiting():
        said = _read(Text.of(text), cluster, context)
        when = said.when.finish(whole_day=True)
        gpus, length = _check_complete(said, when, cluster)
    return build_wait(
        gpus=gpus,
        length=length,
        earliest=_earliest(when.start, context),
        latest=when.end.instant if when.end else None,
        node=said.node,
        model=said.model,
        spread=bool(said.spread),
        priority=Priority.P2 if said.priority is None else said.priority,
        preemptible=said.preemptible,
        team=said.team,
        purpose=said.purpose or "",
        job=said.order(),
        now=now,
        cluster=cluster,
        notes=when.notes,
    )


def _read(text: Text, cluster: Cluster, context: Context) -> Options:
    said = Options(SpanDraft(context))
    readers = (*_span_readers(context), *option_readers(cluster, context))
    for piece in scan(text, readers, context.example):
        said.add(piece)
    return said


def _earliest(start: Moment | None, context: Context) -> datetime | None:
    """The earliest start; None for now, which the beginning of today is too."""
    if start is None or start.is_now:
        return None
    today = start.is_day and start.instant.astimezone(context.zone).date() == context.today
    return None if today else start.instant


def _check_complete(said: Options, when: When, cluster: Cluster) -> tuple[int, timedelta]:
    """The count and the length; a missing one is asked for with the others as typed."""
    until = said.when.end.phrase
    usual = f"{cluster.policy.slot // _HOUR}h" if until else "20h"
    parts = [f"/gpu wait {said.gpus or 4} {when.length_phrase or usual}"]
    parts += [f"from {when.start_phrase}"] if when.start_phrase else []
    parts += [f"by {until}"] if until else []
    if said.gpus is None:
        raise Missing(what=MISSING_COUNT, example=" ".join(parts), form_field="gpus")
    if when.length is None:
        raise Missing(what=MISSING_LENGTH, example=" ".join(parts), form_field="length")
    return said.gpus, when.length


class SpanDraft(WhenDraft):
    """Gathers the two instants between which a length has to lie somewhere."""

    def add(self, piece: Piece) -> None:
        """Take in a piece about time, or a filler. Raises Contradiction, NotUnderstood."""
        if not isinstance(piece.value, Deadline):
            super().add(piece)
            return
        super().add(Piece(Until(joins=False), piece.word))
        super().add(Piece(Time(piece.value.values), piece.word))
        self.pause()

    def finish(self, *, whole_day: bool = True) -> When:
        """The instants meant. Raises InputError."""
        self._settle_from_now()
        # Unlike a booking's, the length has nothing to do with what lies between start and end.
        length, self.length = self.length, None
        return replace(super().finish(whole_day=whole_day), length=length)

    def _settle_from_now(self) -> None:
        """Read `20h from now by sat` as a length and a start, where no other length is said."""
        after, word = self.start.after, "".join(self.start.words)
        if after is None or self.length is not None or not _FROM_NOW.search(word):
            return
        self.start = Draft(self.context.command)
        self.length, self.length_word = after, _FROM_NOW.sub("", word)

    def _resolve_end(self, start: Moment | None) -> Moment:
        context, since = self.context, start.instant if start else self.context.now
        try:
            end = resolve(self.end, context, since=since, whole_day=True)
            if end.is_day:
                end = _end_of_day(end, self.end.phrase, context)
            if end.instant <= context.now:
                raise InThePast(start=end.instant, now=context.now)
        except InputError as error:
            error.form_field = "latest"
            raise
        return end


def _end_of_day(beginning: Moment, phrase: str, context: Context) -> Moment:
    """The midnight at which the day ends that `beginning` begins."""
    following = (beginning.instant.astimezone(context.zone) + timedelta(days=1)).date()
    day = CalendarDay(following.day, following.month, following.year)
    instant = resolve(Draft(day=day), context, whole_day=True).instant
    return Moment(instant, (Note(READ_AS_MOMENT, {"phrase": phrase, "instant": instant}),))


def _span_readers(context: Context) -> tuple[Reader, ...]:
    """Readers of words that only matter where there are two instants; they go first."""

    def read_deadline(text: Text, at: int) -> tuple[object, int] | None:
        values, end = _read_moment(text, at, context)
        match = _AT_THE_LATEST.match(text.plain, end) if values else None
        return (Deadline(values), match.end()) if match else None

    return _read_within, read_deadline, _read_bound


def _read_bound(text: Text, at: int) -> tuple[object, int] | None:
    """The word before a moment that says which of the two instants it is."""
    if match := _FROM.match(text.plain, at):
        return Filler(starts=True), match.end()
    match = _BY.match(text.plain, at)
    return (Until(joins=False), match.end()) if match else None


def _read_moment(text: Text, at: int, context: Context) -> tuple[tuple[Value, ...], int]:
    """The values of all moment words that follow one another at `at`, and where they end."""
    values: tuple[Value, ...] = ()
    end = at
    # What is no good date is refused by the reader of moments, or is no date but a count.
    with suppress(InputError):
        while found := read_time(text, skip(text, end), context):
            values, end = values + found[0], found[1]
    return values, end


def _read_within(text: Text, at: int) -> tuple[object, int] | None:
    """`within 3 days`, `3天内`."""
    before = _WITHIN.match(text.plain, at)
    found = read_length(text, before.end() if before else at)
    if found is None:
        return None
    after = None if before else _INSIDE.match(text.plain, found[1])
    if before is None and after is None:
        return None
    return Deadline((After(found[0]),)), after.end() if after else found[1]

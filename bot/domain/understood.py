"""What can be understood of a request whose words cannot all be read, to begin a form with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from bot.domain.cluster import Cluster
from bot.domain.errors import InputError
from bot.domain.moments import resolve
from bot.domain.options import Options, option_readers
from bot.domain.scanning import Piece, Reader, next_word, skip
from bot.domain.timevalues import Context
from bot.domain.when import WhenDraft
from bot.domain.words import Text


class Understood(NamedTuple):
    """The words that were read. Nothing in it is within bounds, and no name need be known."""

    said: Options
    #: Later than now; None: now, or nothing usable was said.
    start: datetime | None
    length: timedelta | None


def understood(
    text: str, *, now: datetime, zone: tzinfo, cluster: Cluster, month_first: bool = True
) -> Understood:
    """Everything in `text` that can be read by itself; the rest is passed over."""
    context = Context(now, zone, month_first)
    said = Options(WhenDraft(context))
    for piece in _pieces(Text.of(text), option_readers(cluster, context)):
        with suppress(InputError):
            said.add(piece)
    start, length = _times(said.when)
    return Understood(said, start if start and start > now else None, length)


def _pieces(text: Text, readers: Sequence[Reader]) -> Iterator[Piece]:
    at = skip(text, 0)
    while at < len(text.plain):
        found = next((found for reader in readers if (found := _read(reader, text, at))), None)
        end = found[1] if found else at + max(len(next_word(text, at)), 1)
        if found:
            yield Piece(found[0], text.between(at, end))
        at = skip(text, end)


def _read(reader: Reader, text: Text, at: int) -> tuple[object, int] | None:
    with suppress(InputError):
        return reader(text, at)
    return None


def _times(draft: WhenDraft) -> tuple[datetime | None, timedelta | None]:
    """The start and the length, or each of them alone where they do not go together."""
    with suppress(InputError):
        when = draft.finish(whole_day=True)
        start = when.start.instant if when.start else None
        end = when.end.instant if when.end else None
        return start, end - (start or draft.context.now) if end else when.length
    with suppress(InputError):
        if draft.start.words:
            return resolve(draft.start, draft.context, whole_day=True).instant, draft.length
    return None, draft.length

"""Reading text from left to right, piece by piece."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bot.domain.errors import NotUnderstood
from bot.domain.words import Text

_BETWEEN = re.compile(r"(?:[\s,;、。]|\.(?=\s|$))+")
_WORD = re.compile(r"<[@#!][^>]*>|[^\s,;、。]+")

#: Reads what begins at a place of the text and says where it ends; None: nothing it knows.
Reader = Callable[[Text, int], "tuple[object, int] | None"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing that was read, and the characters it was read from."""

    value: object
    word: str


def skip(text: Text, at: int) -> int:
    """The place of the next word, past spaces and commas."""
    match = _BETWEEN.match(text.plain, at)
    return match.end() if match else at


def next_word(text: Text, at: int) -> str:
    """The word at `at`, as typed."""
    match = _WORD.match(text.plain, at)
    return text.between(*match.span()) if match else ""


def scan(text: Text, readers: Sequence[Reader], example: str) -> Iterator[Piece]:
    """Everything in `text`; at each place the first reader that knows what begins there wins.

    Raises NotUnderstood for a word that no reader knows.
    """
    at = skip(text, 0)
    while at < len(text.plain):
        found = next((found for reader in readers if (found := reader(text, at))), None)
        if found is None:
            raise NotUnderstood(word=next_word(text, at), example=example)
        value, end = found
        yield Piece(value, text.between(at, end))
        at = skip(text, end)

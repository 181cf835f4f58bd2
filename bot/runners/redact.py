"""Hiding the values of secrets in what runs have written, before anybody else reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

#: What stands in the place of a secret.
HIDDEN = "***"
#: A shorter value would stand in many words that have nothing to do with it.
SHORTEST = 4
#: A key of several lines is also hidden line by line; lines shorter than this say little.
SHORTEST_LINE = 8


def redact(text: str, values: Iterable[str]) -> str:
    """`text` without those values."""
    for piece in pieces_of(values):
        text = text.replace(piece, HIDDEN)
    return text


def redacted(chunks: Iterable[bytes], values: Iterable[str]) -> Iterator[bytes]:
    """The same bytes without those values, also where one lies across two chunks."""
    pieces = sorted((piece.encode() for piece in pieces_of(values)), key=len, reverse=True)
    if not pieces:
        yield from chunks
        return
    # The longest first: a value that begins like another one is hidden whole.
    secret = re.compile(b"|".join(map(re.escape, pieces)))
    held, rest = len(pieces[0]) - 1, b""
    for chunk in chunks:
        rest += chunk
        # What begins in the last few bytes may be the beginning of a longer one.
        done, rest = _hidden_until(secret, rest, len(rest) - held)
        yield done
    yield _hidden_until(secret, rest, len(rest))[0]


def _hidden_until(secret: re.Pattern[bytes], text: bytes, end: int) -> tuple[bytes, bytes]:
    """The bytes before `end` without what is secret, and those that are left."""
    done, at = [], 0
    for found in secret.finditer(text):
        if found.start() >= end:
            break
        done += [text[at : found.start()], HIDDEN.encode()]
        at = found.end()
    cut = max(at, end, 0)
    return b"".join((*done, text[at:cut])), text[cut:]


def pieces_of(values: Iterable[str]) -> Sequence[str]:
    """What has to be hidden, the longest first: values, and the lines of those with several."""
    found = set()
    for value in values:
        found.add(value)
        lines = [line.strip() for line in value.splitlines()]
        found.update(line for line in lines if len(line) >= SHORTEST_LINE)
    return sorted((one for one in found if len(one) >= SHORTEST), key=lambda p: (-len(p), p))

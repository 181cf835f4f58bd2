"""Hiding the values of secrets in what runs have written, before anybody else reads it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

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
    pieces = [piece.encode() for piece in pieces_of(values)]
    held = max((len(piece) for piece in pieces), default=1) - 1
    rest = b""
    for chunk in chunks:
        rest += chunk
        for piece in pieces:
            rest = rest.replace(piece, HIDDEN.encode())
        cut = max(0, len(rest) - held)
        yield rest[:cut]
        rest = rest[cut:]
    yield rest


def pieces_of(values: Iterable[str]) -> Collection[str]:
    """What has to be hidden, the longest first: values, and the lines of those with several."""
    found = set()
    for value in values:
        found.add(value)
        lines = [line.strip() for line in value.splitlines()]
        found.update(line for line in lines if len(line) >= SHORTEST_LINE)
    return sorted((one for one in found if len(one) >= SHORTEST), key=lambda p: (-len(p), p))

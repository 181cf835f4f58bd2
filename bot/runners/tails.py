"""The end of what a run has written, fit to be shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from bot.runners.redact import redact

#: So much is read for the last lines; a progress bar may fill most of it.
MOST_BYTES = 256 * 1024
#: Characters of a line; what is longer is cut.
LONGEST_LINE = 500
CHUNK = 64 * 1024
#: Colours and movements of the cursor (ECMA-48), and what else is no text.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def tail(path: Path, lines: int, hidden: Collection[str] = ()) -> str:
    """The last lines of a log without the values `hidden`; empty where there is no log."""
    try:
        chunks = read_file(path, MOST_BYTES)
    except FileNotFoundError:
        return ""
    return last_lines(b"".join(chunks), lines, hidden)


def last_lines(content: bytes, lines: int, hidden: Collection[str] = ()) -> str:
    """The last lines of `content`, as a terminal would show them in the end."""
    text = redact(content.decode("utf-8", "replace"), hidden)
    shown = [_shown(line) for line in text.rstrip().split("\n")]
    return "\n".join(shown[-lines:] if lines > 0 else ())


def read_file(path: Path, last: int | None = None) -> Iterator[bytes]:
    """The file in pieces; `last`: its last so many bytes, from the beginning of a line.

    What is cut off is a whole line, since it may begin within a secret. The file is opened at
    once, so that it can be read although it is removed meanwhile. Raises OSError.
    """
    file = path.open("rb")
    size = path.stat().st_size
    start = 0 if last is None else max(0, size - last)
    file.seek(start)

    def chunks() -> Iterator[bytes]:
        with file:
            yield from iter(lambda: file.read(CHUNK), b"")

    return from_a_line(chunks()) if start else chunks()


def from_a_line(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes from the first beginning of a line on, which a progress bar has too."""
    found = False
    for chunk in chunks:
        if found:
            yield chunk
        elif (place := re.search(rb"[\r\n]", chunk)) is not None:
            found = True
            yield chunk[place.end() :]


def _shown(line: str) -> str:
    """A line as it was in the end: a progress bar writes the same line again and again."""
    plain = _ESCAPES.sub("", line)
    last = next((part for part in reversed(plain.split("\r")) if part.strip()), "")
    text = _CONTROLS.sub("", last.replace("\t", "    ")).rstrip()
    return text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"

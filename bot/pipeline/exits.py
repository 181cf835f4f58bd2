"""How the commands of a pipeline end."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ends; the README and `--help` list these."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_FREE = 3
    REFUSED = 4
    UNREACHABLE = 5
    LOST = 6


#: What is said about them.
MEANINGS = {
    Exit.DONE: "booked; with --wait, and begun",
    Exit.UNEXPECTED: "something that should not happen",
    Exit.USAGE: "the command or its words cannot be read",
    Exit.NOT_FREE: "not free (in time); the message names the nearest windows",
    Exit.REFUSED: "not allowed: the token, its rights, or a quota",
    Exit.UNREACHABLE: "gpubot could not be reached for too long",
    Exit.LOST: (
        "lost: cancelled or taken by urgent work while waiting, or over already when tried again"
    ),
}

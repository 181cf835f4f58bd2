"""What a start needs of the database, which other processes may be at work on."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.store.errors import Busy

#: How many seconds a start waits for a database that is busy.
START_WAITS_S = 30.0
#: Seconds between attempts.
AGAIN_S = 0.1


def as_soon_as_possible(do: Callable[[], object]) -> object:
    """Do what a start needs; a database that is busy with what other processes do is waited for."""
    deadline = time.monotonic() + START_WAITS_S
    while True:
        try:
            return do()
        except Busy:
            if time.monotonic() > deadline:
                raise
            time.sleep(AGAIN_S)

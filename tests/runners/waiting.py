"""Waiting for what other processes do, by looking again and again until a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from patience import PATIENCE_S

T = TypeVar("T")
LOOK_S = 0.05


def eventually(look: Callable[[], T | None], why: Callable[[], str] = lambda: "") -> T:
    """What `look` gives as soon as it is something; `why` tells what was wrong to the end."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(why() or "it did not happen")
        time.sleep(LOOK_S)

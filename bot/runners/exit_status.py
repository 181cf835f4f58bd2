"""Exit statuses in words."""

from __future__ import annotations

import signal
from contextlib import suppress


def exit_words(code: int) -> str:
    """What an exit status means, by the conventions of shells."""
    if code == 127:
        return "exit status 127: its program was not found"
    if code == 126:
        return "exit status 126: its program may not be run"
    if code == 137:
        return "killed (SIGKILL): often because the server's memory was full"
    if code > 128:
        with suppress(ValueError):
            return f"ended by {signal.Signals(code - 128).name}"
    return f"exit status {code}"

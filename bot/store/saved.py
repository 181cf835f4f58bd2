"""Whether something was saved for the request at hand.

When the database cannot be had to go on after that, nobody is told that nothing was changed: who
believes it asks again, and gets two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: None: there is no request, as in what goes by the clock.
_saved: ContextVar[bool | None] = ContextVar("gpubot_saved", default=None)


@contextmanager
def one_request() -> Iterator[None]:
    """What is done inside, in this thread or task, is done for one request."""
    before = _saved.set(False)
    try:
        yield
    finally:
        _saved.reset(before)


def note_saved() -> None:
    """A change was committed."""
    if _saved.get() is not None:
        _saved.set(True)


def is_saved() -> bool:
    """Whether a change was committed for the request."""
    return bool(_saved.get())

"""How a database fares: a trouble is told in the log once, and again when it is over.

Everything that gpubot does meets the trouble anew, several times a second; whoever reads the log
wants to know of it once, how it goes on, and when it has passed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

log = logging.getLogger(__name__)

#: A trouble that goes on is told again after so many seconds.
SAID_AGAIN_S = 600.0
#: On a full disk something small finds room now and then: it counts as over when nothing has
#: failed for so many seconds.
CALM_S = 30.0
#: Somebody else's lock is no trouble before it has lasted so many seconds.
LOCKED_S = 10.0


class Trouble(Enum):
    """What can be wrong; its value is what `/readyz` and the log say of it."""

    FULL = "there is no room left on its disk"
    LOCKED = "somebody else has it locked"
    AWAY = "it cannot be reached"


@dataclass(frozen=True, slots=True)
class _Present:
    """The trouble there is; instants are monotonic seconds."""

    what: Trouble
    since: float
    said_at: float
    #: When something failed last.
    last: float

    def is_over(self, now: float, *, began: float, wrote: bool) -> bool:
        """Whether a transaction that goes well shows that it has passed."""
        match self.what:
            case Trouble.FULL:
                return wrote and now - self.last >= CALM_S
            case Trouble.LOCKED:
                return wrote
            case Trouble.AWAY:
                # One that was under way can end well after others could not begin.
                return began > self.last


class Health:
    """How one database fares, by what its transactions meet."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._present: _Present | None = None

    def failed(self, what: Trouble, why: object) -> None:
        """A transaction has met a trouble; `why` is what the driver says."""
        now = self._monotonic()
        with self._lock:
            present = self._present
            if present is not None and what is Trouble.LOCKED:
                # Waiting in vain is what the other trouble leads to as well.
                what = present.what
            if present is None or present.what is not what:
                self._present, is_news = _Present(what, now, now, now), True
            else:
                is_news = now - present.said_at >= SAID_AGAIN_S
                said_at = now if is_news else present.said_at
                self._present = _Present(what, present.since, said_at, now)
        level = logging.WARNING if is_news else logging.DEBUG
        log.log(level, "the database: %s (%s)", what.value, " ".join(str(why).split()))

    def works(self, *, began: float, wrote: bool) -> None:
        """A transaction has gone well that the database began at the monotonic second `began`.

        One that only read says nothing about room and locks.
        """
        if self._present is None:
            return
        now = self._monotonic()
        with self._lock:
            present = self._present
            if present is None or not present.is_over(now, began=began, wrote=wrote):
                return
            self._present = None
        lasted = now - present.since
        log.warning(
            "the database works again, after %.0f s in which %s", lasted, present.what.value
        )

    def is_away(self) -> bool:
        """Whether the database could not be reached the last time that somebody tried."""
        present = self._present
        return present is not None and present.what is Trouble.AWAY

    def problem(self) -> str | None:
        """Why nothing can be saved at present; None when all is well, as far as is known."""
        present = self._present
        if present is None:
            return None
        lasted = self._monotonic() - present.since
        if present.what is Trouble.LOCKED and lasted < LOCKED_S:
            return None
        return f"database: {present.what.value}, for {lasted:.0f} s"

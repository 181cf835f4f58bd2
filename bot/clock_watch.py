"""A clock that jumps is not believed at once.

A machine's clock is set by hand, by a server of time that errs, or by a host that was paused. What
gpubot does by the clock it cannot take back: GPUs that were given to the next are gone. So after
a jump it rests with all of that until the clock is back, or has stayed where it is for a while.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.clock import Clock

log = logging.getLogger(__name__)

#: Less than this is no jump: clocks are corrected a little all the time.
JUMP = timedelta(minutes=1)
#: A clock that stays where it jumped to is believed after this time. Slack's requests, which are
#: refused when they are not signed within five minutes, are the measure.
BELIEVED_AFTER = timedelta(minutes=5)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def steady_s() -> float:
    """Seconds that pass while the machine sleeps, too, and that nobody can set."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A jump that is not believed yet."""

    #: By how much the clock is ahead of the steady one, in seconds.
    ahead_s: float
    #: By the steady clock.
    since: float


class ClockWatch:
    """Compares a clock with one that cannot jump; to be looked at every few seconds."""

    def __init__(self, clock: Clock, steady: Callable[[], float] = steady_s) -> None:
        self._clock, self._steady = clock, steady
        self._lock = threading.Lock()
        self._believed = self._ahead(steady())
        self._doubt: _Doubt | None = None

    def problem(self) -> str | None:
        """Why nothing is to be done by the clock at present; None: it can be believed."""
        with self._lock:
            return self._look(self._steady())

    def _look(self, at: float) -> str | None:
        ahead = self._ahead(at)
        if not _is_jump(ahead, self._believed):
            self._believe(ahead, "the clock is back where it was")
            return None
        doubt = self._doubt
        if doubt is None or _is_jump(ahead, doubt.ahead_s):
            self._doubt = doubt = _Doubt(ahead, at)
            log.warning("the clock has jumped by %s: nothing is begun or ended by it until it has"
                        " stayed so for %s", self._jumped(ahead), BELIEVED_AFTER)  # fmt: skip
        if at - doubt.since >= BELIEVED_AFTER.total_seconds():
            self._believe(ahead, "the clock has stayed where it jumped to, and is believed")
            return None
        return f"clock: it has jumped by {self._jumped(ahead)}; waiting whether it stays so"

    def _believe(self, ahead: float, why: str) -> None:
        self._believed = ahead
        if self._doubt is not None:
            self._doubt = None
            log.warning(why)

    def _ahead(self, at: float) -> float:
        return (self._clock.now() - _EPOCH).total_seconds() - at

    def _jumped(self, ahead: float) -> str:
        seconds = round(ahead - self._believed)
        return f"{'+' if seconds > 0 else '-'}{timedelta(seconds=abs(seconds))}"


def _is_jump(ahead: float, before: float) -> bool:
    return abs(ahead - before) >= JUMP.total_seconds()

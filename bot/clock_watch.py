"""A clock that jumps is not believed at once.

A machine's clock is set by hand, by a server of time that errs, or by a host that was paused. What
gpubot does by the clock it cannot take back: GPUs that were given to the next are gone. So after
a jump it goes on by its own count of the time that passes, and rests with all that is done by the
clock, until that is back, or has stayed where it is for a while. Whoever else knows the time
(Slack, by the date of each answer) settles it sooner: a clock that Slack contradicts is not
believed however long it stays, also when Slack says nothing more. Where Slack went with gpubot's
own count, things begin and end by that from then on: it can only be late, as it may stand still
while a virtual machine is paused, and who is late gives away nothing that is in use.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.clock import Clock

log = logging.getLogger(__name__)

#: Less than this is no jump: clocks are corrected a little all the time.
JUMP = timedelta(minutes=1)
#: A clock that stays where it jumped to is believed after this time. Slack's requests, which are
#: refused when they are not signed within five minutes, are the measure.
BELIEVED_AFTER = timedelta(minutes=5)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JUMP_S = JUMP.total_seconds()
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_s() -> float:
    """Seconds that pass while the machine sleeps, too, and that nobody can set."""
    return time.clock_gettime(_STEADY)


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A jump that is not believed yet; instants are the steady clock's."""

    #: By how much the clock is ahead of the steady one, in seconds.
    ahead_s: float
    since: float
    #: Slack's clock went with the own count of the time (True) or with neither (False), when it was
    #: heard last; None: it has not contradicted the jump.
    is_count_right: bool | None = None


class ClockWatch:
    """A clock that is compared with one that cannot jump, and not followed where it jumps.

    To be looked at every few seconds.
    """

    def __init__(self, clock: Clock, steady: Callable[[], float] = steady_s) -> None:
        self._clock, self._steady = clock, steady
        self._lock = threading.Lock()
        at, wall = steady(), clock.now()
        self._believed = _ahead(wall, at)
        self._doubt: _Doubt | None = None
        self._off_s: float | None = None

    def now(self) -> datetime:
        """The present instant, aware UTC: as before the jump, while that is not believed."""
        with self._lock:
            at, wall = self._look()
            return wall if self._doubt is None else self._counted(at)

    def problem(self) -> str | None:
        """Why the clock is not believed at present; None: it is."""
        with self._lock:
            at, wall = self._look()
            if self._doubt is None:
                return None
            return f"clock: it has jumped by {self._jumped(_ahead(wall, at))}; {self._waits()}"

    def is_in_doubt(self) -> bool:
        """Whether nothing is to be begun or ended: nobody knows yet what time it is."""
        with self._lock:
            self._look()
            return self._doubt is not None and not self._doubt.is_count_right

    def jump(self) -> timedelta:
        """By how much the clock has jumped that is not believed; zero: it is."""
        with self._lock:
            at, wall = self._look()
            jumped = 0.0 if self._doubt is None else _ahead(wall, at) - self._believed
            return timedelta(seconds=round(jumped))

    def jumped(self) -> str | None:
        """The same as operators read it, such as `-2:00:00`; None: the clock is believed."""
        jump = self.jump()
        return _signed(jump) if jump else None

    def off_s(self) -> float | None:
        """By how many seconds the clock was last ahead of Slack's; None: that is not known."""
        with self._lock:
            return self._off_s

    def hear(self, instant: datetime) -> None:
        """Slack says that it is `instant`: a doubt is over where that goes with the clock."""
        with self._lock:
            at, wall = self._look()
            self._off_s = (wall - instant).total_seconds()
            if self._doubt is None:
                return
            if abs(wall - instant) < JUMP:
                self._believe(_ahead(wall, at), "the clock is believed: Slack's has jumped with it")
            else:
                self._deny(is_count_right=abs(self._counted(at) - instant) < JUMP)

    def _look(self) -> tuple[float, datetime]:
        """Look at both clocks, and judge the one that can jump."""
        at, wall = self._steady(), self._clock.now()
        ahead = _ahead(wall, at)
        if not _is_jump(ahead, self._believed):
            self._believe(ahead, "the clock is back where it was")
            return at, wall
        doubt = self._doubt
        if doubt is None or _is_jump(ahead, doubt.ahead_s):
            doubt = self._begin_doubt(ahead, at)
        is_old = at - doubt.since >= BELIEVED_AFTER.total_seconds()
        if is_old and doubt.is_count_right is None:
            self._believe(ahead, "the clock has stayed where it jumped to, and is believed")
        return at, wall

    def _begin_doubt(self, ahead: float, at: float) -> _Doubt:
        # Where Slack went with the own count, that holds however the clock jumps from where it is
        # wrong: one that is put right by and by makes many jumps.
        counts_on = self._doubt is not None and self._doubt.is_count_right
        self._doubt = doubt = _Doubt(ahead, at, counts_on or None)
        log.warning("the clock has jumped by %s: %s", self._jumped(ahead), self._waits())
        return doubt

    def _deny(self, *, is_count_right: bool) -> None:
        if self._doubt is None or self._doubt.is_count_right is is_count_right:
            return
        self._doubt = replace(self._doubt, is_count_right=is_count_right)
        log.warning("the clock that has jumped is not believed: %s", self._waits())

    def _waits(self) -> str:
        """What gpubot does while it is in doubt."""
        right = None if self._doubt is None else self._doubt.is_count_right
        if right is None:
            return f"nothing is begun or ended by it until it has stayed so for {BELIEVED_AFTER}"
        if right:
            return "Slack's has not, and gpubot goes on by its own count of the time"
        return "Slack's goes neither with it nor with gpubot's own count; nothing is begun or ended"

    def _believe(self, ahead: float, why: str) -> None:
        self._believed = ahead
        if self._doubt is not None:
            self._doubt = None
            log.warning(why)

    def _counted(self, at: float) -> datetime:
        """The time from before the jump, and what passed since."""
        return _EPOCH + timedelta(seconds=at + self._believed)

    def _jumped(self, ahead: float) -> str:
        return _signed(timedelta(seconds=round(ahead - self._believed)))


def _signed(length: timedelta) -> str:
    return f"{'+' if length > timedelta(0) else '-'}{abs(length)}"


def _ahead(wall: datetime, at: float) -> float:
    return wall.timestamp() - at


def _is_jump(ahead: float, before: float) -> bool:
    return abs(ahead - before) >= _JUMP_S

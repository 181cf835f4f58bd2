"""Having the bot keep up with the demo's clock, which jumps and runs fast.

The bot looks for what is due every few seconds of real time. When a clock jumps by a day
meanwhile, a warning, the reclaiming it warns of and the booking that comes after would all happen
at once. So a jump ahead stops on its way, and a fast clock has the bot look more often.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Protocol

from bot.sandbox import SandboxClock

log = logging.getLogger(__name__)

#: What is due is done at least so often by the demo's clock, however fast that moves …
STRIDE = timedelta(minutes=5)
#: … which leaves so much of the demo's time, in seconds, between two rounds of a fast clock: the
#: round takes the rest.
MEANWHILE_S = 240.0
#: At most so often, in real seconds: enough for 600 times as fast as real time.
SHORTEST_PAUSE_S = 0.4
#: About how often a long jump stops: every STRIDE of two days.
MOST_STOPS = 576
#: How far apart the stops of longer jumps lie, so that they fall on the lines of a slot grid.
STRIDES = (STRIDE, *(timedelta(minutes=minutes) for minutes in (10, 15, 20, 30, 60, 120)))
#: How long one stop, and a whole jump, wait for messages to arrive, in real seconds.
STOP_WAITS_S, JUMP_WAITS_S = 1.0, 5.0
#: The least time between posts to a channel while the clock moves faster than real time: the
#: demo's own workspace takes more than Slack does.
QUICK_PACE = timedelta(milliseconds=50)

HOUR = timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Follower(Protocol):
    """The bot, as far as it has to keep up; see bot.main.Bot."""

    def run_ticks(self) -> None:
        """Do what is due by the bot's clock."""

    def deliver(self, timeout: float) -> bool:
        """Wait, at most `timeout` seconds, until what is told has arrived."""

    def set_pace(self, pace: timedelta) -> None:
        """Leave at least `pace` of real time between posts to a channel."""


class DemoClock:
    """Has `bot` keep up with `clock`; `pace` is the bot's own between posts to a channel."""

    def __init__(self, clock: SandboxClock, bot: Follower, pace: timedelta) -> None:
        self._clock, self._bot, self._pace = clock, bot, pace
        self._jumping = False
        self._patience_s = 0.0
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="demo-clock", daemon=True)

    def start(self) -> None:
        """Follow every jump from now on, and the clock's speed."""
        self._clock.on_change(self._changed.set)
        self._clock.stop_on_the_way(self._way, self._stop_over)
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer; a jump that is under way goes straight to its end."""
        self._ended.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _way(self, here: datetime, there: datetime) -> Iterator[datetime]:
        if there <= here:
            return
        self._jumping, self._patience_s = True, JUMP_WAITS_S
        self._set_pace()
        try:
            # What has happened already is told before time goes on.
            yield here
            yield from stops(here, there)
        finally:
            self._jumping = False
            self._set_pace()

    def _stop_over(self) -> None:
        if self._ended.is_set():
            return
        try:
            self._bot.run_ticks()
            began = time.monotonic()
            self._bot.deliver(min(STOP_WAITS_S, self._patience_s))
            self._patience_s = max(self._patience_s - (time.monotonic() - began), 0.0)
        except Exception:
            log.exception("the demo could not do what was due at %s", self._clock.now())

    def _keep_up(self) -> None:
        while not self._ended.is_set():
            self._set_pace()
            speed = self._clock.speed
            pause = max(MEANWHILE_S / speed, SHORTEST_PAUSE_S) if speed > 1 else None
            if self._changed.wait(pause):
                self._changed.clear()
            else:
                self._bot.run_ticks()

    def _set_pace(self) -> None:
        is_quick = self._jumping or self._clock.speed > 1
        self._bot.set_pace(min(self._pace, QUICK_PACE) if is_quick else self._pace)


def stops(here: datetime, there: datetime) -> Iterator[datetime]:
    """Where a jump from `here` ahead to `there` stops: at full marks of its stride, and `there`."""
    wanted = (there - here) / MOST_STOPS
    stride = next((s for s in STRIDES if s >= wanted), timedelta(hours=ceil(wanted / HOUR)))
    mark = here - (here - EPOCH) % stride + stride
    while mark < there:
        yield mark
        mark += stride
    yield there

"""What runs by the clock: a table of name, interval and function, run by APScheduler.

A tick finds what is due by looking at rows, so it may run late, twice, or after a restart
without harm. The scheduler keeps nothing itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from bot import logs

log = logging.getLogger(__name__)

#: A tick counts as stuck when it has not succeeded for this many of its intervals …
MISSED = 4
#: … and at least this long, in seconds.
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Tick:
    """Something to do every `every`; `run` raises when it fails, and is tried again next time."""

    name: str
    every: timedelta
    run: Callable[[], object]


@dataclass(frozen=True, slots=True)
class TickState:
    """How a tick fares."""

    name: str
    #: Seconds by which its last success lies back further than its interval.
    lag_s: float
    #: How often it has failed since the start.
    failures: int


class Ticks:
    """Runs a table of ticks in the background and knows when each last succeeded."""

    def __init__(
        self, table: Sequence[Tick], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._table = tuple(table)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._succeeded: dict[str, float] = {}
        self._failures: Counter[str] = Counter()
        self._running = 0
        self._idle = threading.Condition()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            # None: a run that is due is done, however late. (The default drops it after 1 s.)
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            daemon=True,
        )

    def start(self) -> None:
        """Run every tick now, and then at its interval."""
        now = self._monotonic()
        self._succeeded = {tick.name: now for tick in self._table}
        for tick in self._table:
            self._scheduler.add_job(
                self.run,
                "interval",
                args=[tick],
                id=tick.name,
                seconds=tick.every.total_seconds(),
                next_run_time=datetime.now(UTC),
            )
        self._scheduler.start()

    def stop(self, timeout: float) -> None:
        """Start no more ticks, and wait for at most `timeout` seconds for those that run.

        One that takes longer ends by itself or dies with the process; its rows stay due.
        """
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        with self._idle:
            self._idle.wait_for(lambda: self._running == 0, timeout)

    def run(self, tick: Tick) -> None:
        """Run one tick and note whether it succeeded."""
        with logs.about(request=logs.request_id(), tick=tick.name):
            self._run(tick)

    def _run(self, tick: Tick) -> None:
        with self._idle:
            self._running += 1
        try:
            tick.run()
            with self._lock:
                self._succeeded[tick.name] = self._monotonic()
        except Exception:
            log.exception("tick %s failed", tick.name)
            with self._lock:
                self._failures[tick.name] += 1
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def states(self) -> tuple[TickState, ...]:
        """How each tick fares."""
        now = self._monotonic()
        with self._lock:
            return tuple(
                TickState(
                    tick.name,
                    max(now - self._succeeded.get(tick.name, now) - tick.every.total_seconds(), 0),
                    self._failures[tick.name],
                )
                for tick in self._table
            )

    def problem(self) -> str | None:
        """Which ticks have not succeeded for too long; None when all is well."""
        if not self._scheduler.running:
            return "scheduler: not running"
        now = self._monotonic()
        with self._lock:
            ages = {tick: now - self._succeeded[tick.name] for tick in self._table}
        stuck = [f"{tick.name} ({age:.0f} s)" for tick, age in ages.items() if age > _bound(tick)]
        return f"scheduler: no success of {', '.join(stuck)}" if stuck else None


def _bound(tick: Tick) -> float:
    return max(MISSED * tick.every.total_seconds(), PATIENCE_S)

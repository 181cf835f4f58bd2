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

from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler

from bot import logs
from bot.store.errors import Busy

log = logging.getLogger(__name__)

#: How often it is looked whether the machine's clock was set back, in seconds: APScheduler would
#: wait until it is again as late as it was.
LOOK_S = 5.0
#: A tick counts as stuck when it has not succeeded for this many of its intervals …
MISSED = 4
#: … and at least this long, in seconds.
PATIENCE_S = 60.0
#: A tick that goes on failing in the same way is told of again after so many seconds.
SAID_AGAIN_S = 600.0
_A_LITTLE = timedelta(seconds=1)


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


class _Threads(BaseExecutor):  # type: ignore[misc]
    """Runs each tick on a thread that cannot keep the program from ending.

    The threads of APScheduler's own pool are waited for at the end of the program, however long
    the server takes to answer that a tick has asked.
    """

    def _do_submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        where = job._jobstore_alias  # noqa: SLF001 - as executors of APScheduler do

        def work() -> None:
            self._run_job_success(job.id, run_job(job, where, run_times, self._logger.name))

        threading.Thread(target=work, name=f"tick-{job.id}", daemon=True).start()


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
        #: By tick that fails: how, and when that was told, in monotonic seconds.
        self._said: dict[str, tuple[type[Exception], float]] = {}
        self._running = 0
        self._idle = threading.Condition()
        self._stopping = threading.Event()
        self._looking = threading.Thread(target=self._look, name="ticks-clock", daemon=True)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": _Threads()},
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
        self._looking.start()

    def stop(self, timeout: float) -> None:
        """Start no more ticks, and wait for at most `timeout` seconds for those that run.

        One that takes longer ends by itself or dies with the process; its rows stay due.
        """
        self._stopping.set()
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
                failed_before = self._said.pop(tick.name, None) is not None
            if failed_before:
                log.info("tick %s works again", tick.name)
        except Exception as error:  # noqa: BLE001 - told in the log, and shown by `problem`
            self._failed(tick, error)
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _failed(self, tick: Tick, error: Exception) -> None:
        """Count a failure, and tell of it unless that was just told."""
        now, how = self._monotonic(), type(error)
        with self._lock:
            self._failures[tick.name] += 1
            before = self._said.get(tick.name)
            is_news = before is None or before[0] is not how or now - before[1] >= SAID_AGAIN_S
            if is_news:
                self._said[tick.name] = how, now
        # What is the matter with the database is told where that is found out, once for all ticks.
        is_told = isinstance(error, Busy)
        level = logging.DEBUG if not is_news else logging.INFO if is_told else logging.ERROR
        trace = None if is_told else error
        log.log(level, "tick %s failed: %s", tick.name, error, exc_info=trace)

    def _look(self) -> None:
        while not self._stopping.wait(LOOK_S):
            now = datetime.now(UTC)
            for tick in self._table:
                job = self._scheduler.get_job(tick.name)
                if job is not None and job.next_run_time - now > tick.every + _A_LITTLE:
                    log.warning("tick %s: the clock was set back", tick.name)
                    job.modify(next_run_time=now)

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

    @property
    def is_running(self) -> bool:
        """Whether ticks come."""
        return bool(self._scheduler.running)

    def problem(self) -> str | None:
        """Which ticks have not succeeded for too long; None when all is well."""
        if not self.is_running:
            return "scheduler: not running"
        now = self._monotonic()
        with self._lock:
            ages = {tick: now - self._succeeded[tick.name] for tick in self._table}
        stuck = [f"{tick.name} ({age:.0f} s)" for tick, age in ages.items() if age > _bound(tick)]
        return f"scheduler: no success of {', '.join(stuck)}" if stuck else None


def _bound(tick: Tick) -> float:
    return max(MISSED * tick.every.total_seconds(), PATIENCE_S)

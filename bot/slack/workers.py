"""A few threads with a bounded queue, for work that must not hold up an answer to Slack."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, Full, Queue

from bot import logs

log = logging.getLogger(__name__)

Job = Callable[[], None]


class Workers:
    """Runs jobs on `threads` threads; at most `capacity` jobs wait.

    The threads are daemons: a job that hangs cannot keep the program from ending.
    """

    def __init__(self, name: str, *, threads: int, capacity: int) -> None:
        self._name = name
        self._queue: Queue[Job | None] = Queue(capacity)
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> bool:
        """Have `job` run; False (and a line in the log) when too many jobs wait already.

        What it logs says what is said of here and now.
        """
        try:
            self._queue.put_nowait(logs.carrying(job))
        except Full:
            log.error("%s: the queue is full; a job was dropped", self._name)
            return False
        return True

    def stop(self, timeout: float) -> None:
        """Finish what waits, for at most `timeout` seconds."""
        deadline = time.monotonic() + timeout
        for _ in self._threads:
            try:
                self._queue.put(None, timeout=max(deadline - time.monotonic(), 0.01))
            except Full:
                log.warning("%s: stopped with jobs waiting", self._name)
                return
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(deadline - time.monotonic(), 0.01))

    def drop_waiting(self) -> None:
        """Forget the jobs that wait."""
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            return

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                job()
            except Exception:
                log.exception("%s: a job failed", self._name)

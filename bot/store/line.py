"""Waiting in line, first come, first served."""

from __future__ import annotations

import threading
from collections import deque


class Line:
    """So many places, which are handed on in the order in which they were asked for.

    A semaphore of the standard library is taken by whoever comes by: the thread that has just
    given it back, most of the time, while others wait until they give up.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._lock = threading.Lock()
        #: Each waits for its own lock, which is let go when it has a place.
        self._waiting: deque[threading.Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Take a place; False when there was none within `timeout` seconds."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=timeout):
            return True
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
        # It was handed over just now.
        return True

    def release(self) -> None:
        """Hand the place to whoever has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1

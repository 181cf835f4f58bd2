"""Waiting in line, first come, first served."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turn(Generic[T]):
    """A place in the line; it has come when the lock is let go."""

    __slots__ = ("handed", "lock", "said")

    def __init__(self, said: object) -> None:
        self.said = said
        self.lock = threading.Lock()
        #: What whoever had the place before has left to go on with.
        self.handed: T | None = None


class Line(Generic[T]):
    """So many places, which are handed on in the order in which they were asked for.

    A semaphore of the standard library is taken by whoever comes by: the thread that has just
    given it back, most of the time, while others wait until they give up.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._lock = threading.Lock()
        self._waiting: deque[Turn[T]] = deque()

    def acquire(
        self,
        timeout: float,
        before_waiting: Callable[[], None] = lambda: None,
        said: object = None,
    ) -> Turn[T] | None:
        """Take a place; None when there was none within `timeout` seconds.

        `said` is for those in front to know.
        """
        turn: Turn[T] = Turn(said)
        with self._lock:
            if self._free:
                self._free -= 1
                return turn
            turn.lock.acquire()
            self._waiting.append(turn)
        try:
            before_waiting()
            has_come = turn.lock.acquire(timeout=timeout)
        except BaseException:
            if self._left(turn):
                raise
            # The place must not be lost; rather an interrupt that came in the same instant.
            has_come = True
        return turn if has_come or not self._left(turn) else None

    def release(self) -> None:
        """Give the place to whoever has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().lock.release()
            else:
                self._free += 1

    def hand_on(self, what: T) -> bool:
        """Give the place, and `what` with it, to whoever has waited longest.

        False, and nothing is given, when nobody waits.
        """
        with self._lock:
            if not self._waiting:
                return False
            turn = self._waiting.popleft()
            turn.handed = what
            turn.lock.release()
            return True

    def said(self) -> list[object]:
        """What those who wait have said, the next one first."""
        with self._lock:
            return [turn.said for turn in self._waiting]

    def _left(self, turn: Turn[T]) -> bool:
        """Stop waiting; False: the place was handed over just now."""
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return True
            return False

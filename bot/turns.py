"""Taking turns: of the threads that answer people only so many work as there are turns.

Python runs one thread at a time, and SQLite lets another one in at each statement. Where several
requests are under way their threads hand the interpreter to one another dozens of times in each
answer, and that takes longer than the answer. So a thread begins a request when it has a turn, and
passes the turn on before it waits for something slow. It goes on by itself afterwards, and only its
next request waits for a turn again: nobody waits for a turn while holding what others need.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf
from queue import SimpleQueue

_HERE = threading.local()


class Turns:
    """So many turns, for threads that each have a Turn; `clock` tells seconds that only grow."""

    def __init__(self, at_once: int, clock: Callable[[], float]) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        self._clock = clock
        self._threads: list[Turn] = []
        for _ in range(at_once):
            self._free.put(None)

    def of_this_thread(self) -> Turn:
        """The calling thread's; it has yet to take it."""
        turn = _HERE.turn = Turn(self._free, self._clock)
        self._threads.append(turn)
        return turn

    def pass_on_older(self, seconds: float) -> None:
        """Pass on the turns of those who have been at one request for longer: they wait."""
        before = self._clock() - seconds
        for turn in self._threads:
            if turn.began < before:
                turn.pass_on()


class Turn:
    """What one thread has, or waits for."""

    __slots__ = ("_clock", "_free", "_is_taken", "_lock", "began")

    def __init__(self, free: SimpleQueue[None], clock: Callable[[], float]) -> None:
        self._free, self._clock = free, clock
        self._lock = threading.Lock()
        self._is_taken = False
        #: When the thread began what it is at; infinity: it is at nothing.
        self.began = inf

    def take(self) -> None:
        """Wait until it is the calling thread's turn, unless it still is."""
        if not self._is_taken:
            self._free.get()
            self._is_taken = True

    def begin(self) -> None:
        """Note that the thread is at something."""
        self.began = self._clock()

    def end(self) -> None:
        """Note that the thread is at nothing."""
        self.began = inf

    def pass_on(self) -> None:
        """Let another thread begin something, if nobody has done so yet."""
        with self._lock:
            if self._is_taken:
                self._is_taken = False
                self._free.put(None)


def pass_on() -> None:
    """Pass the calling thread's turn on, if it has one: it is about to wait."""
    turn: Turn | None = getattr(_HERE, "turn", None)
    if turn is not None:
        turn.pass_on()

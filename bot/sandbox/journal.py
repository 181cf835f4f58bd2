"""One lock for the whole workspace, a counter of its changes, and those who follow them.

Every store of the workspace changes its state under `lock` and reports the change here; tests
wait on it (`wait_for`), the pages in the browser are told by it.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from bot.sandbox.records import Json

T = TypeVar("T")


@dataclass(frozen=True)
class Change:
    """Something that happened; `audience` are the user ids who may know, None means everybody."""

    event: Json
    audience: frozenset[str] | None = None


class Journal:
    """The workspace's lock and the record that something changed."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._version = 0
        self._listeners: list[Callable[[Change], None]] = []

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call `listener` with each change; it runs under the lock and must not wait."""
        self._listeners.append(listener)

    def report(self, event: Json | None = None, audience: Iterable[str] | None = None) -> None:
        """Wake those who wait; `event` (if any) also goes to the pages of the audience."""
        with self.lock:
            self._version += 1
            self._changed.notify_all()
            if event is not None:
                change = Change(event, None if audience is None else frozenset(audience))
                for listener in self._listeners:
                    listener(change)

    def wait_for(self, predicate: Callable[[], T], timeout: float) -> T:
        """The first truthy value of `predicate`, looked at after each change.

        The predicate runs without the lock, so it may call anything. Raises TimeoutError when
        `timeout` real seconds passed.
        """
        deadline = time.monotonic() + timeout
        while True:
            with self.lock:
                version = self._version
            value = predicate()
            if value:
                return value
            if not self._wait_past(version, deadline - time.monotonic()):
                raise TimeoutError(f"the workspace did not come to it within {timeout:g} s")

    def _wait_past(self, version: int, seconds: float) -> bool:
        with self.lock:
            return self._changed.wait_for(lambda: self._version != version, max(0.0, seconds))

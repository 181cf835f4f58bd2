"""Faults on demand: what goes wrong with Slack, when somebody asks for it."""

import itertools
import threading
from dataclasses import dataclass
from typing import Protocol

from bot.sandbox.journal import Journal
from bot.sandbox.records import Json

KINDS = ("rate_limited", "http_500", "timeout", "drop_connection", "garbage", "error")


class Drop(Protocol):
    """Ends all Socket Mode connections."""

    def __call__(self, *, announced: bool) -> None:
        """End them; `announced` asks the app first to come back."""


@dataclass
class Fault:
    """What goes wrong with a Web API method.

    `times` is how often it happens, None until cleared. With `after_effect` the call is carried
    out and only its answer is lost, which is the case that tempts a bot to post twice.
    """

    id: int
    method: str
    kind: str
    times: int | None
    retry_after: int
    code: str
    after_effect: bool

    def to_json(self) -> Json:
        """The fault as the page lists it."""
        return {
            "id": self.id,
            "method": self.method,
            "kind": self.kind,
            "times": self.times,
            "retry_after": self.retry_after,
            "code": self.code,
            "after_effect": self.after_effect,
        }


class Faults:
    """The faults in force."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._ids = itertools.count(1)
        self._faults: list[Fault] = []
        self._duplicates = 0
        self._refused = False
        self._drop: Drop = _nothing_to_drop
        self.released = threading.Event()

    def add(
        self,
        method: str,
        kind: str,
        *,
        times: int | None = 1,
        retry_after: int = 3,
        code: str = "internal_error",
        after_effect: bool = False,
    ) -> Fault:
        """Let calls of `method` ("*": all) go wrong.

        `kind` is one of KINDS; `retry_after` is in seconds. Raises ValueError for another kind.
        """
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no fault; there are: {', '.join(KINDS)}")
        fault = Fault(next(self._ids), method, kind, times, retry_after, code, after_effect)
        with self._journal.lock:
            self._faults.append(fault)
            self._journal.report()
        return fault

    def take(self, method: str) -> Fault | None:
        """The fault that hits this call, if any; uses one of its times up."""
        with self._journal.lock:
            fault = next((f for f in self._faults if f.method in ("*", method)), None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self._faults.remove(fault)
            return fault

    def duplicate_deliveries(self, count: int) -> None:
        """Deliver each of the next `count` commands, interactions and events twice."""
        with self._journal.lock:
            self._duplicates = count

    def take_duplicate(self) -> bool:
        """Whether this delivery happens twice; uses one up."""
        with self._journal.lock:
            if self._duplicates == 0:
                return False
            self._duplicates -= 1
            return True

    def drop_sockets(self, *, announced: bool = False) -> None:
        """End all Socket Mode connections; `announced` asks the app first to come back."""
        self._drop(announced=announced)

    def refuse_sockets(self, refuse: bool = True) -> None:  # noqa: FBT001, FBT002 - a switch
        """Let no new Socket Mode connection come up (or again let it)."""
        with self._journal.lock:
            self._refused = refuse
            self._journal.report()

    @property
    def sockets_refused(self) -> bool:
        """Whether new Socket Mode connections are refused."""
        return self._refused

    def clear(self) -> None:
        """End all faults; calls that hang are let go."""
        with self._journal.lock:
            self._faults.clear()
            self._duplicates = 0
            self._refused = False
            released, self.released = self.released, threading.Event()
            self._journal.report()
        released.set()

    def on_drop(self, drop: Drop) -> None:
        """Who closes the sockets."""
        self._drop = drop

    def to_json(self) -> Json:
        """All faults in force, as the page lists them."""
        with self._journal.lock:
            return {
                "faults": [fault.to_json() for fault in self._faults],
                "duplicate_deliveries": self._duplicates,
                "refuse_sockets": self._refused,
            }


def _nothing_to_drop(*, announced: bool) -> None:
    """Before the server runs there are no connections."""

"""What every runner does. One contract test suite (tests/runners/contract.py) holds for all.

A runner keeps nothing that a restart may lose: whatever it made carries the run's key, and is
found again by it. It never ends a run because it cannot see it: `Unreachable` says that nothing
is known at present.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bot.domain.run import Observation, WorkOrder
from bot.domain.window import Window


class RunnerError(Exception):
    """Something went wrong at a runner; the text is for people, and holds no secrets."""


class Refused(RunnerError):
    """It will not start however often it is tried: the text says what to change."""


class Unreachable(RunnerError):
    """The servers cannot be asked at present; the same call is tried again later."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A booking's GPUs, which the servers' own scheduler is to keep free for it."""

    booking: int
    #: The owner's account on the servers; empty: unknown.
    account: str
    window: Window
    #: (node, GPUs), in node order.
    shares: tuple[tuple[str, int], ...]


class Runner(Protocol):
    """Starts, watches and ends the work of bookings. Methods may be called from any thread."""

    @property
    def name(self) -> str:
        """Its kind: "local", "slurm" or "kubernetes"."""

    def start(self, order: WorkOrder) -> None:
        """Start a run, unless there is one with that key (also one that has ended already).

        Raises Refused or Unreachable. After Unreachable it may or may not have been started.
        """

    def observe(self, keys: Collection[str]) -> Mapping[str, Observation]:
        """What is seen of those runs; a run that is not there is left out.

        Raises Unreachable when that cannot be told at present.
        """

    def warn(self, key: str, reclaim_at: datetime, reason: str) -> None:
        """Tell the run that its GPUs are reclaimed at an instant, so that it saves a checkpoint.

        Twice does no harm. Raises Unreachable.
        """

    def stop(self, key: str, reason: str) -> None:
        """Ask the run to end: SIGTERM, and when its grace is over, SIGKILL. Returns at once.

        Does nothing when it has ended or was asked before. Raises Unreachable.
        """

    def logs(self, key: str) -> Sequence[Path]:
        """The files with what the run has written so far, in the order of its workers.

        They are complete once `observe` says that the run is over.
        """

    def forget(self, key: str) -> None:
        """Remove what is left of a run that is over, once its logs are archived."""

    def hold(self, holds: Sequence[Hold]) -> None:
        """Have the servers' own scheduler keep exactly these GPUs free for their bookings.

        A runner whose servers have no such thing does nothing. Raises Unreachable.
        """

    def problem(self) -> str | None:
        """Why runs cannot be started or seen at present, in a line; None when all is well."""

    def close(self) -> None:
        """Let go of connections and threads; runs go on."""

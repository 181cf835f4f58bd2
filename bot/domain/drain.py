"""Taking a node out of service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DrainState(StrEnum):
    """Whether a drain still holds its node."""

    DRAINING = "draining"
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class Drain:
    """A node that takes no new work from `start` to `end` (None: until resumed)."""

    id: int
    node: str
    start: datetime
    end: datetime | None
    reason: str
    actor: str
    state: DrainState

    def is_active(self, now: datetime) -> bool:
        """Whether the node is out of service at `now`."""
        within = self.start <= now and (self.end is None or now < self.end)
        return self.state is DrainState.DRAINING and within

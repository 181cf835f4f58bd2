"""Taking a node out of service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.actor import GPUBOT


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

    @property
    def own_reason(self) -> bool:
        """Whether the reason is gpubot's own, and so to be told in the reader's language."""
        return self.actor == GPUBOT.name

    def reason_in(self, words: Callable[[str], str]) -> str:
        """Why, to a reader; `words` puts a sentence of gpubot's into their language."""
        return words(self.reason) if self.own_reason else self.reason

    def is_active(self, now: datetime) -> bool:
        """Whether the node is out of service at `now`."""
        within = self.start <= now and (self.end is None or now < self.end)
        return self.state is DrainState.DRAINING and within

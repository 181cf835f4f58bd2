"""What a preemption means to one holder: a notice, an instant, and an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.booking import Share
from bot.domain.window import Window


class PreemptionState(StrEnum):
    """Where a preemption stands, seen from whoever gives way."""

    #: Running; the GPUs are reclaimed at `reclaim_at`.
    WARNED = "warned"
    #: Had not started; holds another window now.
    MOVED = "moved"
    #: Had not started, and nothing else fits.
    LOST = "lost"
    #: The holder gave the GPUs back before `reclaim_at`.
    RELEASED = "released"
    #: The GPUs were taken at `reclaim_at`.
    RECLAIMED = "reclaimed"
    #: The preemptor gave up; the holder has everything back, or what was left of it.
    WITHDRAWN = "withdrawn"
    #: The booking ended otherwise, or went elsewhere, before it mattered.
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class Preemption:
    """One booking that gives way to another."""

    id: int
    #: Booking ids: who takes, and who gives way.
    preemptor: int
    preemptee: int
    reason: str
    created_at: datetime
    #: When the preemptor wanted to start.
    asked_start: datetime
    reclaim_at: datetime
    #: What the preemptee had.
    old_window: Window
    old_shares: tuple[Share, ...]
    #: Where a booking that had not started went.
    new_window: Window | None
    state: PreemptionState
    #: Whether the holder was reminded shortly before `reclaim_at`.
    nudged: bool = False
    #: Whether the extra time was used.
    extended: bool = False
    #: Whether the owner of a moved booking is content with its new time.
    kept: bool = False
    #: The booking that was made for what was lost.
    again: int | None = None

    def is_all_in(self, window: Window) -> bool:
        """Whether `window`, which the preemptee got back, is no shorter than what it had."""
        return window.length >= self.old_window.length

"""The course of a booking: what it promised when it began, and what it held in the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from bot.domain.booking import BookingState
from bot.domain.window import Window

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Promise:
    """A window and the GPUs in it."""

    window: Window
    gpus: int


@dataclass(frozen=True, slots=True)
class Course:
    """A booking from its making to its end."""

    booking: int
    owner: str
    team: str
    state: BookingState
    queued: bool
    made_at: datetime
    #: As it stands now: it ended where its window does.
    window: Window
    gpus: int
    #: As it stood when it began; None: it never did.
    promised: Promise | None
    #: When a part was given back, and how many GPUs were left then.
    parts: tuple[tuple[datetime, int], ...] = ()
    #: What it had left when its owner gave all of it back before its end; None: that never was.
    given_back: Promise | None = None
    extended: bool = False

    @property
    def is_over(self) -> bool:
        """Whether it ran and came to an end by its time or by its people."""
        return self.state is BookingState.ENDED and self.promised is not None

    @property
    def lead(self) -> timedelta | None:
        """How long before its start it was made; None when it never began."""
        if self.promised is None:
            return None
        return max(self.promised.window.start - self.made_at, timedelta(0))

    def touches(self, window: Window) -> bool:
        """Whether any of what it promised or held lies in the window."""
        if self.promised is None:
            return False
        return self.promised.window.overlaps(window) or self.window.overlaps(window)

    def booked(self, within: Window) -> float:
        """GPU-hours that it promised when it began, as far as they lie in the window."""
        if self.promised is None:
            return 0.0
        return gpu_hours(self.promised.window, self.promised.gpus, within)

    def used(self, within: Window) -> float:
        """GPU-hours that it held, as far as they lie in the window.

        With fewer GPUs after a part was given back; nothing when nobody used it.
        """
        if self.promised is None or self.state is BookingState.NO_SHOW:
            return 0.0
        if not self.parts:
            return gpu_hours(self.window, self.promised.gpus, within)
        counts = [self.promised.gpus, *(left for _, left in self.parts)]
        changes = [self.window.start, *(at for at, _ in self.parts), self.window.end]
        spans = ((a, b, gpus) for (a, b), gpus in zip(pairwise(changes), counts, strict=True))
        return sum(gpu_hours(Window(a, b), gpus, within) for a, b, gpus in spans if a < b)


def gpu_hours(window: Window, gpus: int, within: Window) -> float:
    """GPU-hours of `gpus` GPUs in that part of a window which lies in another."""
    # Comparisons, which take half of the time of `max` and `min`: a year asks for many.
    start = window.start if window.start > within.start else within.start
    end = window.end if window.end < within.end else within.end
    return (end - start) / HOUR * gpus if start < end else 0.0

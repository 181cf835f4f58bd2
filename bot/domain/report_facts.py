"""What a report is reckoned from: what was held, wished for, refused and given up.

Plain values, gathered once for a period and the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.cluster import Cluster
from bot.domain.report_course import Course
from bot.domain.waitlist import EntryState
from bot.domain.window import Window


@dataclass(frozen=True, slots=True)
class Held:
    """GPUs of one node that a booking held; epoch seconds, half-open."""

    node: str
    team: str
    start: int
    end: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Outage:
    """A node out of service; epoch seconds, half-open."""

    node: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A booking that somebody took back before it started; gpubot's own doing is none."""

    team: str
    at: datetime
    #: When it would have started.
    start: datetime


@dataclass(frozen=True, slots=True)
class Wish:
    """An entry of the waitlist, and what became of it."""

    owner: str
    team: str
    gpus: int
    #: The model asked for, by its name or by its node; None: any.
    model: str | None
    made_at: datetime
    #: When it became a booking; None: it did not.
    served_at: datetime | None
    state: EntryState
    #: When it would have liked to lie: from its earliest start on. None for a wish for any gap.
    wanted: Window | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that could not be granted because the GPUs were taken."""

    user: str
    team: str
    at: datetime
    gpus: int
    #: The model asked for, by its name or by its node; None: any.
    model: str | None
    wanted: Window


@dataclass(frozen=True, slots=True)
class Yielded:
    """A booking that gave way to urgent work."""

    #: When the urgent work took over.
    at: datetime
    #: Whose booking gave way, and to whose.
    loser: str
    winner: str
    #: What was left of the booking's time then, times its GPUs.
    gpu_hours: float


@dataclass(frozen=True, slots=True)
class Measured:
    """How the GPUs of a team's bookings worked within an hour, where that was measured."""

    team: str
    #: When the hour begins.
    start: datetime
    #: GPU-hours with a reading, and those of them with work.
    watched: float
    busy: float


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that happened from the beginning of `before` to the end of the period."""

    cluster: Cluster
    held: tuple[Held, ...] = ()
    outages: tuple[Outage, ...] = ()
    courses: tuple[Course, ...] = ()
    cancelled: tuple[Cancelled, ...] = ()
    wishes: tuple[Wish, ...] = ()
    refused: tuple[Refused, ...] = ()
    yielded: tuple[Yielded, ...] = ()
    measured: tuple[Measured, ...] = ()

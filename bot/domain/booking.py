"""What a booking is: its states, its priority, and the GPUs it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from bot.domain.job import JobOrder
from bot.domain.window import Window


class Priority(IntEnum):
    """How urgent work is; the lower the number, the more urgent."""

    #: Urgent: may evict preemptible work; only for people with the `urgent` role.
    P0 = 0
    #: Production: never evicted unless its owner marked it preemptible.
    P1 = 1
    #: Research, the default: preemptible.
    P2 = 2

    @property
    def preemptible_by_default(self) -> bool:
        """Whether a booking of this priority may be evicted unless its owner says otherwise."""
        return self is Priority.P2


class BookingState(StrEnum):
    """Where a booking is in its life: `reserved → active → ended`, or one of the other ends."""

    #: Promised and not yet started.
    RESERVED = "reserved"
    #: Its window has begun and it holds its GPUs.
    ACTIVE = "active"
    #: Over: its window passed, or its owner released it.
    ENDED = "ended"
    #: Taken back before it started.
    CANCELLED = "cancelled"
    #: Evicted by urgent work.
    PREEMPTED = "preempted"
    #: Nobody used it and it was released.
    NO_SHOW = "no_show"

    @property
    def is_live(self) -> bool:
        """Whether the booking still holds capacity."""
        return self in _LIVE


_LIVE = (BookingState.RESERVED, BookingState.ACTIVE)


@dataclass(frozen=True, slots=True)
class Shape:
    """Which GPUs are asked for: how many, and where they may lie.

    `node` and `model` narrow the choice (None: any). `spread` allows any mixture of nodes; without
    it, up to a node's size all lie on one node, and more takes whole nodes of one model.
    """

    gpus: int
    node: str | None = None
    model: str | None = None
    spread: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Share:
    """`gpus` GPUs of one node."""

    node: str
    gpus: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and when a request would lie; shares are in node order, one a node."""

    window: Window
    shares: tuple[Share, ...]

    @property
    def gpus(self) -> int:
        """GPUs over all nodes."""
        return sum(share.gpus for share in self.shares)


@dataclass(frozen=True, slots=True)
class Booking:
    """A promise of GPUs for a window."""

    id: int
    owner: str
    team: str
    window: Window
    shares: tuple[Share, ...]
    shape: Shape
    priority: Priority
    preemptible: bool
    purpose: str
    state: BookingState
    created_at: datetime
    #: Who made it: a person, or a pipeline (see bot.domain.actor.Actor.maker).
    created_by: str
    #: Counts changes; each change of the booking raises it by one.
    revision: int = 1
    #: Which GPUs of each node, settled when it becomes active; empty before.
    gpu_ids: tuple[tuple[str, tuple[int, ...]], ...] = ()
    #: Whether it is a queue run: short work in a gap.
    queued: bool = False
    #: The promised end, when `window` goes on with an overrun, which yields to others.
    overrun_from: datetime | None = None
    #: The last sign that somebody uses it.
    used_at: datetime | None = None
    #: When its owner was asked whether they still need it; None: not asked, or answered.
    asked_at: datetime | None = None
    #: What runs on it by itself; None: its owner starts what they like.
    job: JobOrder | None = None
    #: The booking whose work it goes on with: the first of the chain; None: it is new work.
    continues: int | None = None

    @property
    def gpus(self) -> int:
        """GPUs over all nodes."""
        return sum(share.gpus for share in self.shares)

    @property
    def first(self) -> int:
        """The booking whose work it goes on with; itself where there is none."""
        return self.id if self.continues is None else self.continues

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes it lies on, in order."""
        return tuple(share.node for share in self.shares)

    def is_running(self, now: datetime) -> bool:
        """Whether it holds its GPUs at `now`."""
        return self.state.is_live and now in self.window

    def is_upcoming(self, now: datetime) -> bool:
        """Whether it is promised and starts after `now`."""
        return self.state.is_live and now < self.window.start

    def is_over(self, now: datetime) -> bool:
        """Whether it holds nothing any more, by its state or because its window passed."""
        return not self.state.is_live or self.window.end <= now


_ID = re.compile(r"[#＃]?\s*[bB]?\s*[#＃]?(\d{1,9})")


def booking_label(booking_id: int) -> str:
    """The id as people say it: `B142`."""
    return f"B{booking_id}"


def parse_booking_id(text: str) -> int | None:
    """The booking id in `text`: `B142`, `b142`, `#142` or `142`; None when it is none of these."""
    match = _ID.fullmatch(text.strip())
    return int(match.group(1)) if match else None

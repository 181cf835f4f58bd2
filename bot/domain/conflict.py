"""That the GPUs asked for are taken: who holds them, and what fits instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.booking import Placement, Shape
from bot.domain.errors import N_, BookingError
from bot.domain.window import Window


@dataclass(frozen=True, slots=True)
class Blocker:
    """Who holds GPUs that a request wanted.

    `booking` is None for a drained node, and for GPUs that are held for `owner` until
    `held_until`: on offer to them, or theirs again if urgent work is called off.
    """

    node: str
    gpus: int
    window: Window
    booking: int | None = None
    owner: str | None = None
    team: str | None = None
    priority: int | None = None
    reason: str | None = None
    #: Whether that reason is gpubot's own, and so to be told in the reader's language.
    own_reason: bool = False
    held_until: datetime | None = None

    def reason_in(self, words: Callable[[str], str]) -> str | None:
        """As `Drain.reason_in`."""
        return words(self.reason) if self.own_reason and self.reason else self.reason


class AlternativeKind(StrEnum):
    """How an alternative differs from what was asked."""

    #: The same GPUs at the nearest later start.
    LATER = "later"
    #: The same GPUs at the nearest earlier start.
    EARLIER = "earlier"
    #: Another node of the same model at the asked time.
    NODE = "node"
    #: Fewer GPUs at the asked time.
    FEWER = "fewer"
    #: Another model at the asked time.
    MODEL = "model"
    #: The asked length in two bookings.
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Alternative:
    """A window that fits now; `parts` holds one placement, or two for a split booking."""

    kind: AlternativeKind
    shape: Shape
    parts: tuple[Placement, ...]


class Conflict(BookingError):
    """The GPUs are taken. Fields: `gpus`, `window`; plus blockers and alternatives as data."""

    code = "conflict"
    form_field = "start"
    template = N_("The GPUs asked for are not free then.")

    def __init__(
        self,
        *,
        shape: Shape,
        window: Window,
        blockers: tuple[Blocker, ...] = (),
        alternatives: tuple[Alternative, ...] = (),
    ) -> None:
        super().__init__(gpus=shape.gpus, start=window.start, end=window.end)
        self.shape = shape
        self.window = window
        self.blockers = blockers
        self.alternatives = alternatives

"""The waitlist: wishes for GPUs, their order, and the offers they get."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.booking import Placement, Priority, Shape, Share
from bot.domain.calendar import Calendar
from bot.domain.job import JobOrder
from bot.domain.placement import NO_HINTS, Hints, earliest, place
from bot.domain.window import GRACE, Window

#: After so many offers in a row without an answer an entry leaves the list (design: "Calm").
UNANSWERED_OFFERS = 2


class EntryKind(StrEnum):
    """What somebody waits for."""

    #: A window of whole slots between two instants.
    WINDOW = "window"
    #: A gap, right now, for work shorter than a slot.
    QUEUE = "queue"


class EntryState(StrEnum):
    """What became of a wish."""

    WAITING = "waiting"
    #: An offer holds GPUs for it.
    OFFERED = "offered"
    BOOKED = "booked"
    #: Taken off the list by its owner, or after two offers that nobody answered.
    LEFT = "left"
    #: Its time passed.
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class WaitlistEntry:
    """A wish for GPUs for `length` between `earliest` and `latest`."""

    id: int
    owner: str
    team: str
    kind: EntryKind
    shape: Shape
    length: timedelta
    #: The start is not before, and the end not after.
    earliest: datetime
    latest: datetime
    #: Nothing that starts earlier is offered: its owner did not want what was.
    not_before: datetime
    priority: Priority
    preemptible: bool
    #: For queue runs the command.
    purpose: str
    state: EntryState
    created_at: datetime
    #: Offers in a row that nobody answered.
    unanswered: int = 0
    #: What it led to.
    booking: int | None = None
    #: What runs on the booking that comes of it, and whose work that goes on with.
    job: JobOrder | None = None
    continues: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still waits, for GPUs or for an answer."""
        return self.state in (EntryState.WAITING, EntryState.OFFERED)

    @property
    def is_queued(self) -> bool:
        """Whether it waits for a gap for a queue run."""
        return self.kind is EntryKind.QUEUE

    def is_past(self, now: datetime) -> bool:
        """Whether no window that starts from `now` on could end in time."""
        return max(now, self.not_before) + self.length > self.latest + GRACE


class OfferState(StrEnum):
    """What became of an offer."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    #: Nobody answered in time.
    EXPIRED = "expired"
    #: The wish it was made for was changed or given up.
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Offer:
    """GPUs held for a waitlist entry until somebody answers, or `expires_at`."""

    id: int
    entry: int
    owner: str
    team: str
    window: Window
    shares: tuple[Share, ...]
    created_at: datetime
    expires_at: datetime
    state: OfferState
    booking: int | None = None
    answered_by: str | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be answered."""
        return self.state is OfferState.OPEN and now < self.expires_at

    @property
    def placement(self) -> Placement:
        """What it holds."""
        return Placement(self.window, self.shares)


def find_room(
    calendar: Calendar, entry: WaitlistEntry, *, now: datetime, hints: Hints = NO_HINTS
) -> Placement | None:
    """The first window that grants the wish; None when nothing fits between its two instants.

    A queue run fits only right now; it ends before anything that is booked begins.
    """
    if entry.is_queued:
        if now < entry.not_before:
            return None
        return place(calendar, entry.shape, Window(now, now + entry.length), hints)
    found = earliest(
        calendar,
        entry.shape,
        entry.length,
        not_before=max(entry.earliest, entry.not_before),
        latest_start=entry.latest - entry.length + GRACE,
        now=now,
        hints=hints,
    )
    return found if found is not None and found.window.end <= entry.latest else None


def answer_until(
    entry: WaitlistEntry, window: Window, now: datetime, offer_expires: timedelta
) -> datetime:
    """Until when an offer of `window` holds: `offer_expires`, or its start if that is sooner.

    What starts at once, or almost, holds the full time: its booking begins when it is accepted.
    A queue run then takes its whole length, so it has to begin while the gap has room for it.
    """
    if entry.is_queued:
        return min(now + offer_expires, window.end - entry.length)
    if window.start <= now + GRACE:
        return min(now + offer_expires, window.end - timedelta(seconds=1))
    return min(now + offer_expires, window.start)


def entry_label(entry_id: int) -> str:
    """The id of a waitlist entry as people say it: `W12`."""
    return f"W{entry_id}"


_ID = re.compile(r"[#＃]?\s*[wW]?\s*[#＃]?(\d{1,9})")


def parse_entry_id(text: str) -> int | None:
    """The entry's id in `text`: `W12`, `w12`, `#12` or `12`; None when it is none of these."""
    match = _ID.fullmatch(text.strip())
    return int(match.group(1)) if match else None

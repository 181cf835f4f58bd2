"""What the API answers: every member of every answer, so that the description is true.

Instants are ISO 8601 in UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, Field

from bot.domain.booking import BookingState
from bot.domain.conflict import AlternativeKind
from bot.domain.waitlist import EntryKind, EntryState, OfferState

Item = TypeVar("Item", bound=BaseModel)
#: [["gpu-01", 4], …]
Shares = Annotated[list[tuple[str, int]], Field(examples=[[["gpu-01", 4]]])]


class Page(BaseModel, Generic[Item]):
    """Some of the items, and how to get the next ones."""

    items: list[Item]
    #: Give it back as `cursor` for the next page; null: there is none.
    next: str | None = None


class Links(BaseModel):
    """Where it can be looked at."""

    page: str


class JobResult(BaseModel):
    """What runs on a booking by itself; of variables only the names are told."""

    #: In a few words.
    summary: str = Field(examples=["yolo-train (data=coco.yaml)"])
    #: Null: a job of its owner's own.
    template: str | None
    parameters: dict[str, str]
    workers: int | None
    image: str | None
    command: list[str]
    variables: list[str]


class BookingResult(BaseModel):
    """A booking."""

    id: str = Field(examples=["B142"])
    number: int
    owner: str
    owner_name: str
    team: str
    start: datetime
    end: datetime
    gpus: int
    shares: Shares
    priority: str = Field(examples=["P2"])
    preemptible: bool
    purpose: str
    state: BookingState
    #: Short work in a gap.
    queued: bool
    #: Which GPUs of each node; settled when it becomes active.
    gpu_ids: Annotated[list[tuple[str, list[int]]], Field(examples=[[["gpu-01", [0, 1, 2, 3]]]])]
    #: The promised end, where `end` includes an overrun.
    overrun_from: datetime | None
    job: JobResult | None
    #: The booking whose work it goes on with.
    continues: str | None
    created_at: datetime
    #: Whether you may change it.
    may_change: bool
    #: How what was asked for was read and rounded.
    notes: list[str] = []
    links: Links


class BlockerResult(BaseModel):
    """Who holds GPUs that were asked for."""

    node: str
    gpus: int
    start: datetime
    #: Null: until further notice.
    end: datetime | None
    booking: str | None
    owner: str | None
    owner_name: str | None
    team: str | None
    priority: str | None
    reason: str | None
    #: Held for its owner until then.
    held_until: datetime | None


class PartResult(BaseModel):
    """A window and the nodes in it."""

    start: datetime
    end: datetime
    nodes: Shares


class AlternativeResult(BaseModel):
    """Something near what was asked for that is free now."""

    kind: AlternativeKind
    gpus: int
    parts: list[PartResult]
    #: Bodies for `POST /bookings` that book it; two for a split one, which
    #: `POST /bookings/together` books.
    orders: list[dict[str, Any]]


class CheckResult(BaseModel):
    """Whether an order could be booked now."""

    fits: bool
    start: datetime
    end: datetime
    #: Where it would lie; null where it does not fit.
    shares: Shares | None
    notes: list[str]
    blockers: list[BlockerResult]
    alternatives: list[AlternativeResult]


class FreeResult(BaseModel):
    """A window that fits."""

    start: datetime
    end: datetime
    shares: Shares
    #: How long the GPUs stay free; null: longer than one can book.
    until: datetime | None


class DrainResult(BaseModel):
    """Why a node is out of service."""

    start: datetime
    #: Null: until it is resumed.
    end: datetime | None
    reason: str


class NodeResult(BaseModel):
    """A node as it is now."""

    name: str
    gpus: int
    model: str
    free_now: int
    drain: DrainResult | None


class WishResult(BaseModel):
    """A wish on the waitlist."""

    id: str = Field(examples=["W12"])
    number: int
    owner: str
    owner_name: str
    team: str
    kind: EntryKind
    gpus: int
    node: str | None
    model: str | None
    spread: bool
    length_s: int
    earliest: datetime
    latest: datetime
    priority: str
    preemptible: bool
    purpose: str
    job: JobResult | None
    state: EntryState
    created_at: datetime
    #: The booking it led to.
    booking: str | None
    may_change: bool
    notes: list[str] = []


class OfferResult(BaseModel):
    """GPUs held for a wish until somebody answers."""

    id: int
    wish: str
    owner: str
    owner_name: str
    team: str
    start: datetime
    end: datetime
    shares: Shares
    expires_at: datetime
    state: OfferState
    booking: str | None
    may_answer: bool


class NoticeResult(BaseModel):
    """Something that stands now for one of your bookings or wishes.

    `kind`: `warned` (its GPUs are reclaimed at `until`), `moved` (it gave way to urgent work and
    has another window), `still_needed` (nobody seems to use it; say by `until`), `offer` (held
    for you until `until`).
    """

    kind: str = Field(examples=["warned"])
    booking: str | None
    offer: int | None
    until: datetime | None
    reason: str | None
    #: Whose work it makes room for.
    by: str | None


class AuditResult(BaseModel):
    """One change; see `gpubot audit verify` for what the hashes prove."""

    seq: int
    at: datetime
    actor: str
    action: str
    booking: str | None
    node: str | None
    reason: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    hash: str


class TeamResult(BaseModel):
    """A team you are in."""

    name: str
    lead: bool
    color: str


class MeResult(BaseModel):
    """Who asks, and what they may."""

    user: str
    name: str
    zone: str
    language: str
    teams: list[TeamResult]
    admin: bool
    #: Whether they may book P0.
    urgent: bool
    scopes: list[str]
    #: The team that the token is bound to; null: none.
    team: str | None
    #: By what means they ask: `page`, or `token:7 nightly`.
    via: str


class ProblemResult(BaseModel):
    """An error (RFC 9457); `code` is stable, `detail` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str


class FreeAlreadyResult(ProblemResult):
    """There is no need to wait."""

    #: A body for `POST /bookings` that books what is free.
    orders: list[dict[str, Any]] = []


class ConflictResult(ProblemResult):
    """The GPUs are taken: by whom, and what is free instead."""

    blockers: list[BlockerResult] = []
    alternatives: list[AlternativeResult] = []
    #: How what was asked for was read and rounded.
    notes: list[str] = []
    #: For an extension: the longest one that is possible, in seconds; 0: none.
    longest_s: int | None = None

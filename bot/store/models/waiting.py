"""Who waits for GPUs, what is held for them, and what could not be had."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text
from sqlmodel import Field, SQLModel


class WaitlistEntry(SQLModel, table=True):
    """A wish for GPUs between two instants, or for a gap."""

    id: int | None = Field(default=None, primary_key=True)
    owner: str
    team: str
    #: "window" or "queue"
    kind: str
    gpus: int
    asked_node: str | None = None
    asked_model: str | None = None
    spread: bool = False
    length_s: int
    earliest_at: datetime
    latest_at: datetime
    #: latest_at less the length.
    last_start_at: datetime
    #: Nothing that starts earlier is offered.
    not_before: datetime
    priority: int
    preemptible: bool
    purpose: str = Field(default="", sa_type=Text)
    #: See bot.domain.waitlist.EntryState.
    state: str
    created_at: datetime
    unanswered: int = 0
    booking: int | None = None
    #: What runs on the booking that comes of it, and whose work that goes on with.
    job: str | None = Field(default=None, sa_type=Text)
    continues: int | None = None

    __table_args__ = (
        CheckConstraint("gpus > 0", name="entry_wants_gpus"),
        Index("entry_order", "state", "priority", "created_at"),
        Index("entry_owner", "owner", "state"),
    )


class Offer(SQLModel, table=True):
    """GPUs held for a waitlist entry until it is answered."""

    id: int | None = Field(default=None, primary_key=True)
    entry: int = Field(index=True)
    owner: str
    team: str
    start_at: datetime
    end_at: datetime
    shares: str = Field(sa_type=Text)
    created_at: datetime
    expires_at: datetime
    #: See bot.domain.waitlist.OfferState.
    state: str
    booking: int | None = None
    answered_by: str | None = None

    __table_args__ = (Index("offer_due", "state", "expires_at"),)


class Refusal(SQLModel, table=True):
    """A request that could not be granted because the GPUs were taken: demand nobody else sees."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime
    user: str
    team: str
    gpus: int
    #: The model asked for, by name or by its node; null: any.
    model: str | None = None
    node: str | None = None
    start_at: datetime
    end_at: datetime
    priority: int

    __table_args__ = (Index("refusal_at", "at"),)

"""What runs on bookings."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel


class Run(SQLModel, table=True):
    """What was started, or is to be started, for a booking."""

    id: int | None = Field(default=None, primary_key=True)
    #: Names everything that the runner makes for it; see bot.domain.run.run_key.
    key: str = Field(unique=True)
    booking: int = Field(index=True)
    number: int
    #: See bot.domain.run.RunState.
    state: str
    created_at: datetime
    note: str = Field(default="", sa_type=Text)
    is_trouble: bool = False
    exit_code: int | None = None
    submitted_at: datetime | None = None
    #: What it runs, as JSON; see Booking.job. The booking may have another job by now.
    job: str | None = Field(default=None, sa_type=Text)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    stop_asked_at: datetime | None = None
    warned_for: datetime | None = None
    warned_at: datetime | None = None
    checkpoint: str | None = Field(default=None, sa_type=Text)
    checkpoint_at: datetime | None = None
    saved_at: datetime | None = None
    answered_at: datetime | None = None
    missing_since: datetime | None = None
    log: str = Field(default="", sa_type=Text)
    #: Null: the reconciler still has something to do about it.
    settled_at: datetime | None = None

    __table_args__ = (Index("run_open", "settled_at"),)

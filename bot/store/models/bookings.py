"""Bookings, the capacity they take, and how they change hands."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, false, text
from sqlmodel import Field, SQLModel


class Booking(SQLModel, table=True):
    """A promise of GPUs; what it holds, and where, stands in its claims."""

    id: int | None = Field(default=None, primary_key=True)
    owner: str
    team: str
    start_at: datetime
    end_at: datetime
    #: GPUs held (or last held) over all nodes.
    gpus: int
    #: What was asked for: narrows a later move.
    asked_node: str | None = None
    asked_model: str | None = None
    spread: bool = False
    #: [["gpu-01", 4], …] in node order.
    shares: str = Field(sa_type=Text)
    priority: int
    preemptible: bool
    purpose: str = Field(default="", sa_type=Text)
    state: str
    created_at: datetime
    created_by: str
    revision: int = 1
    #: [["gpu-01", [0, 1]], …], settled when it becomes active; null before.
    gpu_ids: str | None = Field(default=None, sa_type=Text)
    #: Short work in a gap.
    queued: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    #: The promised end, where end_at lies after it.
    overrun_from: datetime | None = None
    #: The last sign that somebody uses it.
    used_at: datetime | None = None
    #: When its owner was asked whether they still need it; null: not asked, or answered.
    asked_at: datetime | None = None
    #: How often they were asked.
    asked: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    #: The start and the end of which its owner was reminded.
    reminded_start: datetime | None = None
    reminded_end: datetime | None = None
    #: What runs on it; see bot.domain.job_json. It may hold secrets, so it is shown nowhere whole.
    job: str | None = Field(default=None, sa_type=Text)
    #: The booking whose work it goes on with.
    continues: int | None = None

    __table_args__ = (
        CheckConstraint("end_at > start_at", name="booking_window"),
        CheckConstraint("gpus > 0", name="booking_has_gpus"),
        # Somebody's own: found, counted and put in order without a look at the rows.
        Index("booking_owner", "owner", "state", "end_at", "start_at"),
        Index("booking_team", "team", "end_at"),
        # What is due to begin or end.
        Index("booking_state_start", "state", "start_at"),
        Index("booking_state_end", "state", "end_at"),
        # Those that run and are about to be asked, or were asked, whether they are needed. The
        # statements must say `'active'` as it stands here: planners do not look into parameters.
        # `state` leads SQLite's planner past the indexes above.
        Index(
            "booking_silent",
            "state",
            "used_at",
            "start_at",
            sqlite_where=text("state = 'active' AND asked_at IS NULL"),
            postgresql_where=text("state = 'active' AND asked_at IS NULL"),
        ),
        Index(
            "booking_asked",
            "state",
            "asked_at",
            sqlite_where=text("state = 'active' AND asked_at IS NOT NULL"),
            postgresql_where=text("state = 'active' AND asked_at IS NOT NULL"),
        ),
    )


class Claim(SQLModel, table=True):
    """Capacity taken on one node: by a booking, a drain, an offer, or a preemption.

    Rows are only ever added and given up, never edited: a change of a booking gives up its old
    rows and adds new ones. `born` and `gone` are the node's revisions in which that happened, so a
    cache that knows the node at revision r catches up by reading what was born or gone after r.
    """

    id: int | None = Field(default=None, primary_key=True)
    node: str
    #: Epoch seconds, half-open.
    start_s: int = Field(sa_type=BigInteger)
    end_s: int = Field(sa_type=BigInteger)
    gpus: int
    #: "booking", "drain", "offer", or "hold": what a preemptee gets back if the preemptor gives up
    kind: str
    #: The id of the booking, drain, offer or preemption.
    holder: int
    born: int
    #: None: it still counts.
    gone: int | None = None

    __table_args__ = (
        CheckConstraint("end_s > start_s", name="claim_window"),
        CheckConstraint("gpus > 0", name="claim_has_gpus"),
        # For replicas that catch up with one another; where there are none it would be written in
        # vain.
        Index("claim_born", "node", "born").ddl_if(dialect="postgresql"),
        # Of the few that were given up, so that a new one is not in it.
        Index(
            "claim_gone",
            "node",
            "gone",
            sqlite_where=text("gone IS NOT NULL"),
            postgresql_where=text("gone IS NOT NULL"),
        ),
        Index("claim_holder", "kind", "holder"),
        Index(
            "claim_counting",
            "node",
            "end_s",
            "start_s",
            # With it the calendar is loaded from the index alone.
            "gpus",
            sqlite_where=text("gone IS NULL"),
            postgresql_where=text("gone IS NULL"),
        ),
    )


class Transfer(SQLModel, table=True):
    """An offer to hand a booking to somebody else."""

    id: int | None = Field(default=None, primary_key=True)
    booking: int = Field(index=True)
    giver: str
    receiver: str
    reason: str = Field(default="", sa_type=Text)
    created_at: datetime
    expires_at: datetime
    #: "open", "accepted", "declined", "withdrawn" or "expired"
    state: str = "open"

    __table_args__ = (Index("transfer_due", "state", "expires_at"),)


class Preemption(SQLModel, table=True):
    """A booking that gives way to urgent work."""

    id: int | None = Field(default=None, primary_key=True)
    preemptor: int = Field(index=True)
    preemptee: int = Field(index=True)
    reason: str = Field(sa_type=Text)
    created_at: datetime
    asked_start: datetime
    reclaim_at: datetime
    #: What the preemptee had.
    old_start: datetime
    old_end: datetime
    old_shares: str = Field(sa_type=Text)
    #: Where a booking that had not started went.
    new_start: datetime | None = None
    new_end: datetime | None = None
    nudged: bool = False
    extended: bool = False
    kept: bool = False
    again: int | None = None
    #: See bot.domain.preemption_notice.PreemptionState.
    state: str

    __table_args__ = (Index("preemption_due", "state", "reclaim_at"),)

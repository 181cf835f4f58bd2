"""How GPUs are, and how much they work."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel


class GpuAlert(SQLModel, table=True):
    """Something about GPUs that people are told of, from its beginning to its end."""

    id: int | None = Field(default=None, primary_key=True)
    #: What it is about, the same whoever noticed it: "gpu-01/3/temperature", "silent:gpu-02",
    #: "unbooked:gpu-01:U0BOB", "outage", "alertmanager:1bee20105924c1a2".
    key: str
    #: See bot.domain.gpu_health.Kind.
    kind: str
    severity: str
    node: str | None = None
    #: Indices on the node: [3].
    gpus: str = Field(default="[]", sa_type=Text)
    #: Of the reading that began it, or made it worse.
    value: float | None = None
    #: Whose booking has the GPU now; null: nobody's.
    booking: int | None = None
    #: Who works there without a booking, if known.
    user: str | None = None
    #: JSON of what else is told: Alertmanager's name, summary and labels; why there are no readings
    details: str = Field(default="{}", sa_type=Text)
    #: "pending" (not told yet), "open" or "resolved"
    state: str
    began_at: datetime
    #: When it was last seen to be so, while it is pending.
    seen_at: datetime
    resolved_at: datetime | None = None
    #: Who says that it is so: our queries, and Alertmanager; it is open while either does.
    queried: bool
    notified: bool
    #: When Alertmanager says that it began, and when it last said so.
    notified_start: datetime | None = None
    notified_at: datetime | None = None
    #: It is over, but the GPU goes on showing it, as with the number of the last XID error.
    lingers: bool = False
    #: Tells the versions of its message apart.
    revision: int = 1

    __table_args__ = (
        Index(
            "gpualert_going",
            "key",
            unique=True,
            sqlite_where=text("state != 'resolved'"),
            postgresql_where=text("state != 'resolved'"),
        ),
        Index("gpualert_key", "key", "id"),
        Index("gpualert_state", "state", "kind"),
    )


class GpuWatch(SQLModel, table=True):
    """How the GPUs of an active booking were seen last."""

    booking: int = Field(primary_key=True)
    #: When any of them last had a reading.
    at: datetime
    #: Since when all of them have been idle without a gap in the readings; null: they are not.
    idle_since: datetime | None = None


class GpuUse(SQLModel, table=True):
    """How much a booking's GPUs worked within an hour, as far as that was measured."""

    booking: int = Field(primary_key=True)
    #: When the hour begins.
    hour_at: datetime = Field(primary_key=True)
    #: GPU-seconds with a reading, and those of them with work.
    watched_s: int
    busy_s: int

    __table_args__ = (Index("gpuuse_hour", "hour_at"),)

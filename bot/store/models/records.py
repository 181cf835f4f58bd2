"""What gpubot keeps of its own work: the audit log, and what outlives a restart."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel


class Audit(SQLModel, table=True):
    """One record a change; each carries a hash over itself and the record before."""

    seq: int = Field(primary_key=True)
    at: datetime
    actor: str
    action: str
    booking: int | None = Field(default=None, index=True)
    node: str | None = None
    reason: str = Field(default="", sa_type=Text)
    #: JSON of what it was and what it became; null where there is none.
    before: str | None = Field(default=None, sa_type=Text)
    after: str | None = Field(default=None, sa_type=Text)
    previous_hash: str
    hash: str

    __table_args__ = (Index("audit_at", "at"),)


class Memory(SQLModel, table=True):
    """Small facts that outlive a restart, by name."""

    name: str = Field(primary_key=True)
    value: str


class Receipt(SQLModel, table=True):
    """What became of a request, so that its second arrival gets the same answer."""

    key: str = Field(primary_key=True)
    at: datetime
    #: JSON: what the service returned, by id.
    result: str = Field(sa_type=Text)

    # SQLite keeps the rows in the index of the key, and not a second time beside it.
    __table_args__ = {"sqlite_with_rowid": False}


class TickClaim(SQLModel, table=True):
    """Which process does a tick that need be done by one; see bot.services.tick_claims."""

    __tablename__ = "tick_claim"

    name: str = Field(primary_key=True)
    #: A process, by a name that it made up at its start.
    holder: str
    #: Real time until which no other process may take it.
    until: datetime

"""What is to be told in Slack, and where it stands."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel


class Outbox(SQLModel, table=True):
    """A message that is to reach Slack, written with the change it tells of."""

    id: int | None = Field(default=None, primary_key=True)
    #: Two rows can never say the same thing twice.
    dedupe_key: str = Field(unique=True)
    #: How it is rendered; see bot.slack.announcements.TOPICS.
    topic: str
    #: A channel or user id; messages to one recipient leave in order of id.
    recipient: str
    #: What it is about: "booking:142", "transfer:7", "drain:3".
    subject: str
    #: JSON with what the renderer needs beside the subject, such as the audit record's number.
    data: str = Field(default="{}", sa_type=Text)
    created_at: datetime
    #: "pending", "sent", "skipped" (no longer true when its turn came) or "failed" (Slack refused)
    state: str = "pending"
    attempts: int = 0
    #: Real (not simulated) time before which it is not tried again; None: at once.
    retry_at: datetime | None = None
    #: Instant by the bot's clock before which it is not sent, such as the end of quiet hours.
    held_until: datetime | None = None
    #: When it was sent, or refused for good, by the bot's clock.
    settled_at: datetime | None = None
    error: str | None = Field(default=None, sa_type=Text)

    __table_args__ = (
        # Each holds few of the rows, so that most are written to neither, or only for a while. As
        # with those of a booking, statements must say its condition as it stands here.
        Index(
            "outbox_pending",
            "recipient",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        # Every change makes a card, and who was told by one is nowhere asked.
        Index(
            "outbox_subject",
            "subject",
            "topic",
            sqlite_where=text("topic != 'card'"),
            postgresql_where=text("topic != 'card'"),
        ),
    )


class Called(SQLModel, table=True):
    """When Slack was last called about a recipient, by whichever process: it bounds how often."""

    recipient: str = Field(primary_key=True)
    #: Real time.
    at: datetime


class Posted(SQLModel, table=True):
    """Where a living message stands, so that it can be edited instead of posted again."""

    subject: str = Field(primary_key=True)
    recipient: str = Field(primary_key=True)
    channel: str
    ts: str
    #: Hash of what it showed last; an edit that would change nothing is not sent.
    digest: str

    # SQLite keeps the rows in the index of the key, and not a second time beside it.
    __table_args__ = {"sqlite_with_rowid": False}

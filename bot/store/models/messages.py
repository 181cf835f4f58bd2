"""What is to be told in Slack, and where it stands."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text
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
        Index("outbox_pending", "state", "recipient", "id"),
        Index("outbox_subject", "subject", "topic"),
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

"""People: their profiles, their tokens, and the directories that name them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel


class Person(SQLModel, table=True):
    """What gpubot remembers of somebody's Slack profile."""

    user: str = Field(primary_key=True)
    name: str
    zone_name: str
    locale: str
    email: str | None = None
    refreshed_at: datetime
    #: When they last opened the App Home; None: never.
    home_opened_at: datetime | None = None
    #: Their App Home shows something that has changed since.
    home_stale: bool = False

    # Whose App Home a change makes stale.
    __table_args__ = (
        Index(
            "person_home",
            "home_opened_at",
            sqlite_where=text("home_stale IS 0"),
            postgresql_where=text("home_stale IS false"),
        ),
    )


class Token(SQLModel, table=True):
    """A secret by which a program, or a calendar that subscribes, acts for somebody.

    Only the secret's hash is kept.
    """

    id: int | None = Field(default=None, primary_key=True)
    #: See bot.domain.access.TokenKind.
    kind: str
    #: What its owner calls it.
    name: str
    #: On whose behalf it acts.
    user: str
    #: The team it is bound to; null: whatever its owner may.
    team: str | None = None
    #: Names of bot.domain.access.Scope with spaces between.
    scopes: str
    #: What a feed shows: "person:U0ALICE", "team:vision", "node:gpu-01"; null for other kinds.
    target: str | None = None
    #: SHA-256 of the secret, in hexadecimal.
    hash: str = Field(unique=True)
    created_at: datetime
    #: Null: it does not expire.
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    #: When it was last used, to the hour.
    used_at: datetime | None = None

    __table_args__ = (Index("token_user", "user"),)


class DirectorySource(SQLModel, table=True):
    """A directory that people's teams are read from, and how reading it went."""

    __tablename__ = "directory_source"

    #: See bot.domain.membership.Source.
    source: str = Field(primary_key=True)
    #: JSON list of the groups that were read last.
    read_groups: str = Field(default="[]", sa_type=Text)
    #: When they were read whole last; null: never.
    read_at: datetime | None = None
    #: What keeps it from being read; null: nothing.
    problem: str | None = Field(default=None, sa_type=Text)
    #: Since when; the last time, where there is no problem now.
    problem_since: datetime | None = None
    #: How often it could not be read, each outage counted once.
    outages: int = 0


class DirectoryMember(SQLModel, table=True):
    """Somebody in a group, by one of their addresses."""

    __tablename__ = "directory_member"

    source: str = Field(primary_key=True)
    group_name: str = Field(primary_key=True)
    #: A distinguished name, or a Slack user id.
    member: str = Field(primary_key=True)
    #: An e-mail address in lower case; empty where `member` is a Slack user id.
    address: str = Field(primary_key=True)
    name: str


class DirectoryAddress(SQLModel, table=True):
    """Whose an e-mail address is in Slack."""

    __tablename__ = "directory_address"

    #: In lower case.
    address: str = Field(primary_key=True)
    #: Null: nobody's, as far as is known.
    user: str | None = None
    asked_at: datetime

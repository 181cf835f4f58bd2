"""Servers, and what takes them out of service."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Text
from sqlmodel import Field, SQLModel


class Node(SQLModel, table=True):
    """A server; rows follow the configuration at each start."""

    name: str = Field(primary_key=True)
    gpus: int
    model: str
    #: Place in the configuration, which is the order people know the nodes in.
    position: int
    #: Raised by every transaction that changes a claim of this node; tells a cache what it missed.
    revision: int = 0
    #: No longer in the configuration; kept for the history.
    retired: bool = False

    __table_args__ = (CheckConstraint("gpus > 0", name="node_has_gpus"),)


class Drain(SQLModel, table=True):
    """A node taken out of service; its claim holds all of the node's GPUs."""

    id: int | None = Field(default=None, primary_key=True)
    node: str
    start_at: datetime
    #: None: until resumed.
    end_at: datetime | None = None
    reason: str = Field(sa_type=Text)
    actor: str
    #: "draining" or "resumed"
    state: str = Field(index=True)

"""What a module for one kind of database offers."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError


class Kind(Protocol):
    """A kind of database: bot.store.sqlite, or bot.store.postgresql."""

    def create(self, url: URL, lock_wait_ms: int) -> Engine:
        """An engine whose "begin" event is the only thing that begins transactions."""

    def begin_writing(
        self, connection: Connection, wait_ms: int, *, exclusive: bool, patient: bool
    ) -> str:
        """The statement that begins a writing transaction."""

    def is_under_way(self, connection: Connection) -> bool:
        """Whether a commit would keep what has been written in the transaction."""

    def make_durable(self, connection: Connection) -> None:
        """Return when what `connection` has just committed outlives a crash."""

    def begin_reading(self, connection: Connection, wait_ms: int) -> str:
        """The statement that begins a snapshot."""

    def roll_back(self, connection: Connection) -> None:
        """Undo what was not committed, if there is something; nothing is raised."""

    def is_busy(self, error: DBAPIError) -> bool:
        """Whether a lock could not be had in time."""

    def is_lost(self, error: DBAPIError) -> bool:
        """Whether the server cannot be reached, or went away."""

    def is_full(self, error: DBAPIError) -> bool:
        """Whether there is no room left to write to."""

    def is_overbooked(self, error: DBAPIError) -> bool:
        """Whether a constraint that holds capacity has refused a commit."""

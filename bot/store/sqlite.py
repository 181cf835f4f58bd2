"""SQLite: one file, one writer at a time, for one process (design, 4)."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError

#: SQLite has one write lock, and its own waiting is a poll without fairness: fifty writers on it
#: starve one another. So they queue in the process.
WRITERS = 1


def create(url: URL, lock_wait_ms: int) -> Engine:
    """An engine whose connections begin transactions by SQLAlchemy's "begin" event alone."""
    engine = create_engine(
        url,
        connect_args={"timeout": lock_wait_ms / 1000, "check_same_thread": False},
        pool_size=20,
        max_overflow=20,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


def begin_writing(connection: Connection, wait_ms: int, *, exclusive: bool, patient: bool) -> str:
    """The statement that begins a writing transaction; every one of them is exclusive here."""
    del exclusive, patient
    _set_lock_wait(connection, wait_ms)
    return "BEGIN IMMEDIATE"


def make_durable(_connection: Connection, *, exclusive: bool) -> None:
    """Do nothing: with synchronous=FULL a commit has waited for the disk."""
    del exclusive


def begin_reading(connection: Connection, wait_ms: int) -> str:
    """The statement that begins a snapshot."""
    # A writer may have left this pooled connection with the little that was left to it.
    _set_lock_wait(connection, wait_ms)
    return "BEGIN"


def is_busy(error: DBAPIError) -> bool:
    """Whether a lock could not be had in time."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_lost(_error: DBAPIError) -> bool:
    """Whether the server cannot be reached: there is none."""
    return False


def is_overbooked(_error: DBAPIError) -> bool:
    """Whether a constraint that holds capacity has refused a commit: there is none here."""
    return False


def _set_lock_wait(connection: Connection, milliseconds: int) -> None:
    """Have the next BEGIN wait so long for another process, and no longer."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute(f"PRAGMA busy_timeout={milliseconds}").close()

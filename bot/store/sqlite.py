"""SQLite: one file, one writer at a time, for one process (design, 4).

A file that is moved away takes the open connections with it: what they write would be kept where
nobody looks for it, and a connection made anew would find, or make, another file. So every
transaction first looks whether the file is still the one that this process began with.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError, DisconnectionError

#: Temporary tables and the like go to memory: a booking needs them too, and where nothing but the
#: folder of the data can be written to SQLite would find no place for them.
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY")

#: Under what a connection keeps how long it waits, in milliseconds.
_LOCK_WAIT = "gpubot_lock_wait"

#: What SQLite says of a file that is away, or of a disk that fails.
_LOST = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)


def create(url: URL, lock_wait_ms: int) -> Engine:
    """An engine whose connections begin transactions by SQLAlchemy's "begin" event alone."""
    engine = create_engine(
        url,
        connect_args={"timeout": lock_wait_ms / 1000, "check_same_thread": False},
        pool_size=20,
        max_overflow=20,
        pool_timeout=lock_wait_ms / 1000,
        # What people wrote, and what jobs are told, is in no error and so in no log.
        hide_parameters=True,
        # The last one used has read most of what is read next.
        pool_use_lifo=True,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    if url.database and url.database != ":memory:" and not url.database.startswith("file:"):
        _hold_to_its_file(engine, Path(url.database).absolute())
    return engine


def _hold_to_its_file(engine: Engine, path: Path) -> None:
    """Have every connection be refused for as long as `path` is not the file that it was first."""
    first: list[tuple[int, int]] = []

    @event.listens_for(engine, "do_connect")
    def refuse(*_arguments: Any) -> None:
        if not first:
            _make_private(path)
        elif (found := _identity(path)) != first[0]:
            raise _gone(path, is_there=found is not None)

    @event.listens_for(engine, "connect")
    def remember(_connection: sqlite3.Connection, _record: Any) -> None:
        if not first and (found := _identity(path)) is not None:
            first.append(found)

    @event.listens_for(engine, "checkout")
    def look(_connection: sqlite3.Connection, _record: Any, _proxy: Any) -> None:
        if first and _identity(path) != first[0]:
            # The pool lets this connection go and makes another, which is refused above.
            raise DisconnectionError


def _make_private(path: Path) -> None:
    """Let a new file be for its owner alone: it holds what sessions of the page are signed with.

    SQLite gives the files beside it the same rights. Where it cannot be made, SQLite says why.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells the file from every other one; None: there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _gone(path: Path, *, is_there: bool) -> sqlite3.OperationalError:
    why = "is another file than at the start: start gpubot anew" if is_there else "is gone"
    error = sqlite3.OperationalError(f"{path} {why}")
    error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    return error


def begin_writing(connection: Connection, wait_ms: int, *, exclusive: bool, patient: bool) -> str:
    """The statement that begins a writing transaction; every one of them is exclusive here."""
    del exclusive, patient
    _set_lock_wait(connection, wait_ms)
    return "BEGIN IMMEDIATE"


def is_under_way(connection: Connection) -> bool:
    """Whether a commit would keep what has been written; after "disk full" SQLite rolls it back."""
    found: bool = connection.connection.driver_connection.in_transaction  # type: ignore[union-attr]
    return found


def make_durable(_connection: Connection) -> None:
    """Do nothing: with synchronous=FULL a commit has waited for the disk."""


def begin_reading(connection: Connection, wait_ms: int) -> str:
    """The statement that begins a snapshot."""
    # A writer may have left this pooled connection with the little that was left to it.
    _set_lock_wait(connection, wait_ms)
    return "BEGIN"


def roll_back(_connection: Connection) -> None:
    """Leave it to the driver."""


def is_busy(error: DBAPIError) -> bool:
    """Whether a lock could not be had in time."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_lost(error: DBAPIError) -> bool:
    """Whether the file cannot be reached: it is away, or another, or its disk fails."""
    return _code(error) in _LOST


def is_full(error: DBAPIError) -> bool:
    """Whether there is no room left to write to."""
    found = getattr(error.orig, "sqlite_errorcode", None)
    return _code(error) == sqlite3.SQLITE_FULL or found == sqlite3.SQLITE_IOERR_SHMSIZE


def is_overbooked(_error: DBAPIError) -> bool:
    """Whether a constraint that holds capacity has refused a commit: there is none here."""
    return False


def _code(error: DBAPIError) -> int | None:
    """The kind of the error, without its details."""
    found: int | None = getattr(error.orig, "sqlite_errorcode", None)
    return None if found is None else found & 0xFF


def _set_lock_wait(connection: Connection, milliseconds: int) -> None:
    """Have the next BEGIN wait so long for another process, to the next tenth of a second."""
    wait_ms = -(-milliseconds // 100) * 100
    if connection.info.get(_LOCK_WAIT) != wait_ms:
        connection.connection.cursor().execute(f"PRAGMA busy_timeout={wait_ms}").close()
        connection.info[_LOCK_WAIT] = wait_ms

"""The database, its two kinds of transaction, and the locking rules.

- `transaction()` is for writing. Lock what you make scarcer, never what you free; once, at the
  start; always before checking. On SQLite `BEGIN IMMEDIATE` takes the one write lock, so what is
  read afterwards stays true until the commit. (With the driver's own deferred transactions two
  writers both saw the last GPU free and both booked it.)
- `snapshot()` is for reading: everything read inside it is of one instant.

Within a process writers also queue on a mutex: SQLite's own waiting is a poll without fairness,
and fifty writers on it starve one another.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import OperationalError

from bot.domain.errors import N_, BookingError

log = logging.getLogger(__name__)

#: How long a writer waits for another process's lock. Slack gives up on an answer after 3 s.
LOCK_WAIT_MS = 1800

_WRITING = "gpubot_writing"


class Busy(BookingError):
    """Another writer kept the database too long; nothing was changed."""

    code = "busy"
    template = N_("I am very busy right now and changed nothing. Please try again in a moment.")


class Database:
    """One database, by its SQLAlchemy URL. Create once, pass it on, `close()` at the end.

    Raises ValueError for a kind of database that this version does not know.
    """

    def __init__(self, url: str) -> None:
        if make_url(url).get_backend_name() != "sqlite":
            raise ValueError(f"database {make_url(url)!r}: this version works with sqlite:/// URLs")
        self.engine = _sqlite_engine(url)
        self._writer = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A writing transaction: commits on success, rolls back on any exception.

        Raises Busy when the write lock cannot be had in time.
        """
        deadline = time.monotonic() + LOCK_WAIT_MS / 1000
        if not self._writer.acquire(timeout=LOCK_WAIT_MS / 1000):
            raise Busy
        try:
            with _busy_as_our_own(), self.engine.connect() as connection:
                left_ms = max(int((deadline - time.monotonic()) * 1000), 1)
                _set_lock_wait(connection, left_ms)
                connection.execution_options(**{_WRITING: True})
                with connection.begin():
                    yield connection
        finally:
            self._writer.release()
        self._tell_listeners()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read-only view of one instant."""
        with (
            _busy_as_our_own(),
            self.engine.connect() as connection,
            connection.begin() as transaction,
        ):
            # A writer may have left this pooled connection with the little that was left to it.
            _set_lock_wait(connection, LOCK_WAIT_MS)
            yield connection
            transaction.rollback()

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each committed writing transaction of this process."""
        self._listeners.append(listener)

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                log.exception("a listener failed after a commit")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": LOCK_WAIT_MS / 1000, "check_same_thread": False},
        pool_size=20,
        max_overflow=20,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        # SQLAlchemy's "begin" event below starts transactions; the driver must not.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _set_lock_wait(connection: Connection, milliseconds: int) -> None:
    """Have the next BEGIN wait so long for another process, and no longer."""
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        driver.execute(f"PRAGMA busy_timeout={milliseconds}").close()


@contextmanager
def _busy_as_our_own() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            log.warning("the database stayed locked for %s ms", LOCK_WAIT_MS)
            raise Busy from error
        raise

"""PostgreSQL: a server for many processes.

Writers take one lock of the database, an advisory lock that ends with their transaction. It has
to be one for all of them, not one a node: the records of the audit log form one chain, each with
a hash over the one before, and quotas, the waitlist and preemptions decide by what lies on every
node. It is taken before the first reading statement, and READ COMMITTED gives each statement a
view of its own, so what is read after it is what the writer before has committed. (REPEATABLE READ
would keep the view from before the wait.)

No disk is waited for with that lock: such a transaction commits with synchronous_commit off, which
gives the lock to the next writer, and then waits until the log is on disk (`make_durable`). Several
writers share that wait. Nothing is acknowledged before; what commits in the meantime lies behind it
in the log, so nobody's durable change rests on one that a crash has undone. For that moment readers
may see what a crash could still undo.

The tables hold that nobody is promised what somebody else has, by constraints of their own: see
the migration 0007_postgresql.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError

from bot.store import pending, told
from bot.store.prepared import Prepared

if TYPE_CHECKING:
    import psycopg

CONNECTIONS, MORE_CONNECTIONS = 10, 10

#: The writers' lock ("gpub" in ASCII).
WRITING = 0x67707562

#: No statement of a writer takes longer: others wait for it.
WRITE_STATEMENT_MS = 1900
#: A report may read years.
READ_STATEMENT_MS = 20_000
#: A process that hangs in a transaction loses it, and with it the lock.
IDLE_MS = 10_000
CONNECT_S = 2
#: So many statements are kept prepared on a connection; the bot has more than the driver expects.
PREPARED = 400

#: SQLSTATEs of what a lock, or another writer, has kept from happening.
_BUSY = frozenset({
    "55P03",  # lock_not_available: lock_timeout
    "57014",  # query_canceled: statement_timeout
    "40P01",  # deadlock_detected
    "40001",  # serialization_failure
    "53300",  # too_many_connections
})  # fmt: skip

#: SQLSTATE of disk_full.
_FULL = "53100"

#: SQLSTATEs of the constraints that hold capacity.
_OVERBOOKED = frozenset({"23P01", "GB001"})


def create(url: URL, lock_wait_ms: int) -> Engine:
    """An engine whose connections begin transactions by SQLAlchemy's "begin" event alone.

    Raises ValueError when the driver is not installed.
    """
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={"autocommit": True, "connect_timeout": CONNECT_S},
            pool_size=CONNECTIONS,
            max_overflow=MORE_CONNECTIONS,
            pool_timeout=lock_wait_ms / 1000,
            # What people wrote, and what jobs are told, is in no error and so in no log.
            hide_parameters=True,
            # The last one used knows most of the statements that come next.
            pool_use_lifo=True,
        )
    except ModuleNotFoundError as error:
        raise ValueError("PostgreSQL needs its driver: pip install 'gpubot[postgresql]'") from error

    @event.listens_for(engine, "connect")
    def configure(connection: psycopg.Connection, _record: Any) -> None:
        # One plan a statement. Of somebody's bookings a plan of their own looks cheaper to the
        # server, more so the more history there is; it finds the same index, and making it takes
        # longer than the answer.
        connection.execute(
            f"SET timezone = 'UTC'; SET statement_timeout = {READ_STATEMENT_MS};"
            f" SET lock_timeout = {lock_wait_ms}; SET plan_cache_mode = force_generic_plan"
        ).close()
        connection.prepared_max = PREPARED

    @event.listens_for(engine, "before_cursor_execute")
    def write_first(
        connection: Connection,
        _cursor: Any,
        _sql: str,
        _values: Any,
        context: Any,
        _many: bool,  # noqa: FBT001
    ) -> None:
        # A statement of SQLAlchemy's: it may look at what is still to be written.
        if context is not None:
            pending.write(connection)
            told.forget(connection)

    return engine


def begin_writing(_connection: Connection, wait_ms: int, *, exclusive: bool, patient: bool) -> str:
    """The statements that begin a writing transaction, in one message to the server."""
    statement_ms, idle_ms = (0, 0) if patient else (WRITE_STATEMENT_MS, IDLE_MS)
    begin = (
        "BEGIN ISOLATION LEVEL READ COMMITTED;"
        f" SET LOCAL lock_timeout = {wait_ms};"
        f" SET LOCAL idle_in_transaction_session_timeout = {idle_ms};"
    )
    if exclusive:
        # The limit on statements is for what is done with the lock, not for waiting for it.
        begin += f" SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({WRITING});"
        begin += " SET LOCAL synchronous_commit = off;"
    return f"{begin} SET LOCAL statement_timeout = {statement_ms}"


#: A transaction that writes to the log and nowhere else; its commit waits for the disk (or, where
#: that is set up, for a standby), and with it for everything before it in the log.
_TO_DISK = Prepared(text("SELECT pg_logical_emit_message(true, 'gpubot', '')"))


def is_under_way(connection: Connection) -> bool:
    """Whether a commit would keep what has been written; after a failed statement none does."""
    driver: psycopg.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return driver.info.transaction_status.name == "INTRANS"


def make_durable(connection: Connection) -> None:
    """Return when what `connection` has just committed outlives a crash."""
    _TO_DISK.run(connection)


def begin_reading(_connection: Connection, _wait_ms: int) -> str:
    """The statement that begins a snapshot."""
    return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def roll_back(connection: Connection) -> None:
    """Undo what was not committed, if there is something; nothing is raised.

    The driver's own rollback forgets the statements that it has prepared, in case that tables were
    made in the transaction: with it, they would be planned anew after each snapshot. Where
    a statement has failed, that is left to the driver: it may be one whose plan no longer fits.
    """
    if not (connection.closed or connection.invalidated):
        driver: psycopg.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        if driver.info.transaction_status.name == "INTRANS":
            with suppress(connection.dialect.loaded_dbapi.Error):
                driver.pgconn.exec_(b"ROLLBACK")


def is_busy(error: DBAPIError) -> bool:
    """Whether a lock could not be had in time."""
    return _sqlstate(error) in _BUSY


def is_lost(error: DBAPIError) -> bool:
    """Whether the server cannot be reached, or went away."""
    if error.connection_invalidated:
        return True
    state = _sqlstate(error)
    if state is None:
        return type(error.orig).__name__ == "OperationalError"
    # connection_exception, and what a server says that ends or starts.
    return state.startswith("08") or state in ("57P01", "57P02", "57P03", "25P03")


def is_full(error: DBAPIError) -> bool:
    """Whether there is no room left to write to."""
    return _sqlstate(error) == _FULL


def is_overbooked(error: DBAPIError) -> bool:
    """Whether a constraint that holds capacity has refused a commit."""
    return _sqlstate(error) in _OVERBOOKED


def _sqlstate(error: DBAPIError) -> str | None:
    found: str | None = getattr(error.orig, "sqlstate", None)
    return found

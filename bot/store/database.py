"""The database, its two kinds of transaction, and the locking rules.

- `transaction()` is for writing. Lock what you make scarcer, never what you free; once, at the
  start; always before checking. Both databases give one lock to one writer at a time (SQLite:
  `BEGIN IMMEDIATE`; PostgreSQL: see bot.store.postgresql), so what is read afterwards stays true
  until the commit. (With the driver's own deferred transactions two writers both saw the last GPU
  free and both booked it.)
- `transaction(exclusive=False)` is for writing what takes no capacity, leaves no audit record and
  is safe by the locks of its rows alone. On SQLite it is the same.
- `snapshot()` is for reading: everything read inside it is of one instant.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from bot.store import pending, postgresql, sqlite
from bot.store.ahead import Ahead
from bot.store.driver import run_sql
from bot.store.errors import Busy, Full, Uncertain, Unreachable
from bot.store.group import Group, forget_others
from bot.store.health import Health, Trouble
from bot.store.kind import Kind
from bot.store.line import Line
from bot.store.saved import is_saved, note_saved

log = logging.getLogger(__name__)

#: How long a writer waits for another's lock, and anybody for a server that is away. Slack gives
#: up on an answer after 3 s.
LOCK_WAIT_MS = 1800
#: The same for migrations and copies.
PATIENT_WAIT_MS = 60_000

#: How often a server that is away is tried again.
_AGAIN_S = 0.05
#: For so many seconds after somebody has waited for it in vain nobody else does: an answer to
#: Slack takes several transactions, and has no time to wait in each.
_GIVEN_UP_S = 1.0

_BEGIN = "gpubot_begin"
#: When its transaction was begun, in monotonic seconds.
_BEGAN = "gpubot_began"

#: What begins a transaction on a connection, with so many milliseconds to wait for locks.
Begin = Callable[[Connection, int], str]


_KINDS: dict[str, Kind] = {"sqlite": sqlite, "postgresql": postgresql}


class Database:
    """One database, by its SQLAlchemy URL. Create once, pass it on, `close()` at the end.

    Raises ValueError for a kind of database that this version does not know.
    """

    def __init__(self, url: str) -> None:
        made = make_url(url)
        self.backend = made.get_backend_name()
        if self.backend not in _KINDS:
            raise ValueError(
                f"database {made!r}: this version works with sqlite:/// and postgresql:// URLs"
            )
        self._kind = _KINDS[self.backend]
        self.engine = self._kind.create(made, LOCK_WAIT_MS)
        event.listen(self.engine, "begin", _begin)
        # Only one asks the database for its lock: who waits in the process goes on in that one's
        # transaction, and connections are left for readers. (SQLite's own waiting is a poll
        # without fairness: fifty writers on it starve one another.)
        self._writers: Line[Group] = Line(1)
        self._listeners: list[Callable[[], None]] = []
        self._before_waiting: Callable[[], None] = lambda: None
        self._health = Health()
        #: When it was last waited for in vain, in monotonic seconds.
        self._given_up_at = float("-inf")

    @property
    def is_of_one_process(self) -> bool:
        """Whether no second process is to work on it."""
        return self.backend == "sqlite"

    def problem(self) -> str | None:
        """Why nothing can be saved at present; None when all is well, as far as is known."""
        return self._health.problem()

    @contextmanager
    def transaction(
        self, *, exclusive: bool = True, patient: bool = False, ahead: Ahead | None = None
    ) -> Iterator[Connection]:
        """A writing transaction: commits on success, rolls back on any exception.

        `ahead` is what is asked first, for those in a hurry.
        `patient`: for the command line, where nobody waits for an answer: it waits longer for the
        lock, and its statements may take as long as they need.
        Raises Busy when the write lock cannot be had in time.
        """
        wait_ms = PATIENT_WAIT_MS if patient else LOCK_WAIT_MS
        deadline = time.monotonic() + wait_ms / 1000
        begin = partial(self._kind.begin_writing, exclusive=exclusive, patient=patient)
        with self._our_own_errors():
            if exclusive or self.is_of_one_process:
                with self._in_group(deadline, begin, ahead) as connection:
                    began = connection.info[_BEGAN]
                    yield connection
            else:
                with ExitStack() as stack:
                    connection = self._begun(stack, deadline, begin)
                    began = connection.info[_BEGAN]
                    yield connection
                    pending.write(connection)
                    self._check(connection)
                    self._commit(connection)
        if exclusive:
            note_saved()
        self._health.works(began=began, wrote=True)
        self._tell_listeners()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read-only view of one instant. Raises Busy when it cannot be had."""
        deadline = time.monotonic() + LOCK_WAIT_MS / 1000
        with self._our_own_errors(), ExitStack() as stack:
            connection = self._begun(stack, deadline, self._kind.begin_reading)
            began = connection.info[_BEGAN]
            yield connection
        self._health.works(began=began, wrote=False)

    def peek(self, statement: str) -> tuple[Any, ...] | None:
        """The first row of one reading statement, which needs no transaction around it.

        By the driver itself: that takes a third of the time of a snapshot. None when there is no
        row, or none could be had; a snapshot waits for a server that is away, and says so.
        """
        failure = self.engine.dialect.loaded_dbapi.Error
        with self._our_own_errors():
            try:
                connection = self.engine.raw_connection()
            except failure:
                return None
            with closing(connection):
                try:
                    cursor = connection.cursor()
                    cursor.execute(statement)
                    return cursor.fetchone()
                except failure as error:
                    connection.invalidate(error)
                    return None

    def wait_for_disk(self) -> None:
        """Return when whatever could be read before is on disk. Raises Busy, as a change does."""
        with self.transaction():
            pass

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each committed writing transaction of this process."""
        self._listeners.append(listener)

    def before_waiting(self, listener: Callable[[], None]) -> None:
        """Call `listener` in each writer that is about to wait for others, or for the disk."""
        self._before_waiting = listener

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                log.exception("a listener failed after a commit")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _in_group(self, deadline: float, begin: Begin, ahead: Ahead | None) -> Iterator[Connection]:
        """A transaction that may have begun for others, and may go on for others."""
        group = self._joined(deadline, begin, ahead)
        try:
            group.begin_part(ahead, self._writers.said())
            yield group.connection
            self._before_waiting()
            self._check(group.connection)
            group.keep_part()
        except BaseException as error:
            failure = group.undo_part(error)
            if failure is None and not self._is_under_way(group.connection):
                # It had no savepoint yet when the database refused what those before it had left,
                # or what it asked first: nothing is kept of anybody.
                failure = error
            if failure is None:
                self._go_on(group)
                # What it was refused for may be of this group, and is looked at next.
                group.wait_for_its_end()
            else:
                self._give_up(group, failure)
            raise
        self._go_on(group)
        group.wait()

    def _joined(self, deadline: float, begin: Begin, ahead: Ahead | None) -> Group:
        """A group in which it is the caller's turn to write."""
        turn = self._writers.acquire(LOCK_WAIT_MS / 1000, self._before_waiting, ahead)
        if turn is None:
            # Those in front wait for a server, or a file, that is away.
            raise Unreachable if self._health.is_away() else Busy
        if turn.handed is not None:
            return turn.handed
        try:
            with ExitStack() as stack:
                connection = self._begun(stack, deadline, begin)
                return Group(connection, stack.pop_all())
        except BaseException:
            self._writers.release()
            raise

    def _go_on(self, group: Group) -> None:
        """Let the next write, or commit what all have written."""
        if group.may_grow and self._writers.hand_on(group):
            return
        failure: BaseException | None = None
        try:
            try:
                self._write_all(group)
                self._check(group.connection)
                self._commit(group.connection)
            finally:
                # Where waiting for the disk is a step of its own, the next write meanwhile.
                self._writers.release()
            self._make_durable(group.connection)
        except BaseException as error:  # noqa: BLE001 - raised in everybody who waits for it
            failure = error
        finally:
            group.end(failure)

    def _write_all(self, group: Group) -> None:
        """Write what the members have left open."""
        try:
            pending.write(group.connection)
        except DBAPIError as error:
            if group.is_shared and not self._says_why(error):
                # It is nothing to most of them; on a second try each is with others.
                log.error("the database refused what several wrote together: %s", error.orig)
                raise Busy from error
            raise

    def _give_up(self, group: Group, failure: BaseException) -> None:
        """Roll back what all have written."""
        if not (isinstance(failure, DBAPIError) and self._says_why(failure)):
            # Why one of them failed is nothing to the others, of whom nothing was kept either.
            failure = Busy()
        try:
            group.end(failure)
        finally:
            self._writers.release()

    def _says_why(self, error: DBAPIError) -> bool:
        kind = self._kind
        return kind.is_busy(error) or kind.is_full(error) or kind.is_lost(error)

    def _begun(self, stack: ExitStack, deadline: float, begin: Begin) -> Connection:
        """A connection in a transaction that `stack` rolls back, unless it was committed.

        A server may have restarted since the pool got its connections, or may be doing so:
        nothing has happened yet, so it is tried again until the deadline.
        """
        # At once where only the pool did not know yet that the server has restarted.
        again_s = 0.0
        while True:
            left_ms = max(int((deadline - time.monotonic()) * 1000), 1)
            try:
                return self._begun_at_once(stack, begin, left_ms)
            except DBAPIError as error:
                if not self._kind.is_lost(error) or self._has_no_hope(deadline):
                    raise
            time.sleep(again_s)
            again_s = _AGAIN_S

    def _has_no_hope(self, deadline: float) -> bool:
        """Whether a server that is away is waited for no longer."""
        now = time.monotonic()
        if now >= deadline:
            self._given_up_at = now
        return now - self._given_up_at < _GIVEN_UP_S

    def _begun_at_once(self, stack: ExitStack, begin: Begin, wait_ms: int) -> Connection:
        now = time.monotonic()
        with ExitStack() as tried:
            connection = tried.enter_context(self.engine.connect())
            connection.info[_BEGAN] = now
            tried.callback(self._kind.roll_back, connection)
            connection.info[_BEGIN] = begin(connection, wait_ms)
            connection.begin()
            stack.push(tried.pop_all())
            return connection

    def _check(self, connection: Connection) -> None:
        """Raise RuntimeError when nothing would be kept.

        A statement has failed then, and whoever ran it went on: the commit would do nothing, and
        say so to nobody.
        """
        if not self._is_under_way(connection):
            raise RuntimeError("a statement failed in this transaction, and that was passed over")

    def _is_under_way(self, connection: Connection) -> bool:
        """Whether a commit would keep what has been written."""
        return not (connection.closed or connection.invalidated) and self._kind.is_under_way(
            connection
        )

    def _commit(self, connection: Connection) -> None:
        try:
            connection.commit()
        except BaseException as error:
            # A commit that failed may leave its transaction open, on a full disk for example;
            # the next to get this connection from the pool would be inside of it.
            connection.invalidate()
            if isinstance(error, DBAPIError) and self._kind.is_lost(error):
                log.warning("the database went away during a commit: %s", error.orig)
                self._health.failed(Trouble.AWAY, error.orig)
                raise Uncertain from error
            raise

    def _make_durable(self, connection: Connection) -> None:
        try:
            self._kind.make_durable(connection)
        except DBAPIError as error:
            connection.invalidate()
            log.warning("the database did not say that a commit is on disk: %s", error.orig)
            if self._kind.is_lost(error):
                self._health.failed(Trouble.AWAY, error.orig)
            raise Uncertain from error

    @contextmanager
    def _our_own_errors(self) -> Iterator[None]:
        """The driver's errors by the names of bot.store.errors, where it has one."""
        try:
            with self._named_errors():
                yield
        except Busy as error:
            if is_saved() and not isinstance(error, Uncertain):
                raise Uncertain from error
            raise

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except NoConnectionFree as error:
            log.warning("no connection to the database was free for %s ms", LOCK_WAIT_MS)
            raise Busy from error
        except DBAPIError as error:
            if self._kind.is_busy(error):
                self._health.failed(Trouble.LOCKED, error.orig)
                raise Busy from error
            if self._kind.is_full(error):
                self._health.failed(Trouble.FULL, error.orig)
                raise Full from error
            if self._kind.is_lost(error):
                self._health.failed(Trouble.AWAY, error.orig)
                raise Unreachable from error
            if self._kind.is_overbooked(error):
                log.error("the database refused to promise what is taken: %s", error.orig)
                raise Busy from error
            raise


def driver_says(error: BaseException) -> str:
    """What the driver said on one line, for operators; what `error` says where it said nothing."""
    cause = error.__cause__ if isinstance(error, Busy) and error.__cause__ else error
    return " ".join(str(getattr(cause, "orig", None) or cause).split())


def _begin(connection: Connection) -> None:
    # What a transaction left that was rolled back.
    pending.forget(connection)
    forget_others(connection)
    run_sql(connection, connection.info[_BEGIN])

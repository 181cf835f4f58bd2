"""Group commit: who came while another was writing goes on in its transaction.

What beginning and committing cost, above all the wait for the disk, is paid once for all of them.
They write one after the other, each behind a savepoint where it needs one, so that one that fails
undoes only its own; and none is told that something was done before the commit that keeps it, or
refused before the commit of what stands in its way. What they write later (bot.store.pending) is
written for all of them at the end, and kept of all of them or of none.

So whoever writes waits for those that write after it in the group: what is done in a transaction
has to be short, and must not wait for a lock that somebody holds around one.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import islice
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bot.domain.errors import BookingError
from bot.store import pending
from bot.store.ahead import Ahead, ask_ahead
from bot.store.driver import run_sql

#: So many share a transaction at most, and none joins one that is older: the first waits for the
#: last, and at PostgreSQL other processes wait for all of them.
MOST = 8
OLDEST_S = 0.05

#: Under what a connection keeps what a member has left to the one after it, and is leaving.
_LEFT, _LEAVING = "gpubot_left", "gpubot_leaving"
_FOLLOWS = "gpubot_follows"


class Group:
    """One transaction of several writers."""

    def __init__(self, connection: Connection, stack: ExitStack) -> None:
        """`stack` rolls the transaction back, unless it was committed, and lets go of it."""
        self.connection = connection
        self._stack = stack
        self._began = time.monotonic()
        self._members = self._kept = 0
        self._failure: BaseException | None = None
        #: Whoever waits passes through it, one after the other; an event would wake all of them at
        #: once, and each would then wait for the interpreter.
        self._over = threading.Lock()
        self._over.acquire()

    def begin_part(self, ahead: Ahead | None, waiting: Iterable[object]) -> None:
        """The next member begins. It need not release its savepoint: the commit does.

        `ahead` is what it asks first, `waiting` are those who come next.
        """
        self.connection.info[_FOLLOWS] = self._members > 0
        self._members += 1
        if self._members > 1:
            pending.promise_savepoint(self.connection, f"SAVEPOINT {self._part}")
        if ahead is not None:
            others = islice((one for one in waiting if isinstance(one, Ahead)), MOST - 1)
            ask_ahead(self.connection, ahead, others)

    @property
    def _part(self) -> str:
        """The name of the member's savepoint: going back to it must not go back further."""
        return f"gpubot_part_{self._members}"

    def keep_part(self) -> None:
        """What the member has written is to be committed."""
        self._kept += 1
        pending.keep(self.connection)
        self.connection.info[_LEFT] = self.connection.info.pop(_LEAVING, {})

    def undo_part(self, why: BaseException) -> BaseException | None:
        """Undo what the member has written, because of `why`.

        None: what others wrote before is still to be committed. Otherwise nothing is left that
        could be, and this says why.
        """
        if not self._kept:
            return why
        try:
            self.connection.info.pop(_LEAVING, None)
            if pending.undo(self.connection):
                run_sql(self.connection, f"ROLLBACK TO SAVEPOINT {self._part}")
        except BaseException as error:  # noqa: BLE001 - others wait to know how it ended
            # The connection is lost, or the database has rolled everything back by itself.
            return why if isinstance(why, DBAPIError) else error
        return None

    @property
    def is_shared(self) -> bool:
        """Whether it holds what several have written."""
        return self._kept > 1

    @property
    def may_grow(self) -> bool:
        """Whether another may join."""
        return self._members < MOST and time.monotonic() - self._began < OLDEST_S

    def end(self, failure: BaseException | None) -> None:
        """Let go of the connection, and let everybody know how it ended."""
        self._failure = failure
        try:
            self._stack.close()
        finally:
            self._over.release()

    def wait_for_its_end(self) -> None:
        """Return when it is over, however it ended."""
        with self._over:
            pass

    def wait(self) -> None:
        """Return when it is committed and durable; raise why it is not."""
        self.wait_for_its_end()
        if self._failure is not None:
            raise _of_ones_own(self._failure)


def _of_ones_own(failure: BaseException) -> BaseException:
    """The same failure for another thread: an exception keeps the lines it was raised through."""
    if isinstance(failure, BookingError):
        own = type(failure)()
        own.fields = failure.fields
        return own
    return copy.copy(failure) if isinstance(failure, DBAPIError) else failure


def leave_to_others(connection: Connection, name: object, what: object) -> None:
    """Leave something to the member of the group that writes next."""
    connection.info.setdefault(_LEAVING, {})[name] = what


def left_by_others(connection: Connection, name: object) -> Any:
    """What the member that wrote before has left by that name; None: nothing."""
    return connection.info.get(_LEFT, {}).get(name)


def follows_others(connection: Connection) -> bool:
    """Whether the transaction may hold what others have written and is not committed yet."""
    return bool(connection.info.get(_FOLLOWS))


def forget_others(connection: Connection) -> None:
    """A transaction begins."""
    for name in (_LEFT, _LEAVING, _FOLLOWS):
        connection.info.pop(name, None)

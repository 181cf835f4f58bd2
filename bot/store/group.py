"""Group commit: who came while another was writing goes on in its transaction.

What beginning and committing cost, above all the wait for the disk, is paid once for all of them.
They write one after the other, each behind a savepoint, so that one that fails undoes only its
own; and none is told that something was done before the commit that keeps it, or refused before
the commit of what stands in its way.

So whoever writes waits for those that write after it in the group: what is done in a transaction
has to be short, and must not wait for a lock that somebody holds around one.
"""

from __future__ import annotations

import copy
import threading
import time
from contextlib import ExitStack
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bot.domain.errors import BookingError
from bot.store.prepared import forget_pending, run_plain

#: So many share a transaction at most, and none joins one that is older: the first waits for the
#: last, and at PostgreSQL other processes wait for all of them.
MOST = 8
OLDEST_S = 0.05

#: Under what a connection keeps what members leave for those after them.
_LEFT = "gpubot_left"
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
        self._over = threading.Event()

    def begin_part(self) -> None:
        """The next member begins. It need not release its savepoint: the commit does."""
        self.connection.info[_FOLLOWS] = self._members > 0
        self._members += 1
        if self._members > 1:
            run_plain(self.connection, f"SAVEPOINT {self._part}")

    @property
    def _part(self) -> str:
        """The name of the member's savepoint: going back to it must not go back further."""
        return f"gpubot_part_{self._members}"

    def keep_part(self) -> None:
        """What the member has written is to be committed."""
        self._kept += 1

    def undo_part(self, why: BaseException) -> BaseException | None:
        """Undo what the member has written, because of `why`.

        None: what others wrote before is still to be committed. Otherwise nothing is left that
        could be, and this says why.
        """
        if not self._kept:
            return why
        try:
            forget_pending(self.connection)
            run_plain(self.connection, f"ROLLBACK TO SAVEPOINT {self._part}")
        except BaseException as error:  # noqa: BLE001 - others wait to know how it ended
            # The connection is lost, or the database has rolled everything back by itself.
            return why if isinstance(why, DBAPIError) else error
        return None

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
            self._over.set()

    def wait_for_its_end(self) -> None:
        """Return when it is over, however it ended."""
        self._over.wait()

    def wait(self) -> None:
        """Return when it is committed and durable; raise why it is not."""
        self._over.wait()
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
    """Leave something to the members of the group who come after; it goes with the transaction."""
    connection.info.setdefault(_LEFT, {})[name] = what


def left_by_others(connection: Connection, name: object) -> Any:
    """What a member who came before has left by that name; None: nothing."""
    return connection.info.get(_LEFT, {}).get(name)


def follows_others(connection: Connection) -> bool:
    """Whether the transaction may hold what others have written and is not committed yet."""
    return bool(connection.info.get(_FOLLOWS))


def forget_others(connection: Connection) -> None:
    """A transaction begins."""
    connection.info.pop(_LEFT, None)
    connection.info.pop(_FOLLOWS, None)

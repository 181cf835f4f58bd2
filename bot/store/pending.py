"""What is written later: on PostgreSQL one message takes it, of all writers of a group.

Rows go as JSON, so that the statement stays the same however many there are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import Dialect

from bot.store import told
from bot.store.driver import numbered, run_sql

if TYPE_CHECKING:
    from bot.store.prepared import Prepared

#: Under what a connection keeps what is to be written; and the savepoint that whoever writes now
#: needs, with how much of it is of those before.
_PENDING, _SAVEPOINT = "gpubot_pending", "gpubot_savepoint"


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that is to run."""

    statement: Prepared
    values: Mapping[str, Any]
    #: The row that it writes, as JSON, where it can write several as one.
    row: str | None
    #: What it writes; of two of the same the later one counts. None: a new row.
    what: object = None

    @property
    def new(self) -> Mapping[str, Any] | None:
        """The new row, if it is one."""
        return self.values if self.what is None else None


def add(connection: Connection, write: Write) -> None:
    """Run it before anything else looks or is committed."""
    table = write.statement.table
    if table is None:
        told.forget(connection)
    else:
        told.row_written(connection, table, write.new)
    connection.info.setdefault(_PENDING, []).append(write)


def as_row(values: Mapping[str, Any]) -> str:
    """A row as JSON. Raises ValueError for text that the database would not take.

    By then it would be in one message with what others write.
    """
    row = _JSON.encode(values)
    row.encode()
    texts = (value for value in values.values() if isinstance(value, str))
    if _NUL in row and any("\0" in text for text in texts):
        raise ValueError("text with a NUL character in it cannot be saved")
    return row


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be written later")


_JSON = json.JSONEncoder(ensure_ascii=False, default=_plain)
_NUL = json.dumps("\0")[1:-1]


def is_changed(connection: Connection, question: Prepared, asked: Mapping[str, Any]) -> bool:
    """Whether what is to be written may change the answer to that question."""
    pending: Sequence[Write] = connection.info.get(_PENDING, ())
    if (rests_on := question.rests_on) is None:
        return bool(pending)
    for one in pending:
        table = one.statement.table
        if table is None or rests_on.is_changed_by(asked, table, one.new):
            return True
    return False


def promise_savepoint(connection: Connection, sql: str) -> None:
    """Another writer begins: `sql` makes its savepoint, which it may turn out not to need."""
    if connection.dialect.name == "sqlite":  # To which it is no way.
        run_sql(connection, sql)
    else:
        connection.info[_SAVEPOINT] = len(connection.info.get(_PENDING, ())), sql


def keep(connection: Connection) -> None:
    """The writer has done without a failure."""
    connection.info.pop(_SAVEPOINT, None)


def undo(connection: Connection) -> bool:
    """Forget what the writer wanted to write. Whether there is a savepoint to go back to."""
    before = connection.info.pop(_SAVEPOINT, None)
    if before is None:
        forget(connection)
        return True
    del connection.info.get(_PENDING, [])[before[0] :]
    return False


def write(connection: Connection) -> None:
    """Write what is to be written: something is going to be read, written or committed."""
    make_savepoint(connection)
    _write(connection, connection.info.pop(_PENDING, []))


def make_savepoint(connection: Connection) -> None:
    """Make the savepoint that was promised: something is run that may fail, or has to be undone."""
    if (promised := connection.info.pop(_SAVEPOINT, None)) is not None:
        mark, savepoint = promised
        pending: list[Write] = connection.info.get(_PENDING, [])
        before, pending[:mark] = pending[:mark], []
        _write(connection, before)
        run_sql(connection, savepoint)


def write_before(connection: Connection) -> None:
    """Write what those before have left; the writer has written nothing yet."""
    # Until it is written there is nothing to go back to.
    promised = connection.info.pop(_SAVEPOINT, None)
    _write(connection, connection.info.pop(_PENDING, []))
    if promised is not None:
        connection.info[_SAVEPOINT] = 0, promised[1]


def forget(connection: Connection) -> None:
    """Write nothing of it: the transaction was rolled back."""
    connection.info.pop(_PENDING, None)
    connection.info.pop(_SAVEPOINT, None)
    told.forget(connection)


def _write(connection: Connection, writes: Iterable[Write]) -> None:
    for part in _parts(writes):
        sql = _as_one(connection.dialect, tuple(some[0].statement for some in part))
        values: dict[str, Any] = {}
        for number, some in enumerate(part):
            values |= _values(connection.dialect, some, f"{number}_")
        run_sql(connection, sql, values)


def _parts(writes: Iterable[Write]) -> Iterator[list[list[Write]]]:
    """What may run as one message: no statement twice, but several rows of one."""
    by_statement: dict[Prepared, dict[object, Write]] = {}
    for one in writes:
        what = id(one) if one.what is None else one.what
        by_statement.setdefault(one.statement, {})[what] = one
    left = [list(some.values()) for some in by_statement.values()]
    while left:
        yield [some if some[0].row is not None else some[:1] for some in left]
        left = [some[1:] for some in left if some[0].row is None and some[1:]]


def _values(dialect: Dialect, some: list[Write], prefix: str) -> Mapping[str, Any]:
    if some[0].row is not None:
        return {f"{prefix}rows": f"[{','.join(one.row or '' for one in some)}]"}
    (one,) = some
    return one.statement.compiled(dialect).named(one.values, prefix)


@lru_cache(maxsize=256)
def _as_one(dialect: Dialect, statements: tuple[Prepared, ...]) -> str:
    """SQL that runs all of them; PostgreSQL runs what WITH names, even if it is not asked for."""
    parts = (
        f"_{number} AS ({numbered(one.of_rows(dialect) or one.compiled(dialect).sql, number)})"
        for number, one in enumerate(statements)
    )
    return f"WITH {', '.join(parts)} SELECT"

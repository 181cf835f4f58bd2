"""SQL run by the driver itself, which spares what SQLAlchemy does around it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

_PARAMETER = re.compile(r"%\(")


def run_sql(
    connection: Connection, sql: str, *parameters: Mapping[str, Any] | Sequence[Any]
) -> DBAPICursor:
    """Run SQL with values as the driver takes them. Raises DBAPIError, as SQLAlchemy does.

    On PostgreSQL it may be several statements, if there are no values.
    """
    cursor = connection.connection.cursor()
    # Whoever watches statements sees these too.
    for look in connection.dispatch.before_cursor_execute:
        look(connection, cursor, sql, *(parameters or ((),)), None, False)  # noqa: FBT003
    try:
        cursor.execute(sql, *parameters)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _translated(connection, cursor, sql, error) from error
    return cursor


def numbered(sql: str, number: int) -> str:
    """SQL as the part `number` of a longer one: it stands before the name of each parameter."""
    return _PARAMETER.sub(rf"%({number}_", sql)


def _translated(
    connection: Connection, cursor: DBAPICursor, sql: str, error: Exception
) -> DBAPIError:
    """The driver's error as SQLAlchemy's, without values: those may be secret."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(error, connection.connection, cursor)  # type: ignore[arg-type]
    if is_lost:
        # As SQLAlchemy does it: whatever else the pool has from that time is lost as well, and
        # nobody needs to try one after the other.
        connection.engine.pool._invalidate(connection.connection, error)  # noqa: SLF001
        connection.invalidate(error)
    translated = DBAPIError.instance(
        sql, None, error, dialect.loaded_dbapi.Error, connection_invalidated=is_lost,
        dialect=dialect,
    )  # fmt: skip
    assert isinstance(translated, DBAPIError)
    return translated

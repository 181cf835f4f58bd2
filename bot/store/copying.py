"""Copying everything from one database into an empty one: `gpubot db copy`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, func, insert, select, text
from sqlalchemy.engine import make_url
from sqlmodel import SQLModel

from bot.store.database import Database
from bot.store.migrate import newest_revision, revision, upgrade

#: How many rows are read and written at once.
AT_ONCE = 1000


class CannotCopy(Exception):
    """Nothing was copied; the message says why."""


def copy_database(source_url: str, target_url: str) -> dict[str, int]:
    """Copy every row into the database at `target_url`; return how many, by table.

    The target gets its tables first, and must have no rows; it is left as it was when anything
    goes wrong. What was written is read again and compared with the source, row by row.
    Raises CannotCopy, and Busy when a database cannot be had.
    """
    _check_is_there(source_url)
    with closing(Database(source_url)) as source, source.snapshot() as reading:
        if revision(reading) != newest_revision():
            raise CannotCopy(
                f"the source is at revision {revision(reading)} and not {newest_revision()}:"
                " run `gpubot migrate` on it first"
            )
        upgrade(target_url)
        with (
            closing(Database(target_url)) as target,
            target.transaction(patient=True) as writing,
        ):
            return _copy(reading, writing)


def _check_is_there(source_url: str) -> None:
    """Raise CannotCopy for a file that is not there: opening it would make an empty one."""
    url = make_url(source_url)
    is_file = url.get_backend_name() == "sqlite"
    if is_file and not Path(url.database or "").is_file():
        raise CannotCopy(f"there is no file {url.database}")


def _copy(reading: Connection, writing: Connection) -> dict[str, int]:
    tables = _tables()
    if filled := [table.name for table in tables if _count(writing, table)]:
        raise CannotCopy(f"the target is not empty: it has rows in {', '.join(filled)}")
    on_postgresql = writing.dialect.name == "postgresql"
    if on_postgresql:
        # It looks at what a transaction adds to what was promised. The source's promises are kept
        # as they are, also those on a node that has shrunk since.
        writing.execute(text("ALTER TABLE claim DISABLE TRIGGER claim_fits"))
    for table in tables:
        for rows in _in_parts(_rows(reading, table)):
            writing.execute(insert(table), [row._asdict() for row in rows])
        _compare(reading, writing, table)
    if on_postgresql:
        for table in tables:
            _continue_numbering(writing, table)
        # What is checked at the commit has to be checked before a table can be altered.
        writing.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        writing.execute(text("ALTER TABLE claim ENABLE TRIGGER claim_fits"))
    return {table.name: _count(writing, table) for table in tables}


def _tables() -> Sequence[Table]:
    return SQLModel.metadata.sorted_tables


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _rows(connection: Connection, table: Table) -> Iterator[Row[Any]]:
    """All rows, in an order that is the same in every database."""
    statement = select(table)
    for column in table.primary_key:
        is_text = column.type.python_type is str
        collation = "C" if connection.dialect.name == "postgresql" else "BINARY"
        statement = statement.order_by(column.collate(collation) if is_text else column)
    with connection.execute(statement.execution_options(yield_per=AT_ONCE)) as rows:
        yield from rows


def _in_parts(rows: Iterator[Row[Any]]) -> Iterator[list[Row[Any]]]:
    while part := list(islice(rows, AT_ONCE)):
        yield part


def _compare(reading: Connection, writing: Connection, table: Table) -> None:
    for number, pair in enumerate(
        zip_longest(_rows(reading, table), _rows(writing, table)), start=1
    ):
        wanted, found = pair
        if wanted is None or found is None or tuple(wanted) != tuple(found):
            raise CannotCopy(f"row {number} of {table.name} does not read as it was written")


def _continue_numbering(connection: Connection, table: Table) -> None:
    """Have new rows get numbers that follow those that were copied."""
    for column in table.primary_key:
        names = {"name": f'"{table.name}"', "column": column.name}
        sequence = text("SELECT pg_get_serial_sequence(:name, :column)")
        if (found := connection.execute(sequence, names).scalar_one()) is not None:
            last = connection.execute(select(func.max(column))).scalar_one()
            connection.execute(
                text("SELECT setval(:sequence, :last, :used)"),
                {"sequence": found, "last": last or 1, "used": last is not None},
            )

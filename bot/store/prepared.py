"""Statements of the hot path, compiled once and run by the driver itself.

Everything else is run by SQLAlchemy, which takes ten times as long as SQLite does to insert a row.
A booking runs a dozen statements while others wait for the lock, so those come through here.
Values are written as SQLAlchemy's types write them; rows are as the driver gives them, so for
anything but text and numbers there is `Reading`, which reads them as SQLAlchemy's types do.

What nothing is expected back from can be written `later`: PostgreSQL then gets several such
statements as one, by the next look at the database or the commit, and is waited for once. What is
going to be asked can be asked ahead, as one statement too, with the numbers of rows to come.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import ClauseElement, Column, Connection, Select, insert, text
from sqlalchemy.engine.interfaces import DBAPICursor, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlmodel import SQLModel

from bot.store.tables import in_sql, table_of

T = TypeVar("T")

_NOTHING: Mapping[str, Any] = {}
#: Under what a connection keeps what it is to run later.
_PENDING = "gpubot_pending"
#: Under what it keeps what it was told ahead, and the numbers of rows that are to come.
_TOLD, _DRAWN = "gpubot_told", "gpubot_drawn"
_PARAMETER = re.compile(r"%\(")


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement as one kind of database takes it."""

    sql: str
    #: The names of its values, in the order of their places where they have places; and what
    #: stands for those that are not given.
    usual: Sequence[tuple[str, Any]]
    #: How the values that are not written as they are get written, by place in `usual`.
    writers: Sequence[tuple[int, Callable[[Any], Any]]]
    #: Whether values go by name.
    by_name: bool

    def written(self, values: Mapping[str, Any]) -> list[Any]:
        """`values` as they are written, in the order of `usual`."""
        found = [values.get(name, usual) for name, usual in self.usual]
        for place, write in self.writers:
            if (value := found[place]) is not None:
                found[place] = write(value)
        return found

    def named(self, values: Mapping[str, Any], prefix: str = "") -> Mapping[str, Any]:
        """`values` as they are written, by name, with `prefix` before each name."""
        written = self.written(values)
        return {
            f"{prefix}{name}": value for (name, _), value in zip(self.usual, written, strict=True)
        }

    def parameters(self, values: Mapping[str, Any]) -> Mapping[str, Any] | Sequence[Any]:
        """`values` as the driver takes them."""
        return self.named(values) if self.by_name else self.written(values)


class Prepared:
    """A statement that is given its values when it runs."""

    def __init__(
        self, statement: ClauseElement, ending: str = "", usual: Mapping[str, Any] = _NOTHING
    ) -> None:
        """`ending` is SQL that follows it, which both kinds of database understand.

        `usual` are values that it has unless it is given others.
        """
        self._statement = statement
        self._ending = ending
        self._usual = usual
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, values: Mapping[str, Any] = _NOTHING) -> DBAPICursor:
        """Run it; return the driver's cursor. Raises DBAPIError, as SQLAlchemy does."""
        write_pending(connection)
        compiled = self.compiled(connection.dialect)
        return _run(connection, compiled.sql, compiled.parameters(values))

    def later(self, connection: Connection, values: Mapping[str, Any] = _NOTHING) -> None:
        """Run it before anything else looks or is committed, by what time is left open.

        Two different statements that run this way must not change the same row.
        """
        if connection.dialect.name == "sqlite":  # To which it is no way.
            self.run(connection, values)
        else:
            connection.info.pop(_TOLD, None)
            connection.info.setdefault(_PENDING, []).append((self, values))

    def rows(
        self, connection: Connection, values: Mapping[str, Any] = _NOTHING
    ) -> Sequence[tuple[Any, ...]]:
        """Run it, unless it was asked ahead; return what it found, as the driver's own tuples."""
        if told := connection.info.get(_TOLD):
            asked = self, tuple(self.compiled(connection.dialect).written(values))
            if asked in told:
                ahead: Sequence[tuple[Any, ...]] = told[asked]
                return ahead
        found: Sequence[tuple[Any, ...]] = self.run(connection, values).fetchall()
        return found

    def compiled(self, dialect: Dialect) -> _Compiled:
        """The statement for that kind of database."""
        return self._compiled.get(dialect.name) or self._compile(dialect)

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled = self._statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        usual = {**compiled.params, **self._usual}
        places = compiled.positiontup
        order = list(usual) if places is None else places
        binds = ((place, compiled.binds.get(name)) for place, name in enumerate(order))
        # Several rows say the same instant; what is written for a value is always the same.
        writers = tuple(
            (place, lru_cache(maxsize=64)(write))
            for place, bind in binds
            if bind is not None
            and (write := bind.type.dialect_impl(dialect).bind_processor(dialect))
        )
        made = _Compiled(
            f"{compiled}{self._ending}",
            tuple((name, usual[name]) for name in order),
            writers,
            by_name=places is None,
        )
        self._compiled[dialect.name] = made
        return made


#: A statement and its values.
Question = tuple[Prepared, Mapping[str, Any]]


class Reading(Prepared, Generic[T]):
    """A SELECT whose rows are made into values, such as the domain's, which are frozen.

    It remembers what it has made: most rows are read many times before they change.
    """

    def __init__(
        self, statement: Select[Any], make: Callable[[Any], T], *, remembered: int = 1024
    ) -> None:
        """`make` is given a row by the names of its columns, and returns a value.

        `remembered` is how many rows it remembers; 0: none, for what is not frozen.
        """
        super().__init__(statement)
        self._columns = tuple(statement.selected_columns)
        self._make = make
        self._remembered = remembered
        self._makers: dict[str, Callable[[tuple[Any, ...]], T]] = {}

    def found(self, connection: Connection, values: Mapping[str, Any] = _NOTHING) -> list[T]:
        """Run it; return what it found."""
        dialect = connection.dialect
        make = self._makers.get(dialect.name) or self._maker(dialect)
        return [make(row) for row in self.rows(connection, values)]

    def _maker(self, dialect: Dialect) -> Callable[[tuple[Any, ...]], T]:
        """What makes a value of a row of that kind of database."""
        named = namedtuple("named", [column.name for column in self._columns])  # type: ignore[misc]
        readers = [
            (place, read)
            for place, column in enumerate(self._columns)
            if (read := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

        def make(row: tuple[Any, ...]) -> T:
            values = list(row)
            for place, read in readers:
                values[place] = read(values[place])
            return self._make(named._make(values))

        return self._makers.setdefault(dialect.name, lru_cache(self._remembered)(make))


class Inserting(Prepared):
    """Inserts one row, given some of its columns; the others get the table's defaults, or null."""

    def __init__(
        self,
        model: type[SQLModel],
        *,
        number: str | None = None,
        unless: str | None = None,
        always: Mapping[str, object] = _NOTHING,
    ) -> None:
        """`number` is the column that the database numbers its rows in, if it is to.

        `unless` is a unique column: a row whose value of it is there already is passed over.
        `always` is what every row has in some columns. It stands in the statement: the driver for
        PostgreSQL reads statements with more than 50 values anew each time.
        """
        table = table_of(model)
        given = [one for one in table.columns if one.name != number and one.name not in always]
        usual = {column.name: _usual_in(column) for column in given}
        said = {name: in_sql(value) for name, value in always.items() if value is not None}
        statement = insert(table).values({**dict.fromkeys(usual), **said}).inline()
        ending = f" ON CONFLICT ({unless}) DO NOTHING" if unless else ""
        super().__init__(statement, ending, usual)
        self._number = number
        self._numbering = Prepared(statement, f" RETURNING {number}", usual)
        numbered = statement.values({number: None}) if number else statement
        self._numbered = Prepared(numbered, ending, usual)
        sequence = f"pg_get_serial_sequence('{table.name}', '{number}')"
        #: Takes the number of a row to come, on PostgreSQL.
        self.drawing = Prepared(text(f"SELECT nextval({sequence})"))

    def insert(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Insert a row; return the number it got."""
        if connection.dialect.name == "sqlite":  # Which cannot return rows in old versions.
            return int(self.run(connection, values).lastrowid)
        if (drawn := connection.info.get(_DRAWN, {}).pop(self, None)) is not None:
            self._numbered.later(connection, {**values, str(self._number): drawn})
            return int(drawn)
        compiled = self._numbering.compiled(connection.dialect)
        connection.info.pop(_TOLD, None)
        # What is pending may stay so: a new row depends on none of it.
        cursor = _run(connection, compiled.sql, compiled.parameters(values))
        ((number,),) = cursor.fetchall()
        return int(number)


def write_pending(connection: Connection) -> None:
    """Run what was to be run later."""
    kept = connection.info
    kept.pop(_TOLD, None)
    if (pending := kept.pop(_PENDING, None)) is None:
        return
    dialect = connection.dialect
    for part in _parts(pending):
        sql = _as_one(dialect, tuple(one for one, _ in part))
        _run(connection, sql, _values_of_all(dialect, part))


def ask_ahead(
    connection: Connection, questions: Iterable[Question], numbering: Sequence[Inserting] = ()
) -> None:
    """Ask what will be asked next, and take numbers for rows that will be inserted next.

    PostgreSQL tells it all in one message. An answer holds until something is written, a number
    until it is used, be it in a later transaction: what was refused should leave no gaps.
    """
    if connection.dialect.name == "sqlite":
        return
    write_pending(connection)
    dialect, questions = connection.dialect, list(questions)
    drawn = connection.info.setdefault(_DRAWN, {})
    lacking = [inserting for inserting in numbering if inserting not in drawn]
    asked = [*questions, *((inserting.drawing, _NOTHING) for inserting in lacking)]
    sql = _asked_as_one(dialect, tuple(one for one, _ in asked))
    (row,) = _run(connection, sql, _values_of_all(dialect, asked)).fetchall()
    answers = [[tuple(one.values()) for one in found or ()] for found in row]
    connection.info[_TOLD] = {
        (statement, tuple(statement.compiled(dialect).written(values))): answer
        for (statement, values), answer in zip(questions, answers, strict=False)
    }
    for inserting, ((number,),) in zip(lacking, answers[len(questions) :], strict=True):
        drawn[inserting] = number


def _values_of_all(dialect: Dialect, statements: Iterable[Question]) -> dict[str, Any]:
    """Their values; the statement's place stands before each name."""
    found: dict[str, Any] = {}
    for number, (statement, values) in enumerate(statements):
        found |= statement.compiled(dialect).named(values, f"{number}_")
    return found


def _parts(pending: Iterable[Question]) -> Iterator[list[Question]]:
    """What may run as one statement: none of them twice.

    PostgreSQL runs the parts of a statement in an order of its own, and rows of one table, such as
    messages, are to be numbered in the order in which they were written.
    """
    part: list[Question] = []
    for statement, values in pending:
        if any(statement is one for one, _ in part):
            yield part
            part = []
        part.append((statement, values))
    if part:
        yield part


def forget_pending(connection: Connection) -> None:
    """Do not run what was to be run later: the transaction was rolled back."""
    connection.info.pop(_PENDING, None)
    connection.info.pop(_TOLD, None)


@lru_cache(maxsize=256)
def _as_one(dialect: Dialect, statements: tuple[Prepared, ...]) -> str:
    """SQL that runs all of them; PostgreSQL runs what WITH names, even if it is not asked for."""
    parts = (f"_{number} AS ({sql})" for number, sql in _numbered(dialect, statements))
    return f"WITH {', '.join(parts)} SELECT"


@lru_cache(maxsize=256)
def _asked_as_one(dialect: Dialect, statements: tuple[Prepared, ...]) -> str:
    """SQL whose one row has, for each of them, all its rows as a list of objects."""
    parts = (
        f"(SELECT json_agg(_{number}) FROM ({sql}) AS _{number})"  # noqa: S608 - all of it ours  # nosec B608
        for number, sql in _numbered(dialect, statements)
    )
    return f"SELECT {', '.join(parts)}"


def _numbered(dialect: Dialect, statements: Iterable[Prepared]) -> Iterator[tuple[int, str]]:
    """Their SQL, with the statement's place before the name of each parameter."""
    for number, statement in enumerate(statements):
        yield number, _PARAMETER.sub(rf"%({number}_", statement.compiled(dialect).sql)


def run_plain(connection: Connection, sql: str) -> None:
    """Run SQL without values; on PostgreSQL it may be several statements."""
    connection.info.pop(_TOLD, None)
    _run(connection, sql)


def _run(
    connection: Connection, sql: str, *parameters: Mapping[str, Any] | Sequence[Any]
) -> DBAPICursor:
    cursor = connection.connection.cursor()
    # Whoever watches statements sees these too.
    for look in connection.dispatch.before_cursor_execute:
        look(connection, cursor, sql, *(parameters or ((),)), None, False)  # noqa: FBT003
    try:
        cursor.execute(sql, *parameters)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _translated(connection, cursor, sql, error) from error
    return cursor


def _usual_in(column: Column[Any]) -> Any:
    """What stands in `column` unless something is said."""
    return column.default.arg if isinstance(column.default, ScalarElementColumnDefault) else None


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

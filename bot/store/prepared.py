"""Statements of the hot path, compiled once and run by the driver itself.

Everything else is run by SQLAlchemy, which takes ten times as long as SQLite does to insert a row.
A booking runs a dozen statements while others wait for the lock, so those come through here.
Values are written as SQLAlchemy's types write them; rows are as the driver gives them, so for
anything but text and numbers there is `Reading`, which reads them as SQLAlchemy's types do.

What nothing is expected back from can be written `later`: PostgreSQL then gets several such
statements as one, by the next look at the database or the commit, and is waited for once (see
bot.store.pending). What is going to be asked can be asked ahead (bot.store.ahead).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import ClauseElement, Column, Connection, Select, Table, bindparam, insert, update
from sqlalchemy.engine.interfaces import DBAPICursor, Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlmodel import SQLModel

from bot.store import pending, told
from bot.store.driver import run_sql
from bot.store.tables import in_sql, table_of
from bot.store.told import RestsOn

T = TypeVar("T")

_NOTHING: Mapping[str, Any] = {}
#: Under what a connection keeps the numbers of rows that are to come.
_DRAWN = "gpubot_drawn"


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

    #: The table that it writes; None: nobody knows.
    table: str | None

    def __init__(
        self,
        statement: ClauseElement,
        ending: str = "",
        usual: Mapping[str, Any] = _NOTHING,
        *,
        rests_on: RestsOn | None = None,
    ) -> None:
        """`ending` is SQL that follows it, which both kinds of database understand.

        `usual` are values that it has unless it is given others. `rests_on` is what alone may
        change the answer to a question; None: whatever is written.
        """
        self._statement = statement
        self._ending = ending
        self._usual = usual
        self._compiled: dict[str, _Compiled] = {}
        self.rests_on = rests_on
        self.table = getattr(getattr(statement, "table", None), "name", None)

    def run(self, connection: Connection, values: Mapping[str, Any] = _NOTHING) -> DBAPICursor:
        """Run it; return the driver's cursor. Raises DBAPIError, as SQLAlchemy does."""
        pending.write(connection)
        if not isinstance(self._statement, Select):
            told.forget(connection)
        compiled = self.compiled(connection.dialect)
        return run_sql(connection, compiled.sql, compiled.parameters(values))

    def later(self, connection: Connection, values: Mapping[str, Any] = _NOTHING) -> None:
        """Run it before anything else looks or is committed, by what time is left open.

        Two different statements that run this way must not change the same row, and of two that
        are alike only one may run.
        """
        if connection.dialect.name == "sqlite":  # To which it is no way.
            self.run(connection, values)
        else:
            pending.add(connection, self._write(connection.dialect, values))

    def _write(self, dialect: Dialect, values: Mapping[str, Any]) -> pending.Write:
        what = tuple(self.compiled(dialect).written(values))
        return pending.Write(self, values, row=None, what=what)

    def of_rows(self, _dialect: Dialect) -> str | None:
        """SQL that runs it for each row of its parameter `rows`, a list in JSON; None: nothing."""
        return None

    def rows(
        self, connection: Connection, values: Mapping[str, Any] = _NOTHING
    ) -> Sequence[tuple[Any, ...]]:
        """Run it, unless it was asked ahead; return what it found, as the driver's own tuples."""
        if (ahead := told.answer_to(connection, self, values)) is not None:
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


class _Row(Prepared):
    """Inserts one row; several that are written later go as one statement."""

    def __init__(
        self, table: Table, ending: str, usual: Mapping[str, Any], said: Mapping[str, object]
    ) -> None:
        """`said` is what stands in the statement, by column."""
        self._said = {name: in_sql(value) for name, value in said.items() if value is not None}
        statement = insert(table).values({**dict.fromkeys(usual), **self._said}).inline()
        super().__init__(statement, ending, usual)

    def _write(self, dialect: Dialect, values: Mapping[str, Any]) -> pending.Write:
        row = pending.as_row(self.compiled(dialect).named(values))
        return pending.Write(self, values, row)

    def of_rows(self, dialect: Dialect) -> str:
        """SQL that inserts each row of its parameter `rows`, a list in JSON."""
        quote = dialect.identifier_preparer.quote
        given = [quote(name) for name in self._usual]
        columns = ", ".join([*given, *map(quote, self._said)])
        values = ", ".join([*(f"r.{name}" for name in given), *map(str, self._said.values())])
        return (
            f"INSERT INTO {self.table} ({columns}) SELECT {values}"  # noqa: S608 - all of it ours  # nosec B608
            f" FROM json_populate_recordset(NULL::{self.table}, %(rows)s::json) AS r{self._ending}"
        )


class Inserting(_Row):
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
        ending = f" ON CONFLICT ({unless}) DO NOTHING" if unless else ""
        super().__init__(table, ending, usual, always)
        self._numbering = Prepared(self._statement, f" RETURNING {number}", usual)
        self._number = str(number)
        self._numbered = _Row(table, ending, {self._number: None, **usual}, always)
        #: What takes the number of a row to come, on PostgreSQL.
        self.drawing = f"nextval(pg_get_serial_sequence('{table.name}', '{number}'))"

    def insert(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Insert a row; return the number it got."""
        if connection.dialect.name == "sqlite":  # Which cannot return rows in old versions.
            return int(self.run(connection, values).lastrowid)
        if drawn := drawn_for(connection, self):
            number = drawn.pop(0)
            self._numbered.later(connection, {**values, self._number: number})
            return number
        compiled = self._numbering.compiled(connection.dialect)
        # What is pending may stay so: a new row depends on none of it.
        pending.make_savepoint(connection)
        told.row_written(connection, str(self.table), values)
        cursor = run_sql(connection, compiled.sql, compiled.parameters(values))
        ((number,),) = cursor.fetchall()
        return int(number)


def drawn_for(connection: Connection, inserting: Inserting) -> list[int]:
    """The numbers that were taken for rows to come, until they are used."""
    found: list[int] = connection.info.setdefault(_DRAWN, {}).setdefault(inserting, [])
    return found


class Updating(Prepared):
    """Sets a column of one row; of several writers of a group the last one counts."""

    def __init__(self, model: type[SQLModel], column: str, *, by: str) -> None:
        """It takes `to`, what the column becomes, and `of`, the row's value in `by`, its key."""
        table = table_of(model)
        statement = update(table).where(table.c[by] == bindparam("of"))
        super().__init__(statement.values({column: bindparam("to")}))
        self._column, self._by = column, by

    def _write(self, _dialect: Dialect, values: Mapping[str, Any]) -> pending.Write:
        row = pending.as_row({self._by: values["of"], self._column: values["to"]})
        return pending.Write(self, values, row, what=values["of"])

    def of_rows(self, _dialect: Dialect) -> str:
        """SQL that sets it as each row of its parameter `rows` says, a list in JSON."""
        return (
            f"UPDATE {self.table} SET {self._column} = r.{self._column}"  # noqa: S608 - all of it ours  # nosec B608
            f" FROM json_populate_recordset(NULL::{self.table}, %(rows)s::json) AS r"
            f" WHERE {self.table}.{self._by} = r.{self._by}"
        )


def _usual_in(column: Column[Any]) -> Any:
    """What stands in `column` unless something is said."""
    return column.default.arg if isinstance(column.default, ScalarElementColumnDefault) else None

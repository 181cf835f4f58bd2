"""Questions that are asked ahead, as one statement, with the numbers of rows to come.

A writer says what it is going to ask before it waits for its turn: whoever has it asks for all that
wait. Each answer holds until something is written that may change it, and a number until it is
used, be it in a later transaction: what was refused should leave no gaps.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import Dialect

from bot.store import pending, told
from bot.store.driver import run_sql
from bot.store.prepared import Inserting, Prepared, drawn_for

#: A statement and its values.
Question = tuple[Prepared, Mapping[str, Any]]

_PARAMETER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a writer asks first, and rows that it inserts first.

    Raises ValueError for text that the database would not take: it is asked together with others.
    """

    questions: Sequence[Question]
    numbering: Sequence[Inserting] = ()

    def __post_init__(self) -> None:
        for _, values in self.questions:
            pending.as_row(values)

    @property
    def shape(self) -> tuple[tuple[Prepared, ...], tuple[Inserting, ...]]:
        """What it has in common with those that can be asked with it."""
        return tuple(statement for statement, _ in self.questions), tuple(self.numbering)


def ask_ahead(connection: Connection, own: Ahead, others: Iterable[Ahead] = ()) -> None:
    """Ask what will be asked next, and what is like it by `others` who write afterwards.

    PostgreSQL tells it all in one message, unless it has told it before.
    """
    if connection.dialect.name == "sqlite":
        return
    lacking = [one for one in own.questions if told.answer_to(connection, *one) is None]
    changed = [one for one in lacking if pending.is_changed(connection, *one)]
    if any(question.rests_on for question, _ in changed):
        pending.write_before(connection)
    elif len(changed) == len(lacking):
        # What rests on anything at all is known to whoever follows others, most of the time.
        return
    all_of_them = [own, *(one for one in others if one.shape == own.shape)]
    for row, one in zip(_asked(connection, all_of_them), all_of_them, strict=True):
        answers, numbers = row[: len(one.questions)], row[len(one.questions) :]
        for question, found in zip(one.questions, answers, strict=True):
            if not pending.is_changed(connection, *question):
                told.tell(connection, *question, [tuple(each.values()) for each in found or ()])
        for inserting, number in zip(one.numbering, numbers, strict=True):
            if number is not None:
                drawn_for(connection, inserting).append(number)


def _asked(connection: Connection, all_of_them: Sequence[Ahead]) -> Sequence[tuple[Any, ...]]:
    """A row for each of them: what was found, and the numbers that there were not yet."""
    dialect = connection.dialect
    left = [len(drawn_for(connection, one)) for one in all_of_them[0].numbering]
    rows: list[dict[str, Any]] = []
    for place, one in enumerate(all_of_them):
        row: dict[str, Any] = {f"draw_{n}": place >= many for n, many in enumerate(left)}
        for number, (statement, values) in enumerate(one.questions):
            row |= statement.compiled(dialect).named(values, f"{number}_")
        rows.append(row)
    sql = _as_one(dialect, *all_of_them[0].shape)
    return run_sql(connection, sql, {"rows": json.dumps(rows, default=str)}).fetchall()


@lru_cache(maxsize=64)
def _as_one(
    dialect: Dialect, questions: tuple[Prepared, ...], numbering: tuple[Inserting, ...]
) -> str:
    """SQL whose rows have all rows that each question found, as a list of objects."""
    columns = [f"draw_{number} boolean" for number in range(len(numbering))]
    parts = []
    for number, question in enumerate(questions):
        compiled = question.compiled(dialect)
        columns += [f'"{number}_{name}" text' for name, _ in compiled.usual]
        sql = _PARAMETER.sub(rf'q."{number}_\1"', compiled.sql)
        parts.append(f"(SELECT json_agg(_{number}) FROM ({sql}) AS _{number})")  # noqa: S608 - all of it ours  # nosec B608
    parts += [
        f"CASE WHEN q.draw_{number} THEN {inserting.drawing} END"
        for number, inserting in enumerate(numbering)
    ]
    rows = f"json_to_recordset(%(rows)s::json) AS q({', '.join(columns or ['none text'])})"
    return f"SELECT {', '.join(parts)} FROM {rows}"  # noqa: S608 - all of it ours  # nosec B608

"""What was asked ahead, until something is written that may change the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection

if TYPE_CHECKING:
    from bot.store.prepared import Prepared

Rows = Sequence[tuple[Any, ...]]

#: Under what a connection keeps it: by the table that an answer rests on, by question.
_TOLD = "gpubot_told"


class RestsOn(NamedTuple):
    """What alone may change an answer: rows of `table` whose `column` is the question's `value`."""

    table: str
    column: str
    value: str

    def is_changed_by(self, asked: Mapping[str, Any], table: str, row: Mapping[str, Any]) -> bool:
        """Whether a `row` of `table` may change the answer to what was `asked`."""
        return self.table == table and row.get(self.column) in (None, asked[self.value])


def tell(
    connection: Connection, question: Prepared, asked: Mapping[str, Any], answer: Rows
) -> None:
    """Keep the answer to `question` with the values `asked`."""
    table = question.rests_on.table if question.rests_on else None
    told = connection.info.setdefault(_TOLD, {}).setdefault(table, {})
    told[_key(connection, question, asked)] = asked, answer


def answer_to(connection: Connection, question: Prepared, asked: Mapping[str, Any]) -> Rows | None:
    """What `tell` was given; None: nothing, or it may have changed since."""
    told = connection.info.get(_TOLD)
    if not told:
        return None
    table = question.rests_on.table if question.rests_on else None
    found: tuple[Mapping[str, Any], Rows] | None = told.get(table, {}).get(
        _key(connection, question, asked)
    )
    return found[1] if found else None


def row_written(connection: Connection, table: str, row: Mapping[str, Any]) -> None:
    """Forget what a row of `table` may change; what is not in `row` may be anything."""
    told = connection.info.get(_TOLD)
    if not told:
        return
    told.pop(None, None)
    answers = told.get(table, {})
    for key, (asked, _) in list(answers.items()):
        if key[0].rests_on.is_changed_by(asked, table, row):
            del answers[key]


def forget(connection: Connection) -> None:
    """Forget everything: who knows what is being written."""
    connection.info.pop(_TOLD, None)


def _key(
    connection: Connection, question: Prepared, asked: Mapping[str, Any]
) -> tuple[Prepared, tuple[Any, ...]]:
    return question, tuple(question.compiled(connection.dialect).written(asked))

"""What was asked ahead, until something is written that may change the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection

if TYPE_CHECKING:
    from bot.store.prepared import Prepared

Values = Mapping[str, Any]
Rows = Sequence[tuple[Any, ...]]

#: Under what a connection keeps it: by the table that an answer rests on, by question.
_TOLD = "gpubot_told"


class RestsOn(NamedTuple):
    """What alone may change an answer: rows of `table` that match what was asked."""

    table: str
    #: Given the values of the question, and a row.
    matches: Callable[[Values, Values], bool]

    def is_changed_by(self, asked: Values, table: str, row: Values | None) -> bool:
        """Whether a `row` of `table` may change the answer to what was `asked`; None: any may."""
        return self.table == table and (row is None or self.matches(asked, row))


def tell(connection: Connection, question: Prepared, asked: Values, answer: Rows) -> None:
    """Keep the answer to `question` with the values `asked`."""
    table = question.rests_on.table if question.rests_on else None
    told = connection.info.setdefault(_TOLD, {}).setdefault(table, {})
    told[_key(connection, question, asked)] = asked, answer


def answer_to(connection: Connection, question: Prepared, asked: Values) -> Rows | None:
    """What `tell` was given; None: nothing, or it may have changed since."""
    told = connection.info.get(_TOLD)
    if not told:
        return None
    table = question.rests_on.table if question.rests_on else None
    found: tuple[Values, Rows] | None = told.get(table, {}).get(_key(connection, question, asked))
    return found[1] if found else None


def row_written(connection: Connection, table: str, row: Values | None) -> None:
    """Forget what a new row of `table` may change; None: a change of any of its rows."""
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
    connection: Connection, question: Prepared, asked: Values
) -> tuple[Prepared, tuple[Any, ...]]:
    return question, tuple(question.compiled(connection.dialect).written(asked))

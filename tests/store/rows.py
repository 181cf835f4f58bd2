"""Rows for any table, made up by the types of its columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Table

#: Text that is easily damaged on its way.
TEXT = "été 明天 🙂 '%s' \\ \"q\""
FIRST = datetime(2026, 11, 25, 2, 37, 1, tzinfo=UTC)


def made_up(table: Table, number: int) -> dict[str, Any]:
    """A row whose values all depend on `number`, with nulls in some of them."""
    return {column.name: _value(table, column, number) for column in table.columns}


def _value(table: Table, column: Column[Any], number: int) -> Any:
    if (table.name, column.name) in _KNOWN:
        return _KNOWN[table.name, column.name]
    if column.nullable and number % 3 == 0:
        return None
    # The models' own type for instants is one around the database's.
    kind = getattr(column.type, "impl", column.type).python_type
    if kind is datetime:
        later = timedelta(days=number, hours=column.name.startswith("end"), microseconds=number)
        return FIRST + later
    if kind is bool:
        return number % 2 == 0
    if kind is float:
        return number / 8
    if kind is int:
        return number + (column.name == "end_s")
    return f"{TEXT} {column.name} {number}"


#: What the tables' own rules want.
_KNOWN: dict[tuple[str, str], Any] = {
    ("claim", "gone"): 9,
    ("booking", "state"): "ended",
    ("booking", "priority"): 1,
    ("booking", "job"): None,
    ("run", "state"): "succeeded",
    ("booking", "shares"): '[["gpu-01", 1]]',
    ("booking", "gpu_ids"): '[["gpu-01", [0]]]',
}

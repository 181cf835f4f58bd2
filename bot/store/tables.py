"""The tables themselves: statements on them spare what the object mapper does for classes."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import ColumnClause, Table, literal, literal_column
from sqlmodel import SQLModel


def table_of(model: type[SQLModel]) -> Table:
    """The table that holds the rows of `model`."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]


def in_sql(value: object) -> ColumnClause[Any]:
    """`value` as SQL has it, for what stands in a statement and is not bound: never what is typed.

    SQLite plans a statement anew for each value of what a partial index is for.
    """
    plain = str(value) if isinstance(value, str) else value  # What a StrEnum is underneath.
    return literal_column(str(literal(plain).compile(compile_kwargs={"literal_binds": True})))

"""The tables themselves: statements on them spare what the object mapper does for classes."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table
from sqlmodel import SQLModel


def table_of(model: type[SQLModel]) -> Table:
    """The table that holds the rows of `model`."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]

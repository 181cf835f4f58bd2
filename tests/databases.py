"""Databases for tests: migrating one takes longer than most tests, so it is done once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import postgres
import pytest

from bot.store.migrate import upgrade


def new_database(folder: Path, name: str = "gpubot.db") -> str:
    """The URL of a new database in `folder` that has every table and no row."""
    path = folder / name
    path.write_bytes(_empty())
    return f"sqlite:///{path}"


@contextmanager
def database_of(kind: str, folder: Path) -> Iterator[str]:
    """The URL of such a database of that kind: "SQLite" or "PostgreSQL"."""
    if kind == "SQLite":
        yield new_database(folder)
        return
    url = postgres.new_postgres_database()
    yield url
    postgres.give_back(url)


@contextmanager
def empty_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a new database of that kind, without tables."""
    if kind == "SQLite":
        yield f"sqlite:///{folder / 'empty.db'}"
        return
    url = postgres.empty_postgres_database()
    yield url
    postgres.drop(url)


#: Parameters for a fixture whose tests run on both.
BOTH = ("SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgresql))


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()

"""Database files: migrating one takes longer than most tests, so it is done once, and copied."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.store.migrate import upgrade


def new_database(folder: Path, name: str = "gpubot.db") -> str:
    """The URL of a new database in `folder` that has every table and no row."""
    path = folder / name
    path.write_bytes(_empty())
    return f"sqlite:///{path}"


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()

"""Bringing a database to the schema that this program needs.

Alembic is imported only where there is something to do: with what it brings along it takes longer
than anything else at a start.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from bot.store.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER = Path(__file__).parent / "migrations"


def upgrade(url: str, to: str = "head") -> None:
    """Apply the migrations that the database at `url` has not seen, all in one transaction.

    `to` is the last of them; tests begin at older ones.
    Safe to run at every start, and by several processes at once: the second finds nothing to do.
    Raises Busy when the write lock cannot be had.
    """
    with closing(Database(url)) as database:
        with database.snapshot() as connection:
            if revision(connection) in (to, newest_revision()):
                return
        from alembic import command

        with database.transaction(patient=True) as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, to)


def revision(connection: Connection) -> str | None:
    """The migration that the database is at; None: none was ever applied."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar_one_or_none()
    return found


def newest_revision() -> str:
    """The migration that this program needs: their files are numbered, as `0004_runs.py`."""
    return max(path.name.partition("_")[0] for path in _FOLDER.glob("versions/[0-9]*_*.py"))


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    # A percent sign in the path would be read as the beginning of a placeholder.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config

"""Bringing a database to the schema that this program needs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bot.store.database import Database

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
        with database.transaction(patient=True) as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, to)


def revision(connection: Connection) -> str | None:
    """The migration that the database is at; None: none was ever applied."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """The migration that this program needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError(f"no migrations in {_FOLDER}")
    return head


def _config() -> Config:
    config = Config()
    # A percent sign in the path would be read as the beginning of a placeholder.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config

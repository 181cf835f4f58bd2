"""The migrations build exactly the schema that the models describe."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from databases import new_database
from sqlalchemy import Inspector, create_engine, inspect
from sqlmodel import SQLModel

from bot.store import migrate, models
from bot.store.database import Database
from bot.store.migrate import newest_revision, revision, upgrade


@pytest.fixture
def migrated(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'migrated.db'}"
    upgrade(url)
    return url


def test_the_migrated_schema_is_the_one_the_models_describe(migrated: str) -> None:
    engine = create_engine(migrated)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, models.Booking.metadata) == []
    engine.dispose()


def as_text(value: object) -> str:
    """The value without the addresses of objects in it."""
    if isinstance(value, dict):
        return repr(sorted((key, as_text(inner)) for key, inner in value.items()))
    return str(value)


DETAILS: dict[str, Callable[[Inspector, str], list[str]]] = {
    "columns": lambda at, table: sorted(as_text(one) for one in at.get_columns(table)),
    "checks": lambda at, table: sorted(as_text(one) for one in at.get_check_constraints(table)),
    "indexes": lambda at, table: sorted(as_text(one) for one in at.get_indexes(table)),
    "unique": lambda at, table: sorted(as_text(one) for one in at.get_unique_constraints(table)),
    "primary key": lambda at, table: [as_text(at.get_pk_constraint(table))],
}


@pytest.mark.parametrize("detail", DETAILS)
def test_no_detail_of_a_table_differs_from_the_models(
    migrated: str, tmp_path: Path, detail: str
) -> None:
    made, wanted = create_engine(migrated), create_engine(f"sqlite:///{tmp_path / 'wanted.db'}")
    SQLModel.metadata.create_all(wanted)
    for table in SQLModel.metadata.tables:
        assert DETAILS[detail](inspect(made), table) == DETAILS[detail](inspect(wanted), table)
    made.dispose()
    wanted.dispose()


def test_migrating_a_second_time_changes_nothing(migrated: str) -> None:
    upgrade(migrated)
    database = Database(migrated)
    with database.snapshot() as connection:
        assert revision(connection) == newest_revision()
    database.close()


def test_a_database_that_was_never_migrated_has_no_revision(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with database.snapshot() as connection:
        assert revision(connection) is None
    database.close()


def test_a_path_with_odd_characters_can_be_migrated(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path / '50% off é.db'}")


def test_the_newest_revision_is_alembics_head_and_there_is_one_head() -> None:
    scripts = ScriptDirectory.from_config(migrate._config())
    assert scripts.get_heads() == [migrate.newest_revision()]


def test_a_database_that_is_up_to_date_is_opened_without_alembic(tmp_path: Path) -> None:
    url = new_database(tmp_path)
    script = (
        f"from bot.store.migrate import upgrade; upgrade({url!r}); "
        "import sys; print('alembic' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"

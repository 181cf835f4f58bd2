"""The migrations build exactly the schema that the models describe."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from databases import BOTH, empty_database, new_database
from sqlalchemy import Inspector, inspect
from sqlmodel import SQLModel

from bot.store import migrate, models
from bot.store.database import Database
from bot.store.migrate import newest_revision, revision, upgrade

#: Kept by triggers, on PostgreSQL alone.
OF_THE_DATABASE = {"held_gpu"}
#: An index that there is on PostgreSQL alone.
OF_REPLICAS = "claim_born"


@pytest.fixture(params=BOTH)
def kind(request: pytest.FixtureRequest) -> str:
    """Which kind of database."""
    return str(request.param)


@pytest.fixture
def migrated(kind: str, tmp_path: Path) -> Iterator[Database]:
    with empty_database(kind, tmp_path) as url:
        upgrade(url)
        with closing(Database(url)) as database:
            yield database


def test_the_migrated_schema_is_the_one_the_models_describe(migrated: Database) -> None:
    opts = {
        "compare_type": True,
        # Alembic does not ask a model's index for which databases it is.
        "include_object": lambda _one, name, *_more: (
            name != OF_REPLICAS or migrated.backend == "postgresql"
        ),
        "include_name": lambda name, what, _parents: what != "table" or name not in OF_THE_DATABASE,
    }
    with migrated.snapshot() as connection:
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, models.Booking.metadata) == []


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
    "options": lambda at, table: [as_text(at.get_table_options(table))],
}


@pytest.mark.parametrize("detail", DETAILS)
def test_no_detail_of_a_table_differs_from_the_models(
    kind: str, migrated: Database, tmp_path_factory: pytest.TempPathFactory, detail: str
) -> None:
    with (
        empty_database(kind, tmp_path_factory.mktemp("wanted")) as url,
        closing(Database(url)) as wanted,
    ):
        with wanted.transaction() as connection:
            SQLModel.metadata.create_all(connection)
        with wanted.snapshot() as one, migrated.snapshot() as other:
            for table in SQLModel.metadata.tables:
                assert DETAILS[detail](inspect(other), table) == DETAILS[detail](
                    inspect(one), table
                )


def test_migrating_a_second_time_changes_nothing(migrated: Database) -> None:
    upgrade(migrated.engine.url.render_as_string(hide_password=False))
    with migrated.snapshot() as connection:
        assert revision(connection) == newest_revision()


def test_a_database_that_was_never_migrated_has_no_revision(kind: str, tmp_path: Path) -> None:
    with (
        empty_database(kind, tmp_path) as url,
        closing(Database(url)) as database,
        database.snapshot() as connection,
    ):
        assert revision(connection) is None


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

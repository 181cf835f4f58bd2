"""`gpubot db copy`: everything arrives, nothing is mixed, and the bot goes on with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import builders
import pytest
from builders import ALICE, BOB, CHEN, NOW, TONIGHT, actor, request
from databases import database_of, empty_database
from rows import made_up
from sqlalchemy import insert, text
from sqlmodel import SQLModel

from bot import cli
from bot.services import look
from bot.services.audit import verify
from bot.services.cancel import cancel
from bot.services.nodes import sync_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.store.copying import CannotCopy, copy_database
from bot.store.database import Database
from bot.store.migrate import upgrade

pytestmark = pytest.mark.postgresql


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[str]:
    """A SQLite database with a short history: bookings ended, running, to come and cancelled."""
    with database_of("SQLite", tmp_path) as url, closing(Database(url)) as database:
        site = Site.open(database, builders.cluster())
        sync_nodes(site, now=NOW)
        for hours in (0, 8, 16, 24):
            begins = TONIGHT + timedelta(hours=hours)
            reserve(site, actor(BOB), request(2, begins, node="gpu-01"), now=NOW)
        cancel(site, actor(ALICE), 4, reason="not needed", now=NOW)
        turn_over(site, now=TONIGHT)
        turn_over(site, now=TONIGHT + timedelta(hours=9))
        yield url


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    with empty_database("PostgreSQL", tmp_path) as url:
        yield url


def test_the_bot_goes_on_in_postgresql(lived: str, target: str) -> None:
    copied = copy_database(lived, target)
    assert copied["booking"] == 4
    assert copied["audit"] == 8
    with closing(Database(target)) as database:
        site = Site.open(database, builders.cluster())
        assert verify(site).ok
        assert [look.get_booking(site, n).state for n in (1, 2, 3, 4)] == [
            "ended", "active", "reserved", "cancelled",
        ]  # fmt: skip
        with database.snapshot() as connection:
            held = connection.execute(text("SELECT booking, gpu FROM held_gpu ORDER BY gpu")).all()
        assert [tuple(row) for row in held] == [(2, 0), (2, 1)]
        later = TONIGHT + timedelta(hours=10)
        assert reserve(site, actor(CHEN), request(2, later), now=later).id == 5
        assert verify(site).ok


def test_every_table_arrives_as_it_was(tmp_path: Path, target: str) -> None:
    source = f"sqlite:///{tmp_path / 'full.db'}"
    upgrade(source)
    with closing(Database(source)) as database, database.transaction() as connection:
        for table in SQLModel.metadata.sorted_tables:
            rows = [made_up(table, number) for number in range(1, 8)]
            connection.execute(insert(table), rows)
    # What was written is compared by the copying itself.
    assert set(copy_database(source, target).values()) == {7}
    with closing(Database(target)) as database, database.transaction() as connection:
        for table in SQLModel.metadata.sorted_tables:
            if table.primary_key.columns.keys() == ["id"]:
                row = made_up(table, 8)
                del row["id"]
                assert connection.execute(insert(table), row).inserted_primary_key == (8,)


def test_and_back_again(lived: str, target: str, tmp_path: Path) -> None:
    back = f"sqlite:///{tmp_path / 'back.db'}"
    assert copy_database(lived, target) == copy_database(target, back)


def test_a_database_with_anything_in_it_is_not_copied_to(lived: str, target: str) -> None:
    upgrade(target)
    with closing(Database(target)) as database, database.transaction() as connection:
        connection.execute(text("INSERT INTO memory VALUES ('x', 'y')"))
    with pytest.raises(CannotCopy, match="rows in memory"):
        copy_database(lived, target)


def test_a_source_of_an_older_version_has_to_be_migrated_first(target: str, tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path / 'old.db'}"
    upgrade(source, "0003")
    with pytest.raises(CannotCopy, match="gpubot migrate"):
        copy_database(source, target)


def test_a_source_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    source, target = tmp_path / "gone.db", tmp_path / "target.db"
    with pytest.raises(CannotCopy, match="there is no file"):
        copy_database(f"sqlite:///{source}", f"sqlite:///{target}")
    assert not source.exists()
    assert not target.exists()


def test_what_cannot_be_written_leaves_the_target_empty(lived: str, target: str) -> None:
    with closing(Database(lived)) as database, database.transaction() as connection:
        connection.execute(text("UPDATE audit SET reason = char(0) WHERE seq = 7"))
    with pytest.raises(Exception, match="NUL"):
        copy_database(lived, target)
    with closing(Database(target)) as database, database.snapshot() as connection:
        assert connection.execute(text("SELECT count(*) FROM booking")).scalar_one() == 0


def test_the_command_says_what_it_copied_and_proves_the_audit_log(
    lived: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["db", "copy", lived, target]) == 0
    said = capsys.readouterr().out
    assert "booking: 4\n" in said
    assert "the audit log is whole: 8 records" in said
    assert cli.main(["db", "copy", lived, target]) == 1
    assert "nothing was copied: the target is not empty" in capsys.readouterr().err

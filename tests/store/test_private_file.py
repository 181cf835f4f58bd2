"""A SQLite file, and those beside it, are for the account of gpubot alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.store.copying import copy_database
from bot.store.database import Database
from bot.store.migrate import upgrade


@pytest.fixture(autouse=True)
def _generous_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def _rights(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_a_new_database_is_for_its_owner_alone_with_what_lies_beside_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gpubot.db"
    upgrade(url)
    with closing(Database(url)) as database, database.transaction() as connection:
        connection.execute(text("INSERT INTO memory (name, value) VALUES ('a', 'b')"))
        found = _rights(tmp_path)
    assert found == dict.fromkeys(("gpubot.db", "gpubot.db-wal", "gpubot.db-shm"), 0o600)


def test_so_is_a_copy(tmp_path: Path) -> None:
    source, folder = tmp_path / "source.db", tmp_path / "copies"
    upgrade(f"sqlite:///{source}")
    folder.mkdir()
    copy_database(f"sqlite:///{source}", f"sqlite:///{folder}/copy.db")
    assert _rights(folder)["copy.db"] == 0o600


def test_the_rights_of_a_file_that_is_there_stay_as_its_owner_has_set_them(tmp_path: Path) -> None:
    path = tmp_path / "gpubot.db"
    path.touch()
    path.chmod(0o640)
    upgrade(f"sqlite:///{path}")
    assert _rights(tmp_path)["gpubot.db"] == 0o640

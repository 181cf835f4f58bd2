"""Connections to the database are few, and nobody waits long for one."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest
from patience import soon_given_up

from bot.store import database as store
from bot.store.database import Database
from bot.store.errors import Busy


def test_whoever_finds_no_connection_free_is_told_soon(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with soon_given_up(), closing(Database(database_url)) as database, ExitStack() as others:

        def take_all() -> None:
            for _ in range(100):
                others.enter_context(database.snapshot())

        with pytest.raises(Busy):
            take_all()
        assert f"free for {store.LOCK_WAIT_MS} ms" in caplog.text

"""Connections to the database are few, and nobody waits long for one."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest

from bot.store.database import LOCK_WAIT_MS, Busy, Database


# Who waits longer than that waits longer than Slack does.
@pytest.mark.timeout(25)
def test_whoever_finds_no_connection_free_is_told_soon(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Database(database_url)) as database, ExitStack() as others:

        def take_all() -> None:
            for _ in range(100):
                others.enter_context(database.snapshot())

        with pytest.raises(Busy):
            take_all()
        assert f"free for {LOCK_WAIT_MS} ms" in caplog.text

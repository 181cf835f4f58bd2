"""Two processes on one SQLite file see one another."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path

import builders
import pytest
from databases import new_database

from bot.services.only_process import SEEN_FOR_S, OnlyProcess
from bot.services.site import Site
from bot.store.database import Database


class Steady:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_two_at_work_are_told_by_both_and_one_after_another_by_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    steady = Steady()
    with closing(Database(new_database(tmp_path))) as database:
        site = Site.open(database, builders.cluster())
        before, after = OnlyProcess(site, steady), OnlyProcess(site, steady)
        for one in (before, before, after, after):
            one.look()
            assert one.problem() is None
        # The one from before has not ended.
        for _ in range(3):
            for one in (before, after):
                one.look()
                assert "another gpubot works on this SQLite file" in (one.problem() or "")
        assert len(caplog.records) == 2
        steady.at += SEEN_FOR_S
        before.look()
        before.look()
        steady.at += SEEN_FOR_S
        assert before.problem() is None

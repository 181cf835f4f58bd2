"""A start waits for a database that is busy, and not for ever."""

from __future__ import annotations

import pytest

from bot import starting
from bot.store.errors import Busy


def test_a_start_goes_on_as_soon_as_the_database_is_no_longer_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "AGAIN_S", 0)
    left = [Busy(), Busy()]

    def do() -> str:
        if left:
            raise left.pop()
        return "done"

    assert starting.as_soon_as_possible(do) == "done"


def test_a_database_that_stays_busy_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "START_WAITS_S", -1)

    def do() -> None:
        raise Busy

    with pytest.raises(Busy):
        starting.as_soon_as_possible(do)

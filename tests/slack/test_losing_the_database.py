"""Whoever is answered after a change is never told that nothing was changed."""

from __future__ import annotations

import pytest
from talk import Talk

from bot.services.site import Site
from bot.store.errors import Unreachable


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("reserve 4 22:00 8h", "Booked."),
        ("extend B1 2h", "B1 is extended"),
        ("move B1 tomorrow 22:00", "B1 is moved"),
        # Its answer says more than was needed to do it.
        ("cancel B1", "Please look with `/gpu mine` whether it was done"),
    ],
)
def test_an_answer_after_a_change_says_so_or_says_where_to_look(
    site: Site, bob: Talk, monkeypatch: pytest.MonkeyPatch, words: str, said: str
) -> None:
    bob.types("reserve 4 23:00 4h")
    bob.types("mine")

    def is_gone(*_: object) -> None:
        raise Unreachable

    site.database.on_commit(lambda: monkeypatch.setattr(site.database, "_begun", is_gone))
    assert said in bob.types(words).text
    assert "changed nothing" in bob.types("cancel B1").text

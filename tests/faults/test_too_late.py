"""What has waited here until Slack gives it up is not begun: who asked asks again, and gets one."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from builders import ALICE
from faulty import VISION, Lab, eventually, warnings
from flows.people import button

from bot.slack import lateness

BUSY = "I was too busy to begin this. If you sent it before, please look with `/gpu mine` first"


@pytest.fixture
def swamped(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes everything come too late from the call on, or in time again."""

    def make(*, late: bool) -> None:
        monkeypatch.setattr(lateness, "TOO_LATE_S", -1.0 if late else 3600.0)

    make(late=False)
    return make


def _audit(lab: Lab) -> list[Any]:
    return lab.rows("SELECT action, booking FROM audit ORDER BY seq")


def test_a_command_that_comes_too_late_is_answered_and_books_nothing(
    lab: Lab, swamped: Any, caplog: pytest.LogCaptureFixture
) -> None:
    swamped(late=True)
    with caplog.at_level(logging.WARNING):
        for what in ("reserve 2 22:00 4h on gpu-01", "mine", "wait 8 4h", "reserve"):
            assert lab.types(ALICE, what).startswith(BUSY)
    (told,) = [line for line in warnings(caplog.records) if "has waited" in line]
    assert "too much is asked for" in told
    assert _audit(lab) == []
    swamped(late=False)
    lab.check({lab.books(ALICE, "2 22:00 4h on gpu-01")})


def test_a_button_that_comes_too_late_does_nothing_and_works_afterwards(
    lab: Lab, swamped: Any
) -> None:
    offered = lab.slack.command(ALICE, VISION, "/gpu free 2 4h").messages[0]
    press = button(offered, "Book")
    swamped(late=True)
    assert lab.slack.click(ALICE, offered, **press).ok
    eventually(lambda: any(BUSY in m.text for m in lab.slack.messages(VISION, ALICE)))
    assert _audit(lab) == []
    swamped(late=False)
    assert lab.slack.click(ALICE, offered, **press).ok
    eventually(lambda: len(lab.rows("SELECT id FROM booking")) == 1)


def test_a_form_that_comes_too_late_keeps_what_was_typed(lab: Lab, swamped: Any) -> None:
    assert lab.slack.command(ALICE, VISION, "/gpu reserve").ok
    form = eventually(lambda: lab.slack.open_view(ALICE))
    swamped(late=True)
    assert lab.slack.submit(ALICE, form, {"gpus": "2", "length": "4h"}).ok
    shown = eventually(lambda: lab.slack.open_view(ALICE))
    assert BUSY in str(shown)
    assert _audit(lab) == []
    swamped(late=False)
    assert lab.slack.submit(ALICE, shown, {"gpus": "2", "length": "4h"}).ok
    eventually(lambda: len(lab.rows("SELECT id FROM booking")) == 1)


def test_an_app_home_that_is_opened_late_is_drawn_all_the_same(lab: Lab, swamped: Any) -> None:
    swamped(late=True)
    lab.slack.open_home(ALICE)
    eventually(lambda: lab.slack.home(ALICE))

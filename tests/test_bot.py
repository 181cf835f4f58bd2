"""The whole bot in an embedded Slack, over Socket Mode and over signed HTTP: what people see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from patience import PATIENCE_S

from bot.demo import Demo
from bot.sandbox import Sandbox
from bot.sandbox.records import Seen
from bot.services import look

ALICE, BOB, CHEN = "U0ALICE", "U0BOB", "U0CHEN"
VISION = "C0VISION"


@pytest.fixture(params=["Socket Mode", "HTTP"])
def demo(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Demo]:
    running = Demo(
        tmp_path,
        over_http=request.param == "HTTP",
        pace=timedelta(0),
        ack_timeout=PATIENCE_S,
    )
    running.clock.jump(datetime(2026, 11, 25, 2, 37, tzinfo=UTC))
    running.clock.set_speed(0)
    running.start()
    try:
        running.sandbox.wait_for(lambda: running.sandbox.connected)
        yield running
    finally:
        running.stop()


@pytest.fixture
def slack(demo: Demo) -> Sandbox:
    return demo.sandbox


def bookings(demo: Demo, user: str) -> int:
    """How many bookings somebody has that are not over."""
    assert demo.bot is not None
    return len(look.bookings_of(demo.bot.site, user, now=demo.clock.now()))


def private(slack: Sandbox, user: str, channel: str = VISION) -> list[Seen]:
    """What the bot told somebody alone."""
    return [message for message in slack.messages(channel, user) if message.ephemeral]


def test_a_window_opens_within_its_trigger_and_its_outcome_is_told(
    demo: Demo, slack: Sandbox
) -> None:
    assert slack.command(ALICE, VISION, "/gpu reserve").ok
    view = slack.open_view(ALICE)
    assert view is not None
    assert view["callback_id"] == "reserve"
    before = bookings(demo, ALICE)
    assert slack.submit(ALICE, view).ok
    assert bookings(demo, ALICE) == before + 1
    slack.wait_for(lambda: private(slack, ALICE))
    assert slack.open_view(ALICE) is None


def test_when_the_response_url_is_of_no_use_the_reply_comes_all_the_same(
    demo: Demo, slack: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack.command(ALICE, VISION, "/gpu mine")
    (listed,) = private(slack, ALICE)
    monkeypatch.setattr("bot.slack.answers._is_slacks", lambda _url, _api: False)
    slack.click(ALICE, listed, "show:row", value="2")
    slack.wait_for(lambda: slack.calls("chat.postEphemeral"))


def test_the_samples_show_work_that_runs_and_work_ahead(demo: Demo) -> None:
    assert demo.bot is not None
    nodes = look.status(demo.bot.site, at=demo.clock.now(), now=demo.clock.now())
    assert len(nodes) == 8
    assert sum(len(node.current) for node in nodes) >= 4
    ahead = look.bookings_of(demo.bot.site, CHEN, now=demo.clock.now())
    assert any(b.window.start > demo.clock.now() + timedelta(hours=1) for b in ahead)

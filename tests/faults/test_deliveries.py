"""What Slack delivers twice, at once, in another order, or hours late.

That one press twice books once is tested in tests/flows/test_flows, races for one GPU or one offer
in tests/services/test_races and test_races_for_time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from builders import ALICE, BOB, NOW
from clients import client
from faulty import VISION, Lab, eventually, label_in, running
from flows.people import button

from bot.sandbox import Sandbox, SandboxClock
from bot.sandbox.signedhttp import signature

#: Everything that a command can change, after `_begin`; B1 is alice's, later, B2 runs.
COMMANDS = (
    "reserve 2 22:00 4h on gpu-02",
    "cancel B1 no data",
    "extend B1 2h",
    "move B1 tomorrow 10:00",
    "release B2 1",
    "release B2",
    "transfer B1 <@U0BOB|bob>",
    "wait 4 2h on gpu-03 by 16:00",
    "queue 1 30m on gpu-02",
)


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock(start=NOW, speed=0)


@pytest.fixture
def lab(slack: Sandbox, database_url: str, clock: SandboxClock) -> Any:
    with running(slack, database_url, clock=clock) as started:
        yield started


def deliver(lab: Lab, what: str, trigger: str, retry: int | None = None) -> str:
    """`/gpu what` as Slack sends it; `retry`: it is repeated for so many a time."""
    fields = {"command": "/gpu", "text": what, "user_id": ALICE, "channel_id": VISION}
    body = urlencode({**fields, "trigger_id": trigger}).encode()
    headers = {
        **signature(lab.slack.signing_secret, body),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    if retry is not None:
        headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
    with client(lab.bot.address) as web:
        answer: httpx.Response = web.post("/slack/events", content=body, headers=headers)
    assert answer.status_code == 200
    return str(answer.json().get("text", ""))


def _begin(lab: Lab) -> None:
    lab.books(ALICE, "2 22:00 4h on gpu-01")
    lab.books(ALICE, "8 now 8h on gpu-03")
    lab.bot.run_ticks()


def _done(lab: Lab) -> list[Any]:
    return lab.rows("SELECT action, booking FROM audit ORDER BY seq")


@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_that_comes_again_changes_nothing_more(lab: Lab, what: str) -> None:
    _begin(lab)
    before = _done(lab)
    deliver(lab, what, "1.1")
    once = _done(lab)
    assert len(once) > len(before)
    for retry in (1, 2, None):
        deliver(lab, what, "1.1", retry)
    assert _done(lab) == once


def test_a_retry_that_overtakes_and_many_at_once_are_one_request(lab: Lab) -> None:
    with ThreadPoolExecutor(8) as slack:
        asked = [
            slack.submit(deliver, lab, "reserve 1 22:00 4h", f"{n % 3}.5", (n // 3) or None)
            for n in reversed(range(12))
        ]
        labels = {label_in(one.result()) for one in asked}
    assert len(labels) == 3
    lab.check({label for label in labels if label is not None})


def test_two_people_press_one_button_at_once(lab: Lab, slack: Sandbox) -> None:
    lab.books(ALICE, "4 22:00 20h on gpu-01")
    refusals = {
        user: slack.command(user, VISION, "/gpu reserve 4 22:00 20h on gpu-01").messages[0]
        for user in (ALICE, BOB)
    }
    with ThreadPoolExecutor(2) as people:
        pressed = [
            people.submit(slack.click, user, message, **button(message, "Book "))
            for user, message in refusals.items()
        ]
        assert all(one.result().ok for one in pressed)

    eventually(lambda: len(lab.rows("SELECT id FROM booking")) >= 2)
    lab.check({row.id for row in lab.rows("SELECT id FROM booking")})


def test_a_press_on_an_offer_hours_late_says_what_became_of_it(
    lab: Lab, slack: Sandbox, clock: SandboxClock
) -> None:
    taken = lab.books(ALICE, "4 now 24h on gpu-01")
    lab.types(BOB, "wait 4 4h on gpu-01 by 22:00")
    lab.types(ALICE, f"release B{taken}")
    (offer,) = eventually(lambda: slack.direct_messages(BOB))
    # What became of it cannot be shown yet.
    slack.faults.add("chat.update", "http_500", times=None)
    for _ in range(30):
        clock.shift(timedelta(minutes=10))
        lab.bot.run_ticks()
    before = _done(lab)
    assert slack.click(BOB, offer, **button(offer, "Accept")).ok
    slack.faults.clear()
    eventually(lambda: [m for m in slack.direct_messages(BOB) if "expired" in m.text])
    assert _done(lab) == before


def test_a_press_that_comes_before_its_message_was_noted_counts(lab: Lab, slack: Sandbox) -> None:
    """Slack has shown the message, and its answer to gpubot is lost."""
    taken = lab.books(ALICE, "4 now 24h on gpu-01")
    lab.types(BOB, "wait 4 4h on gpu-01 by 22:00")
    slack.faults.add("chat.postMessage", "drop_connection", times=3, after_effect=True)
    lab.types(ALICE, f"release B{taken}")
    offer = eventually(lambda: slack.direct_messages(BOB))[0]
    assert slack.click(BOB, offer, **button(offer, "Accept")).ok
    eventually(lambda: lab.rows("SELECT id FROM offer WHERE state = 'accepted'"))
    assert len(lab.rows("SELECT id FROM booking")) == 2

"""Whatever goes wrong on the way to Slack, nothing is lost and nobody else waits."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import pytest
from mailing import SECOND, Post, say_what_it_is_about

from bot.services import delivery
from bot.services.delivery import Delivery
from bot.slack.context import Message
from bot.slack.outbox import LONGEST_PAUSE
from bot.store.errors import Busy


def test_too_many_requests_hold_up_only_the_recipient_they_were_about(post: Post) -> None:
    first = post.write("C0VISION", "slow")
    post.write("C0VISION", "after slow")
    post.write("C0NLP", "quick")
    post.slack.faults.add(method="chat.postMessage", kind="rate_limited", retry_after=30, times=1)
    post.deliver_all()
    assert post.texts("C0VISION") == []
    assert post.texts("C0NLP") == ["quick"]
    assert post.row(first).retry_at == post.wall.at + 30 * SECOND


def test_a_limited_row_is_left_alone_until_slack_said_so_and_sent_then(post: Post) -> None:
    post.write("C0VISION", "slow")
    post.slack.faults.add(method="chat.postMessage", kind="rate_limited", retry_after=30, times=1)
    post.deliver_all()
    post.wall.advance(seconds=29)
    post.deliver_all()
    assert len(post.slack.calls("chat.postMessage")) == 1
    post.wall.advance(seconds=1)
    post.deliver_all()
    assert post.texts("C0VISION") == ["slow"]


PASSING: dict[str, dict[str, Any]] = {
    "a server error": {"kind": "http_500"},
    "a broken connection": {"kind": "drop_connection"},
    "an answer that is no JSON": {"kind": "garbage"},
    "an internal error": {"kind": "error", "code": "internal_error"},
    "a token that is no longer valid": {"kind": "error", "code": "invalid_auth"},
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_may_pass_is_tried_again_and_holds_its_place(
    post: Post, fault: dict[str, Any]
) -> None:
    post.write("C0VISION", "first")
    post.write("C0VISION", "second")
    post.slack.faults.add(method="chat.postMessage", times=2, **fault)
    post.deliver_all()
    assert post.texts("C0VISION") == []
    post.wall.advance(seconds=1)
    post.deliver_all()
    post.wall.advance(seconds=2)
    post.deliver_all()
    assert post.texts("C0VISION") == ["first", "second"]
    assert post.states() == ["sent", "sent"]


def test_a_call_without_an_answer_is_given_up_and_made_again(post: Post) -> None:
    post.write("C0VISION", "hello")
    post.slack.faults.add(method="chat.postMessage", kind="timeout", times=1)
    assert post.deliverer(timeout=0.2).run_once() == 1
    assert post.states() == ["pending"]
    post.wall.advance(seconds=1)
    post.deliver_all()
    assert post.texts("C0VISION")[-1] == "hello"


def test_pauses_double_up_to_a_longest_one(post: Post) -> None:
    row = post.write("C0VISION", "hello")
    post.slack.faults.add(method="*", kind="http_500", times=None)
    pauses = []
    for _ in range(9):
        post.deliver_all()
        pauses.append(post.row(row).retry_at - post.wall.at)
        post.wall.at = post.row(row).retry_at
    assert pauses[:7] == [SECOND * 2**n for n in range(6)] + [LONGEST_PAUSE]
    assert set(pauses[7:]) == {LONGEST_PAUSE}


def test_an_hour_without_slack_loses_nothing_and_keeps_the_order(post: Post) -> None:
    post.slack.faults.add(method="*", kind="http_500", times=None)
    wanted = [str(number) for number in range(12)]
    for number in wanted:
        post.write("C0VISION", number)
        post.write("C0NLP", number)
        post.deliver_all()
        post.wall.advance(minutes=5)
    assert post.states() == ["pending"] * 24
    post.slack.faults.clear()
    post.deliver_all()
    assert post.texts("C0VISION") == wanted
    assert post.texts("C0NLP") == wanted
    assert post.states() == ["sent"] * 24


def test_a_message_that_waits_long_is_warned_about(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    post.write("C0VISION", "hello")
    post.slack.faults.add(method="*", kind="http_500", times=None)
    post.deliver_all()
    assert [r for r in caplog.records if r.levelno == logging.WARNING] == []
    post.wall.advance(minutes=16)
    post.deliver_all()
    assert [r.levelname for r in caplog.records if r.name == "bot.slack.outbox"][-1] == "WARNING"


REFUSED = {
    "channel_not_found": ("C0NOWHERE", {}),
    "is_archived": ("C0VISION", {"kind": "error", "code": "is_archived"}),
    "not_in_channel": ("C0VISION", {"kind": "error", "code": "not_in_channel"}),
    "invalid_blocks": ("C0VISION", {"kind": "error", "code": "invalid_blocks"}),
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_slack_refuses_for_good_fails_once_and_lets_the_next_go(
    post: Post, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    recipient, fault = REFUSED[code]
    row = post.write(recipient, "never")
    if fault:
        post.slack.faults.add(method="chat.postMessage", times=1, **fault)
    post.deliver_all()
    post.deliver_all()
    assert post.row(row).state == "failed"
    assert post.row(row).error.startswith(code)
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1
    post.write("C0VISION", "next")
    post.deliver_all()
    assert post.texts("C0VISION") == ["next"]


def test_a_private_channel_without_the_bot_does_not_block_others(post: Post) -> None:
    post.write("C0SECRET", "never")
    post.write("C0VISION", "hello")
    post.deliver_all()
    assert post.states() == ["failed", "sent"]


def test_a_message_that_cannot_be_rendered_does_not_block_the_next(post: Post) -> None:
    def render(delivery: Delivery, now: datetime) -> Message | None:
        if delivery.data["text"] == "broken":
            raise ZeroDivisionError
        return say_what_it_is_about(delivery, now)

    post.render = render
    post.write("C0VISION", "broken")
    post.write("C0VISION", "fine")
    post.deliver_all()
    assert post.states() == ["failed", "sent"]


def test_what_slack_has_taken_is_noted_once_the_database_answers_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = post.write("C0VISION", "once")
    settle, busy = delivery.settle, iter([Busy(), Busy()])

    def reluctant(*arguments: Any, **more: Any) -> None:
        if (error := next(busy, None)) is not None:
            raise error
        settle(*arguments, **more)

    monkeypatch.setattr(delivery, "settle", reluctant)
    monkeypatch.setattr("bot.slack.outbox.SETTLE_PAUSE_S", 0.0)
    post.deliver_all()
    assert post.row(row).state == "sent"
    assert len(post.slack.calls("chat.postMessage")) == 1

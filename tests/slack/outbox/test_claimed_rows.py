"""Whose a row is that is being sent: of one process, until it is done, lost or gone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from mailing import SECOND, Post, say_what_it_is_about

from bot.services import delivery as box
from bot.services.delivery import Delivery, Outcome, Place
from bot.slack.context import Message
from bot.slack.outbox import LEASE

CHANNEL = "C0VISION"


def claimed(post: Post) -> Delivery:
    """The head of the channel's queue, for a process of its own."""
    wall = post.wall.at
    found = box.claim(post.site, CHANNEL, now=wall, wall=wall, lease=LEASE)
    assert found is not None
    return found


@pytest.fixture
def overtaken(post: Post) -> Delivery:
    """A claim that ran out, after which another process has taken the row."""
    post.write(CHANNEL, "hello", topic="card")
    late = claimed(post)
    post.wall.at += LEASE
    claimed(post)
    return late


@pytest.mark.parametrize("error", ["not_in_channel", "internal_error"])
def test_after_a_call_that_failed_no_other_process_calls_at_once(post: Post, error: str) -> None:
    post.write(CHANNEL, "first")
    post.write(CHANNEL, "second")
    post.slack.faults.add("chat.postMessage", "error", code=error)
    assert post.deliverer(pace=3 * SECOND).run_once() == 1
    post.wall.advance(seconds=2)
    assert post.deliverer(pace=3 * SECOND).run_once() == 0
    post.wall.advance(seconds=1)
    assert post.deliverer(pace=3 * SECOND).run_once() == 1


def test_who_is_late_does_not_put_off_what_another_process_is_sending(
    post: Post, overtaken: Delivery
) -> None:
    before = post.row(1)
    box.postpone(post.site, overtaken, until=post.wall.at, error="Busy")
    assert post.row(1) == before


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.SKIPPED])
def test_who_is_late_does_not_give_up_what_another_process_is_sending(
    post: Post, overtaken: Delivery, outcome: Outcome
) -> None:
    before = post.row(1)
    box.settle(post.site, overtaken, outcome, now=post.wall.at, error="refused")
    assert post.row(1) == before


def test_what_slack_has_taken_is_noted_however_late(post: Post, overtaken: Delivery) -> None:
    box.settle(post.site, overtaken, Outcome.SENT, now=post.wall.at)
    assert post.states() == ["sent"]


def test_of_two_copies_the_last_one_is_edited_from_then_on(post: Post, overtaken: Delivery) -> None:
    post.wall.at += LEASE
    again = claimed(post)
    last = Place(CHANNEL, "2.2", "digest")
    box.settle(post.site, again, Outcome.SENT, now=post.wall.at, place=last)
    first = Place(CHANNEL, "1.1", "digest")
    box.settle(post.site, overtaken, Outcome.SENT, now=post.wall.at, place=first)
    assert box.place_of(post.site, again.subject, CHANNEL) == last


def test_a_message_that_takes_long_to_make_is_still_ours_while_slack_is_called(post: Post) -> None:
    tried_meanwhile = []

    def render(delivery: Delivery, now: datetime) -> Message | None:
        post.wall.at += LEASE - SECOND
        return say_what_it_is_about(delivery, now)

    post.write(CHANNEL, "hello")
    deliverer = post.deliverer()
    send = deliverer._sender._client.chat_postMessage

    def send_slowly(**arguments: Any) -> Any:
        post.wall.at += 10 * SECOND
        tried_meanwhile.append(post.deliverer().run_once())
        return send(**arguments)

    deliverer._sender._client.chat_postMessage = send_slowly  # type: ignore[method-assign]
    post.render = render
    deliverer._render = render
    assert deliverer.run_once() == 1
    assert tried_meanwhile == [0]
    assert post.texts(CHANNEL) == ["hello"]


def test_a_message_that_another_process_has_taken_meanwhile_is_left_to_it(post: Post) -> None:
    def render(delivery: Delivery, now: datetime) -> Message | None:
        post.wall.at += LEASE
        assert post.deliverer().run_once() == 1
        return say_what_it_is_about(delivery, now)

    post.write(CHANNEL, "hello")
    deliverer = post.deliverer()
    deliverer._render = render
    assert deliverer.run_once() == 1
    assert post.texts(CHANNEL) == ["hello"]
    assert len(post.slack.calls("chat.postMessage")) == 1
    assert post.states() == ["sent"]


def test_what_was_being_sent_at_a_kill_is_sent_as_soon_as_gpubot_is_back(post: Post) -> None:
    """SQLite serves one process: whoever has claimed a row before the start is gone."""
    row = post.write(CHANNEL, "hello")
    post.write("C0NLP", "limited")
    post.slack.faults.add("chat.postMessage", "rate_limited", retry_after=30, times=1)
    post.deliverer().deliver_to("C0NLP")
    claimed(post)
    assert post.row(row).retry_at > post.wall.at
    deliverer = post.deliverer()
    deliverer.start()
    try:
        post.slack.wait_for(lambda: post.texts(CHANNEL) == ["hello"])
    finally:
        deliverer.stop(5)
    # What Slack wants to have later is none of that.
    assert post.texts("C0NLP") == []


def test_where_others_share_the_database_their_claims_are_left_alone(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(post.site.database), "is_of_one_process", False)
    row = post.write(CHANNEL, "hello")
    claimed(post)
    deliverer = post.deliverer()
    deliverer.start()
    try:
        post.write("C0NLP", "other")
        deliverer.wake()
        post.slack.wait_for(lambda: post.texts("C0NLP") == ["other"])
    finally:
        deliverer.stop(5)
    assert post.row(row).state == "pending"
    assert post.texts(CHANNEL) == []

"""The outbox reaches Slack: in order, once where nothing goes wrong, by one process at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import builders
import pytest
from mailing import SECOND, Post, Wall, say_what_it_is_about
from sqlalchemy.exc import IntegrityError

from bot.services.delivery import Delivery, claim
from bot.slack.context import Message
from bot.slack.outbox import LEASE


def test_a_row_is_posted_once_and_marked_sent(post: Post) -> None:
    post.write("C0VISION", "hello")
    post.deliver_all()
    post.deliver_all()
    assert post.texts("C0VISION") == ["hello"]
    assert post.states() == ["sent"]


def test_rows_to_one_recipient_arrive_in_the_order_they_were_written(post: Post) -> None:
    for number in range(5):
        post.write("C0VISION", str(number))
    post.deliver_all()
    assert post.texts("C0VISION") == ["0", "1", "2", "3", "4"]


def test_a_row_for_a_person_opens_the_direct_message(post: Post) -> None:
    post.write(builders.ALICE, "for you")
    post.deliver_all()
    assert [m.text for m in post.slack.direct_messages(builders.ALICE)] == ["for you"]


def test_the_same_dedupe_key_cannot_be_written_twice(post: Post) -> None:
    post.write("C0VISION", "once")
    post.written -= 1
    with pytest.raises(IntegrityError, match="dedupe_key"):
        post.write("C0VISION", "twice")


def test_a_row_that_no_longer_holds_is_skipped(post: Post) -> None:
    post.write("C0VISION", "old news")
    post.render = lambda _row, _now: None
    post.deliver_all()
    assert post.states() == ["skipped"]
    assert post.slack.calls("chat.postMessage") == []


def test_a_row_being_sent_by_one_process_is_left_alone_by_the_other(post: Post) -> None:
    tried_meanwhile = []

    def render(delivery: Delivery, now: datetime) -> Message | None:
        tried_meanwhile.append(post.deliverer().run_once())
        return say_what_it_is_about(delivery, now)

    post.write("C0VISION", "once")
    post.render = render
    post.deliver_all()
    assert tried_meanwhile == [0]
    assert post.texts("C0VISION") == ["once"]


def test_the_claim_of_a_process_that_died_ends_by_itself(post: Post) -> None:
    post.write("C0VISION", "hello")
    wall = post.wall.at
    assert claim(post.site, "C0VISION", now=wall, wall=wall, lease=LEASE) is not None
    post.deliver_all()
    assert post.texts("C0VISION") == []
    post.wall.at += LEASE
    post.deliver_all()
    assert post.texts("C0VISION") == ["hello"]


def test_nothing_is_locked_while_slack_is_called(post: Post) -> None:
    def render(delivery: Delivery, now: datetime) -> Message | None:
        post.write("C0NLP", "written meanwhile")
        return say_what_it_is_about(delivery, now)

    post.write("C0VISION", "hello")
    post.render = render
    deliverer = post.deliverer()
    send = deliverer._sender._client.chat_postMessage

    def send_while_writing(**arguments: Any) -> Any:
        post.write("C0NLP", "written while Slack is called")
        return send(**arguments)

    deliverer._sender._client.chat_postMessage = send_while_writing  # type: ignore[method-assign]
    deliverer.run_once()
    assert post.states() == ["sent", "pending", "pending"]


def test_one_recipient_gets_about_one_call_a_second(post: Post) -> None:
    for number in range(3):
        post.write("C0VISION", str(number))
    post.write("C0NLP", "other")
    deliverer = post.deliverer(pace=SECOND)
    tried = []
    for _ in range(4):
        tried.append(deliverer.run_once())
        post.wall.advance(seconds=0.5)
    assert tried == [2, 0, 1, 0]


def test_one_recipient_gets_about_one_call_a_second_from_all_processes_together(
    post: Post,
) -> None:
    for number in range(3):
        post.write("C0VISION", str(number))
    one, other = post.deliverer(pace=SECOND), post.deliverer(pace=SECOND)
    tried = []
    for deliverer in (one, other, other, one, other, one):
        tried.append(deliverer.run_once())
        post.wall.advance(seconds=0.5)
    assert tried == [1, 0, 1, 0, 1, 0]
    assert post.texts("C0VISION") == ["0", "1", "2"]


def test_what_was_skipped_holds_up_nobody(post: Post) -> None:
    post.write("C0VISION", "out of date")
    post.write("C0VISION", "news")

    def render(delivery: Delivery, now: datetime) -> Message | None:
        message = say_what_it_is_about(delivery, now)
        return None if message and message.text == "out of date" else message

    post.render = render
    assert [post.deliverer(pace=SECOND).run_once() for _ in range(2)] == [1, 1]
    assert post.states() == ["skipped", "sent"]


def test_a_process_whose_clock_is_behind_waits_for_no_others(post: Post) -> None:
    post.write("C0VISION", "first")
    post.write("C0VISION", "second")
    post.deliverer(pace=SECOND).run_once()
    post.wall.advance(hours=-1)
    assert post.deliverer(pace=SECOND).run_once() == 1


def test_a_commit_wakes_the_deliverer_in_the_background(post: Post) -> None:
    deliverer = post.deliverer()
    post.site.database.on_commit(deliverer.wake)
    deliverer.start()
    try:
        post.write("C0VISION", "first")
        post.slack.wait_for(lambda: post.texts("C0VISION") == ["first"])
        post.write("C0VISION", "second")
        post.slack.wait_for(lambda: post.texts("C0VISION") == ["first", "second"])
    finally:
        deliverer.stop(5)


def test_a_row_is_held_by_the_bots_clock_and_not_by_real_time(post: Post) -> None:
    clock = Wall(post.wall.at)
    held = post.write(builders.ALICE, "held", held_until=clock.at + 60 * SECOND)
    sent = post.write(builders.ALICE, "at once")
    deliverer = post.deliverer(clock=clock)
    assert [deliverer.run_once(), deliverer.run_once()] == [1, 0]
    post.wall.advance(hours=1)
    assert deliverer.run_once() == 0
    clock.advance(seconds=60)
    assert deliverer.run_once() == 1
    assert [m.text for m in post.slack.direct_messages(builders.ALICE)] == ["at once", "held"]
    assert post.row(sent).settled_at == clock.at - 60 * SECOND
    assert post.row(held).settled_at == clock.at


def test_somebody_can_wait_until_everything_has_arrived(post: Post) -> None:
    for number in range(3):
        post.write("C0VISION", str(number))
    deliverer = post.deliverer()
    assert not deliverer.wait_until_idle(0)
    deliverer.start()
    try:
        assert deliverer.wait_until_idle(20)
        assert post.states() == ["sent"] * 3
    finally:
        deliverer.stop(5)


def test_nobody_waits_for_what_slack_wants_later_or_what_is_held(post: Post) -> None:
    post.write("C0VISION", "slow")
    post.write(builders.ALICE, "held", held_until=post.wall.at + SECOND)
    post.slack.faults.add(method="chat.postMessage", kind="rate_limited", retry_after=30, times=1)
    deliverer = post.deliverer()
    assert deliverer.run_once() == 1
    assert deliverer.wait_until_idle(0)


def test_a_new_pace_holds_from_the_next_call_on(post: Post) -> None:
    for number in range(3):
        post.write("C0VISION", str(number))
    deliverer = post.deliverer(pace=60 * SECOND)
    assert [deliverer.run_once(), deliverer.run_once()] == [1, 0]
    deliverer.pace = SECOND
    post.wall.advance(seconds=1)
    assert [deliverer.run_once(), deliverer.run_once()] == [1, 0]

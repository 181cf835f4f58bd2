"""The outbox reaches a real (embedded) Slack: in order, at least once, whatever goes wrong."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import builders
import pytest
from slack_sdk import WebClient
from sqlalchemy import insert

from bot.sandbox import Sandbox, SandboxChannel, SandboxUser
from bot.services.delivery import Delivery, claim
from bot.services.site import Site
from bot.slack.context import Message
from bot.slack.outbox import LEASE, LONGEST_PAUSE, Deliverer
from bot.store import models, queries

MANIFEST = Path(__file__).parents[2] / "manifest.yml"
START = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Wall:
    """Real time that passes only when a test says so."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def now(self) -> datetime:
        return self.at

    def advance(self, **length: float) -> None:
        self.at += timedelta(**length)


def say_what_it_is_about(delivery: Delivery, _now: datetime) -> Message | None:
    """A renderer for tests: living for cards; what it says can be set by the row's data."""
    text = str(delivery.data.get("text", delivery.subject))
    if delivery.topic == "card":
        return Message(text, living=True)
    thread = delivery.subject if delivery.topic == "event" else None
    return Message(text, thread_of=thread)


@dataclass
class Post:
    """An outbox with its deliverer, and Slack at the other end."""

    site: Site
    slack: Sandbox
    wall: Wall
    render: Callable[[Delivery, datetime], Message | None] = say_what_it_is_about
    written: int = 0
    deliverers: list[Deliverer] = field(default_factory=list)

    def write(
        self, recipient: str, text: str, *, topic: str = "notice", subject: str = "booking:1"
    ) -> int:
        """Write one row; return its id."""
        self.written += 1
        with self.site.database.transaction() as connection:
            result = connection.execute(
                insert(models.Outbox).values(
                    dedupe_key=f"row {self.written}",
                    topic=topic,
                    recipient=recipient,
                    subject=subject,
                    data=json.dumps({"text": text}),
                    created_at=self.wall.at,
                )
            )
        return int(result.inserted_primary_key[0])

    def deliverer(self, *, pace: timedelta = timedelta(), timeout: float = 5) -> Deliverer:
        """A process's deliverer; its retries come at the longest pause that chance allows."""
        client = WebClient(
            token=self.slack.bot_token,
            base_url=self.slack.api_url,
            timeout=timeout,  # type: ignore[arg-type]
            retry_handlers=[],
        )
        client.proxy = None
        chance = random.Random(1)
        chance.uniform = lambda _low, high: high  # type: ignore[method-assign]
        return Deliverer(
            self.site,
            client,
            lambda row, now: self.render(row, now),
            self.wall,
            wall=self.wall,
            pace=pace,
            chance=chance,
        )

    def deliver_all(self) -> None:
        """Deliver what is due, until nothing is."""
        deliverer = self.deliverer()
        while deliverer.run_once():
            pass

    def texts(self, channel: str) -> list[str]:
        """What stands in a channel."""
        return [message.text for message in self.slack.messages(channel, builders.ALICE)]

    def row(self, row_id: int) -> Any:
        """A row of the outbox as it is now."""
        with self.site.database.snapshot() as connection:
            statement = queries.columns(models.Outbox).where(models.Outbox.id == row_id)
            return connection.execute(statement).one()

    def states(self) -> list[str]:
        """The state of each row, by id."""
        with self.site.database.snapshot() as connection:
            rows = connection.execute(queries.columns(models.Outbox).order_by(models.Outbox.id))
            return [row.state for row in rows]


@pytest.fixture
def slack() -> Iterator[Sandbox]:
    people = [builders.ALICE, builders.BOB]
    workspace = Sandbox(
        manifest=MANIFEST,
        users=[SandboxUser(user, user[2:].lower(), user[2:].title()) for user in people],
        channels=[
            SandboxChannel("C0VISION", "vision", members=people),
            SandboxChannel("C0NLP", "nlp", members=people),
            SandboxChannel("C0SECRET", "secret", members=people, private=True, bot_member=False),
        ],
    )
    with workspace.start():
        yield workspace


@pytest.fixture
def post(site: Site, slack: Sandbox) -> Post:
    return Post(site, slack, Wall())


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
    with pytest.raises(Exception, match="UNIQUE constraint failed: outbox.dedupe_key"):
        post.write("C0VISION", "twice")


def test_a_row_that_no_longer_holds_is_skipped(post: Post) -> None:
    post.write("C0VISION", "old news")
    post.render = lambda _row, _now: None
    post.deliver_all()
    assert post.states() == ["skipped"]
    assert post.slack.calls("chat.postMessage") == []


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


def test_a_living_message_is_edited_in_place(post: Post) -> None:
    post.write("C0VISION", "reserved", topic="card")
    post.deliver_all()
    post.write("C0VISION", "extended", topic="card")
    post.deliver_all()
    assert post.texts("C0VISION") == ["extended"]
    assert len(post.slack.calls("chat.postMessage")) == 1


def test_a_living_direct_message_is_edited_in_place(post: Post) -> None:
    post.write(builders.ALICE, "offered", topic="card")
    post.deliver_all()
    post.write(builders.ALICE, "accepted", topic="card")
    post.deliver_all()
    assert [m.text for m in post.slack.direct_messages(builders.ALICE)] == ["accepted"]


def test_an_edit_that_changes_nothing_is_not_sent(post: Post) -> None:
    post.write("C0VISION", "reserved", topic="card")
    post.deliver_all()
    post.write("C0VISION", "reserved", topic="card")
    post.deliver_all()
    assert post.slack.calls("chat.update") == []
    assert post.states() == ["sent", "sent"]


def test_a_living_message_that_was_deleted_is_posted_anew(post: Post) -> None:
    post.write("C0VISION", "reserved", topic="card")
    post.deliver_all()
    post.slack.faults.add(method="chat.update", kind="error", code="message_not_found", times=1)
    post.write("C0VISION", "extended", topic="card")
    post.deliver_all()
    post.write("C0VISION", "ended", topic="card")
    post.deliver_all()
    assert post.texts("C0VISION") == ["reserved", "ended"]


def test_cards_of_one_booking_that_wait_together_become_one_call(post: Post) -> None:
    for text in ("same", "same", "same"):
        post.write("C0VISION", text, topic="card")
    post.write("C0VISION", "other", topic="card", subject="booking:2")
    post.deliver_all()
    assert [call.arguments["text"] for call in post.slack.calls("chat.postMessage")] == [
        "same",
        "other",
    ]
    assert post.states() == ["sent"] * 4


def test_a_card_in_one_channel_does_not_do_for_another(post: Post) -> None:
    post.write("C0VISION", "card", topic="card")
    post.write("C0NLP", "card", topic="card")
    post.deliver_all()
    assert post.texts("C0VISION") == post.texts("C0NLP") == ["card"]


def test_what_happened_stands_in_the_thread_of_the_card(post: Post) -> None:
    post.write("C0VISION", "card", topic="card")
    post.write("C0VISION", "extended by 2 h", topic="event")
    post.deliver_all()
    card = post.slack.messages("C0VISION", builders.ALICE)[0]
    thread = post.slack.thread("C0VISION", card.ts)
    assert [message.text for message in thread] == ["card", "extended by 2 h"]


def test_an_event_without_a_card_is_posted_by_itself(post: Post) -> None:
    post.write("C0VISION", "extended by 2 h", topic="event")
    post.deliver_all()
    assert post.texts("C0VISION") == ["extended by 2 h"]


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
    assert claim(post.site, "C0VISION", wall=post.wall.at, lease=LEASE) is not None
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
    send = deliverer._client.chat_postMessage

    def send_while_writing(**arguments: Any) -> Any:
        post.write("C0NLP", "written while Slack is called")
        return send(**arguments)

    deliverer._client.chat_postMessage = send_while_writing  # type: ignore[method-assign]
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

"""Answers that cannot go where they belong any more reach the person all the same."""

from __future__ import annotations

from datetime import timedelta

import builders
import pytest
from patience import PATIENCE_S
from slack_sdk import WebClient

from bot.sandbox import Sandbox
from bot.sandbox.payloads import response_url
from bot.slack.answers import Answers
from bot.slack.context import Reply
from bot.slack.workers import Workers

LATE = timedelta(minutes=31)


def answered(slack: Sandbox, opened_in: str, answered_in: str | None) -> None:
    """Answer something that was begun in one channel half an hour ago."""
    client = WebClient(slack.bot_token, slack.api_url, retry_handlers=[])
    client.proxy = None
    where = slack.workspace.conversations[opened_in]
    url = response_url(slack.workspace, "commands", builders.ALICE, where, None)
    slack.clock.shift(LATE)
    workers = Workers("answers", threads=1, capacity=1)
    workers.start()
    Answers(client, workers).send(
        Reply("Booked."), response_url=url, channel=answered_in, user=builders.ALICE,
        replaceable=False,
    )  # fmt: skip
    workers.stop(PATIENCE_S)


def test_it_stands_in_the_channel_where_that_is_known(slack: Sandbox) -> None:
    answered(slack, "C0VISION", "C0VISION")
    (message,) = slack.messages("C0VISION", builders.ALICE)
    assert (message.text, message.ephemeral) == ("Booked.", True)
    assert slack.direct_messages(builders.ALICE) == []


@pytest.mark.parametrize("channel", [None, "C0SECRET"], ids=["a form", "gpubot is no member"])
def test_else_it_is_a_direct_message(slack: Sandbox, channel: str | None) -> None:
    answered(slack, "C0SECRET", channel)
    assert [message.text for message in slack.direct_messages(builders.ALICE)] == ["Booked."]

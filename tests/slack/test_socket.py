"""The Socket Mode connection: begun when Slack is there, and let go of when Slack has gone."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue

import pytest
from patience import PATIENCE_S
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.config.settings import Settings
from bot.sandbox import Sandbox
from bot.slack.socket import SocketLink, _Arrived, _has_ended

MANIFEST = Path(__file__).parents[2] / "manifest.yml"


@pytest.fixture
def slack() -> Iterator[Sandbox]:
    with Sandbox(
        manifest=MANIFEST, users=[], channels=[], ack_timeout=PATIENCE_S
    ).start() as workspace:
        yield workspace


def app_in(slack: Sandbox, *, process_before_response: bool = False) -> App:
    """An app that does nothing yet."""
    return App(
        client=WebClient(base_url=slack.api_url),
        authorize=lambda: AuthorizeResult(enterprise_id=None, team_id=None),
        signing_secret="",
        process_before_response=process_before_response,
    )


def link_to(slack: Sandbox, app: App) -> SocketLink:
    """The app's connection, which is not begun."""
    return SocketLink(app, Settings(app_token=slack.app_token, slack_api_url=slack.api_url))


def test_the_first_connection_is_tried_until_slack_is_there(slack: Sandbox) -> None:
    link = link_to(slack, app_in(slack))
    slack.faults.add(method="apps.connections.open", kind="http_500", times=1)
    assert link.problem() == "Socket Mode: not connected, trying again"
    link.start()
    try:
        slack.wait_for(lambda: slack.connected)
        assert len(slack.calls("apps.connections.open")) == 2
    finally:
        link.stop(5)


def test_a_connection_that_comes_about_while_it_is_ended_is_closed(slack: Sandbox) -> None:
    link = link_to(slack, app_in(slack))
    asked, ended, connect = threading.Event(), threading.Event(), link._handler.connect

    def connect_late() -> None:
        asked.set()
        assert ended.wait(PATIENCE_S)
        connect()

    link._handler.connect = connect_late
    link.start()
    assert asked.wait(PATIENCE_S)
    link.stop(0)
    ended.set()
    link._starter.join(PATIENCE_S)
    assert not link._starter.is_alive()
    assert not link._handler.client.is_connected()
    slack.wait_for(lambda: not slack.connected)


def envelope() -> str:
    """A command, as it comes."""
    body = {"command": "/gpu", "trigger_id": "1", "user_id": "U0ALICE"}
    return json.dumps({"type": "slash_commands", "envelope_id": "E1", "payload": body})


def test_what_has_waited_for_too_long_is_marked_as_over_http(slack: Sandbox) -> None:
    seen: Queue[bool] = Queue()
    app = app_in(slack, process_before_response=True)

    @app.command("/gpu")
    def gpu(ack: Callable[[], None], context: dict[str, bool]) -> None:
        ack()
        seen.put(context.get("is_late", False))

    link = link_to(slack, app)
    client = link._handler.client
    link.start()
    try:
        slack.wait_for(lambda: slack.connected)
        client.enqueue_message(envelope())
        assert not seen.get(timeout=PATIENCE_S)
        late = _Arrived(envelope())
        late.at = time.monotonic() - PATIENCE_S - 1
        client.message_queue.put(late)
        assert seen.get(timeout=PATIENCE_S)
    finally:
        link.stop(5)


def test_a_connection_has_ended_once_the_other_side_closed_it_and_all_was_read() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        assert not _has_ended(ours)
        theirs.send(b"last word")
        theirs.close()
        assert not _has_ended(ours)
        assert ours.recv(100) == b"last word"
        assert _has_ended(ours)
    assert not _has_ended(ours)

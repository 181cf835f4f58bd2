"""Delivery by signed HTTP requests."""

import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from patience import PATIENCE_S
from slack_bolt import Ack, App, BoltResponse, Respond
from slack_sdk import WebClient

from bot.sandbox import Sandbox
from bot.sandbox.signedhttp import signature

BUTTON = {
    "type": "button",
    "action_id": "cancel",
    "text": {"type": "plain_text", "text": "Cancel"},
}


def test_a_command_is_answered_in_the_response(
    sandbox: Sandbox, app: App, by_http: ThreadingHTTPServer
) -> None:
    app.command("/gpu")(lambda ack, command: ack(f"you said {command['text']}"))
    result = sandbox.command("U0ALICE", "C0VISION", "/gpu free @bob")
    assert [m.text for m in result.messages] == ["you said free <@U0BOB|bob>"]


def test_presses_and_their_answers_work_too(
    sandbox: Sandbox, app: App, client: WebClient, by_http: ThreadingHTTPServer
) -> None:
    @app.action(re.compile(""))
    def cancel(ack: Ack, respond: Respond) -> None:
        ack()
        respond("cancelled", replace_original=True)

    client.chat_postMessage(
        channel="C0VISION", text="x", blocks=[{"type": "actions", "elements": [BUTTON]}]
    )
    assert sandbox.click("U0BOB", sandbox.messages("C0VISION", "U0BOB")[0], "cancel").ok
    shown = sandbox.wait_for(lambda: [m for m in sandbox.messages("C0VISION", "U0BOB") if m.edited])
    assert shown[0].text == "cancelled"


@pytest.mark.parametrize("secret", ["wrong", ""])
def test_a_request_with_another_signature_is_refused(
    sandbox: Sandbox, app: App, by_http: ThreadingHTTPServer, secret: str
) -> None:
    heard: list[Any] = []
    app.command("/gpu")(lambda ack: (heard.append(1), ack()))
    sandbox.workspace.app.signing_secret = secret
    result = sandbox.command("U0ALICE", "C0VISION", "/gpu free")
    assert (result.error, heard) == ("http_client_error", [])


def test_an_old_request_is_refused(
    sandbox: Sandbox, app: App, by_http: ThreadingHTTPServer
) -> None:
    body = b"command=/gpu"
    assert sandbox.request_url is not None
    request = urllib.request.Request(
        sandbox.request_url,
        data=body,
        headers=signature(sandbox.signing_secret, body, at=1_000_000_000),
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as error:
        assert error.code == 401


def test_nobody_listening_is_a_failed_dispatch(sandbox: Sandbox) -> None:
    sandbox.request_url = "http://127.0.0.1:9/slack/events"
    assert sandbox.command("U0ALICE", "C0VISION", "/gpu free").error == "dispatch_failed"


def test_a_duplicate_carries_the_headers_of_a_repetition(
    sandbox: Sandbox, app: App, by_http: ThreadingHTTPServer
) -> None:
    headers: list[Any] = []

    @app.command("/gpu")
    def note(ack: Ack, request: Any) -> None:
        names = ("x-slack-retry-num", "x-slack-retry-reason")
        headers.append([request.headers.get(name) for name in names])
        ack()

    sandbox.faults.duplicate_deliveries(1)
    sandbox.command("U0ALICE", "C0VISION", "/gpu free")
    assert headers == [[None, None], [["1"], ["http_timeout"]]]


def test_an_event_that_was_not_acknowledged_is_repeated(
    sandbox: Sandbox, app: App, client: WebClient, by_http: ThreadingHTTPServer
) -> None:
    attempts: list[Any] = []

    @app.middleware
    def fail_twice(request: Any, next: Callable[[], BoltResponse]) -> BoltResponse:  # noqa: A002
        attempts.append(request.headers.get("x-slack-retry-num"))
        return BoltResponse(status=500) if len(attempts) < 3 else next()

    app.event("app_home_opened")(lambda event: client.api_test(user=event["user"]))
    sandbox.delivery.event_retries = (0.0, 0.0, 0.0)
    sandbox.open_home("U0ALICE")
    sandbox.wait_for(lambda: sandbox.calls("api.test"))
    assert attempts == [None, ["1"], ["2"]]


def test_an_event_is_given_up_after_its_last_repetition(
    sandbox: Sandbox, app: App, by_http: ThreadingHTTPServer
) -> None:
    done = threading.Event()
    attempts: list[Any] = []

    @app.middleware
    def fail(request: Any) -> BoltResponse:
        attempts.append(request.headers.get("x-slack-retry-num"))
        if len(attempts) == 3:
            done.set()
        return BoltResponse(status=500)

    sandbox.delivery.event_retries = (0.0, 0.0)
    sandbox.open_home("U0ALICE")
    assert done.wait(PATIENCE_S)
    sandbox.delivery.stop()
    assert len(attempts) == 3

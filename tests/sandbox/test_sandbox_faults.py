"""Faults on demand, and a bot's client that lives through them."""

import urllib.error
from typing import Any

import pytest
from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox import Sandbox


def post(client: WebClient) -> Any:
    return client.chat_postMessage(channel="C0VISION", text="x")


def posted(sandbox: Sandbox) -> int:
    return len(sandbox.messages("C0VISION", "U0ALICE"))


def test_too_many_calls_are_told_when_to_come_back(sandbox: Sandbox, client: WebClient) -> None:
    sandbox.faults.add("chat.postMessage", "rate_limited", retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        post(client)
    response = caught.value.response
    assert (response.status_code, response["error"]) == (429, "ratelimited")
    assert response.headers["Retry-After"] == "7"
    assert posted(sandbox) == 0
    assert post(client)["ok"]
    errors = [call.result.get("error") for call in sandbox.calls("chat.postMessage")]
    assert errors == ["ratelimited", None]


def test_a_fault_hits_its_method_as_often_as_it_says(sandbox: Sandbox, client: WebClient) -> None:
    sandbox.faults.add("chat.postMessage", "error", code="fatal_error", times=2)
    assert client.auth_test()["ok"]
    for _ in range(2):
        with pytest.raises(SlackApiError, match="fatal_error"):
            post(client)
    assert post(client)["ok"]


def test_a_fault_for_all_methods_lasts_until_it_is_cleared(
    sandbox: Sandbox, client: WebClient
) -> None:
    sandbox.faults.add("*", "http_500", times=None)
    for call in (client.auth_test, client.api_test):
        with pytest.raises(SlackApiError) as caught:
            call()
        assert caught.value.response.status_code == 500
    sandbox.faults.clear()
    assert client.auth_test()["ok"]


def test_garbage_is_no_json(sandbox: Sandbox, client: WebClient) -> None:
    sandbox.faults.add("*", "garbage")
    with pytest.raises(SlackApiError, match="502 Bad Gateway"):
        client.auth_test()


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_dropped_connection_leaves_open_whether_it_happened(
    sandbox: Sandbox, client: WebClient, *, after_effect: bool
) -> None:
    client.retry_handlers.clear()
    sandbox.faults.add("chat.postMessage", "drop_connection", after_effect=after_effect)
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        post(client)
    assert posted(sandbox) == int(after_effect)
    assert post(client)["ok"]


def test_a_hanging_call_runs_into_the_clients_own_limit(sandbox: Sandbox) -> None:
    hasty = WebClient(token=sandbox.bot_token, base_url=sandbox.api_url, timeout=0.1)  # type: ignore[arg-type]
    sandbox.faults.add("*", "timeout")
    with pytest.raises(TimeoutError):
        hasty.auth_test()
    sandbox.faults.clear()


def test_an_unknown_fault_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="'flood' is no fault; there are: rate_limited"):
        sandbox.faults.add("*", "flood")


def test_a_duplicate_delivery_reaches_the_app_as_a_repetition(
    sandbox: Sandbox, app: App, by_socket: SocketModeHandler
) -> None:
    attempts: list[Any] = []

    @app.command("/gpu")
    def note(ack: Ack, body: dict[str, Any], request: Any) -> None:
        attempts.append((body["trigger_id"], request.headers.get("x-slack-retry-num")))
        ack("once")

    sandbox.faults.duplicate_deliveries(1)
    assert sandbox.command("U0ALICE", "C0VISION", "/gpu free").ok
    assert sandbox.command("U0ALICE", "C0VISION", "/gpu free").ok
    assert [retry for _, retry in attempts] == [None, ["1"], None]
    assert attempts[0][0] == attempts[1][0] != attempts[2][0]
    assert posted(sandbox) == 2


@pytest.mark.parametrize("announced", [False, True])
def test_the_app_comes_back_after_its_sockets_were_dropped(
    sandbox: Sandbox, app: App, by_socket: SocketModeHandler, *, announced: bool
) -> None:
    app.command("/gpu")(lambda ack: ack("here"))
    sandbox.faults.drop_sockets(announced=announced)
    sandbox.wait_for(lambda: sandbox.connected)
    assert sandbox.command("U0ALICE", "C0VISION", "/gpu free").ok
    assert len(sandbox.calls("apps.connections.open")) == 2


def test_while_sockets_are_refused_the_app_stays_away(
    sandbox: Sandbox, app: App, by_socket: SocketModeHandler
) -> None:
    app.command("/gpu")(lambda ack: ack("here"))
    sandbox.faults.refuse_sockets()
    sandbox.faults.drop_sockets()
    sandbox.wait_for(lambda: len(sandbox.calls("apps.connections.open")) == 2)
    assert sandbox.command("U0ALICE", "C0VISION", "/gpu free").error == "dispatch_failed"
    sandbox.faults.refuse_sockets(False)
    sandbox.wait_for(lambda: sandbox.connected)
    assert sandbox.command("U0ALICE", "C0VISION", "/gpu free").ok


def test_a_workspace_that_was_away_comes_back_with_everything(
    sandbox: Sandbox, app: App, client: WebClient, by_socket: SocketModeHandler
) -> None:
    app.command("/gpu")(lambda ack: ack("here"))
    post(client)
    port = int(sandbox.url.rsplit(":", 1)[1])
    sandbox.stop()
    sandbox.start(port)
    sandbox.wait_for(lambda: sandbox.connected)
    assert sandbox.command("U0BOB", "C0VISION", "/gpu free").ok
    assert posted(sandbox) == 1

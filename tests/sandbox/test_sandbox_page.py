"""What the page in the browser talks to."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from bot.sandbox import Sandbox

Json = dict[str, Any]
PICK = {
    "type": "static_select",
    "action_id": "model",
    "options": [{"text": {"type": "plain_text", "text": "A100"}, "value": "a100"}],
}


@pytest.fixture
def ui(sandbox: Sandbox) -> Callable[..., Json]:
    """ui("state", user=…) reads, ui("post", {…}) writes."""

    def call(name: str, body: Json | None = None, **query: str) -> Json:
        url = f"{sandbox.url}/ui/{name}?{urllib.parse.urlencode(query)}"
        data = None if body is None else json.dumps(body).encode()
        answer: Json = json.loads(fetch(url, data)[1])
        return answer

    return call


def fetch(url: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def live(sandbox: Sandbox, user: str, **options: Any) -> ClientConnection:
    address = sandbox.url.replace("http", "ws")
    return connect(f"{address}/ui/live?user={user}", proxy=None, **options)


def heard(page: ClientConnection, kind: str) -> Json:
    """The next event of a kind."""
    while True:
        event: Json = json.loads(page.recv(timeout=60))
        if event["type"] == kind:
            return event


def test_the_state_shows_a_person_their_channels(ui: Callable[..., Json]) -> None:
    state = ui("state", user="U0ALICE")
    assert state["workspace"] == {"name": "Vision Lab", "team_id": "T0LAB"}
    assert state["me"] == "U0ALICE"
    assert [(c["kind"], c["name"]) for c in state["channels"]] == [
        ("channel", "vision"),
        ("im", "gpubot"),
    ]
    assert [(u["initials"], u["is_bot"]) for u in state["users"]] == [
        ("AM", False),
        ("BL", False),
        ("G", True),
    ]
    assert state["commands"][0]["usage_hint"] == "reserve 4 tomorrow 22:00 20h"
    assert state["app"]["connected"] is False


def test_unread_messages_are_counted_until_somebody_looks(
    ui: Callable[..., Json], client: WebClient
) -> None:
    client.chat_postMessage(channel="C0VISION", text="one")
    client.chat_postMessage(channel="C0VISION", text="two")
    assert ui("state", user="U0ALICE")["channels"][0]["unread"] == 2
    shown = ui("messages", user="U0ALICE", channel="C0VISION")["messages"]
    assert [message["text"] for message in shown] == ["one", "two"]
    assert ui("state", user="U0ALICE")["channels"][0]["unread"] == 0
    assert ui("state", user="U0BOB")["channels"][0]["unread"] == 2


def test_what_is_typed_is_a_message_or_a_command(
    ui: Callable[..., Json], sandbox: Sandbox, app: App, by_socket: SocketModeHandler
) -> None:
    app.command("/gpu")(lambda ack: ack("4 are free"))
    said = {"user": "U0ALICE", "channel": "C0VISION"}
    assert ui("post", {**said, "text": "hello"}) == {"ok": True}
    assert ui("post", {**said, "text": "/gpu free"}) == {"ok": True}
    assert [m.text for m in sandbox.messages("C0VISION", "U0ALICE")] == ["hello", "4 are free"]
    assert "not a valid command" in ui("post", {**said, "text": "/cpu"})["error"]
    parent = sandbox.messages("C0VISION", "U0ALICE")[0].ts
    assert ui("post", {**said, "text": "hi", "thread_ts": parent})["ok"]
    thread = ui("thread", user="U0BOB", channel="C0VISION", ts=parent)["messages"]
    assert [message["text"] for message in thread] == ["hello", "hi"]


def test_a_choice_in_a_message_reaches_the_app(
    ui: Callable[..., Json],
    app: App,
    client: WebClient,
    by_socket: SocketModeHandler,
) -> None:
    bodies: list[Json] = []
    app.action("model")(lambda ack, body: (bodies.append(body), ack()))
    blocks = [{"type": "actions", "block_id": "row", "elements": [PICK]}]
    ts = client.chat_postMessage(channel="C0VISION", text="x", blocks=blocks)["ts"]
    chosen = {"selected_option": PICK["options"][0]}  # type: ignore[index]
    asked = {
        "user": "U0ALICE",
        "container": {"type": "message", "channel": "C0VISION", "ts": ts},
        "action": {"type": "static_select", "action_id": "model", "block_id": "row", **chosen},
        "state": {"values": {}},
    }
    assert ui("action", asked) == {"ok": True}
    assert bodies[0]["actions"][0]["selected_option"]["value"] == "a100"
    elsewhere = {**asked, "action": {**asked["action"], "block_id": "other"}}
    assert "no element 'model'" in ui("action", elsewhere)["error"]


def test_a_modal_is_shown_refused_and_closed(
    ui: Callable[..., Json],
    sandbox: Sandbox,
    app: App,
    client: WebClient,
    by_socket: SocketModeHandler,
) -> None:
    plain = {"type": "plain_text", "text": "Count"}
    field = {"type": "number_input", "action_id": "n", "is_decimal_allowed": False}
    view = {
        "type": "modal",
        "title": plain,
        "submit": plain,
        "blocks": [{"type": "input", "block_id": "count", "label": plain, "element": field}],
    }
    app.command("/gpu")(
        lambda ack, body: (ack(), client.views_open(trigger_id=body["trigger_id"], view=view))
    )
    with live(sandbox, "U0ALICE") as page:
        ui("post", {"user": "U0ALICE", "channel": "C0VISION", "text": "/gpu"})
        event = heard(page, "view")
        shown = event["view"]
        assert (event["stack"], shown["title"]["text"]) == (1, "Count")
        sent = {"user": "U0ALICE", "view_id": shown["id"], "state": {"values": {}}}
        errors = {"count": "Please complete this required field."}
        assert ui("submit", sent) == {"ok": False, "errors": errors}
        assert heard(page, "view_errors")["errors"] == errors
        assert ui("close", {"user": "U0ALICE", "view_id": shown["id"], "clear": False})["ok"]
        assert heard(page, "view") == {"type": "view", "view": None, "stack": 0}
    assert "has no modal" in ui("close", {"user": "U0ALICE", "view_id": shown["id"]})["error"]


def test_an_open_page_hears_what_its_person_may_see(sandbox: Sandbox, client: WebClient) -> None:
    with live(sandbox, "U0ALICE") as alice, live(sandbox, "U0BOB") as bob:
        client.chat_postEphemeral(channel="C0VISION", user="U0BOB", text="psst")
        client.chat_postMessage(channel="G0SECRET", text="among us")
        ts = client.chat_postMessage(channel="C0VISION", text="for all")["ts"]
        client.chat_update(channel="C0VISION", ts=ts, text="for everybody")
        client.chat_delete(channel="C0VISION", ts=ts)
        bobs = [heard(bob, "message")["message"]["text"] for _ in range(3)]
        assert bobs == ["psst", "among us", "for all"]
        assert heard(alice, "message")["message"]["text"] == "for all"
        assert heard(alice, "message_changed")["message"]["text"] == "for everybody"
        gone = {"type": "message_deleted", "channel": "C0VISION", "ts": ts}
        assert heard(alice, "message_deleted") == gone


def test_a_failed_command_is_toasted_to_who_typed_it(
    sandbox: Sandbox, ui: Callable[..., Json]
) -> None:
    with live(sandbox, "U0ALICE") as page:
        ui("post", {"user": "U0ALICE", "channel": "C0VISION", "text": "/gpu free"})
        assert heard(page, "toast")["text"] == "/gpu failed with the error “dispatch_failed”"


def test_the_clock_can_be_moved_and_every_page_hears_it(
    sandbox: Sandbox, ui: Callable[..., Json]
) -> None:
    with live(sandbox, "U0ALICE") as page:
        moved = ui("clock", {"jump": "2026-11-25T22:00:00+08:00", "speed": 0})
        assert moved["now"] == "2026-11-25T14:00:00+00:00"
        assert heard(page, "clock")["epoch"] == sandbox.clock.now().timestamp()
    assert ui("clock", {"shift": 3600})["now"] == "2026-11-25T15:00:00+00:00"
    assert ui("clock") == {"now": "2026-11-25T15:00:00+00:00", "epoch": 1795618800, "speed": 0}
    assert "time zone" in ui("clock", {"jump": "2026-11-25T22:00:00"})["error"]


def test_faults_are_listed_and_cleared(ui: Callable[..., Json], sandbox: Sandbox) -> None:
    added = {"kind": "rate_limited", "method": "chat.postMessage", "retry_after": 5}
    assert ui("faults", added)["faults"][0]["retry_after"] == 5
    assert ui("faults", {"kind": "duplicate_deliveries", "count": 2})["ok"]
    assert ui("faults")["duplicate_deliveries"] == 2
    assert "no fault" in ui("faults", {"kind": "flood"})["error"]
    assert ui("faults", {"clear": True})["faults"] == []


def test_the_home_tab_is_empty_until_the_app_publishes_it(
    ui: Callable[..., Json], client: WebClient
) -> None:
    assert ui("home", user="U0ALICE") == {"view": None}
    client.views_publish(user_id="U0ALICE", view={"type": "home", "blocks": [{"type": "divider"}]})
    assert ui("home", user="U0ALICE")["view"]["type"] == "home"


def test_strangers_and_nonsense_are_refused(ui: Callable[..., Json], sandbox: Sandbox) -> None:
    assert "nobody here" in ui("state", user="U0NOBODY")["error"]
    assert "sees no channel" in ui("messages", user="U0ALICE", channel="G0SECRET")["error"]
    assert ui("post", {"user": "U0ALICE"})["error"] == "missing: channel, text"
    assert fetch(f"{sandbox.url}/ui/post", b"no json")[0] == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "workspace.example.org"}, 403),
        ({"Host": "127.0.0.1.example.org"}, 403),
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_only_pages_of_this_machine_get_in(
    sandbox: Sandbox, headers: dict[str, str], status: int
) -> None:
    assert fetch(f"{sandbox.url}/ui/state?user=U0ALICE", **headers)[0] == status


def test_a_foreign_page_cannot_listen(sandbox: Sandbox) -> None:
    with pytest.raises(InvalidStatus), live(sandbox, "U0ALICE", origin="https://example.org"):
        pass


def test_the_page_itself_is_served(sandbox: Sandbox) -> None:
    status, body = fetch(f"{sandbox.url}/")
    assert status == 200
    assert "<html" in body

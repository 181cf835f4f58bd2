"""Pressing and choosing in messages, and response URLs."""

import json
import re
import urllib.error
import urllib.request
from typing import Any

import pytest
from slack_bolt import Ack, App, Respond
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bot.sandbox import CannotSee, Sandbox

Json = dict[str, Any]
CONFIRM = {
    "title": {"type": "plain_text", "text": "Sure?"},
    "text": {"type": "mrkdwn", "text": "B142 ends *now*"},
    "confirm": {"type": "plain_text", "text": "End it"},
    "deny": {"type": "plain_text", "text": "Keep it"},
}


def button(action_id: str, value: str, **extra: object) -> Json:
    text = {"type": "plain_text", "text": action_id}
    return {"type": "button", "action_id": action_id, "value": value, "text": text, **extra}


def actions(*elements: Json, block_id: str = "row") -> list[Json]:
    return [{"type": "actions", "block_id": block_id, "elements": list(elements)}]


def option(value: str) -> Json:
    return {"text": {"type": "plain_text", "text": value.upper()}, "value": value}


@pytest.fixture
def pressed(app: App) -> list[Json]:
    """The block_actions payloads that reach the app."""
    payloads: list[Json] = []

    @app.action(re.compile(""))
    def note(ack: Ack, body: Json) -> None:
        payloads.append(body)
        ack()

    return payloads


def posted(sandbox: Sandbox, client: WebClient, blocks: list[Json]) -> Any:
    ts = client.chat_postMessage(channel="C0VISION", text="a message", blocks=blocks)["ts"]
    return next(m for m in sandbox.messages("C0VISION", "U0ALICE") if m.ts == ts)


def post_json(url: str, body: Json) -> tuple[int, str]:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_pressed_button_reaches_the_app_with_its_message(
    sandbox: Sandbox, client: WebClient, pressed: list[Json], by_socket: SocketModeHandler
) -> None:
    message = posted(sandbox, client, actions(button("cancel", "B142"), button("show", "B142")))
    assert sandbox.click("U0BOB", message, "cancel").ok
    (payload,) = pressed
    assert payload["user"]["id"] == "U0BOB"
    assert payload["channel"] == {"id": "C0VISION", "name": "vision"}
    assert payload["container"]["message_ts"] == message.ts
    assert payload["message"]["blocks"] == message.blocks
    assert payload["message"]["bot_id"] == "B0GPUBOT"
    (action,) = payload["actions"]
    assert (action["type"], action["block_id"], action["value"]) == ("button", "row", "B142")


def test_a_message_only_one_person_sees_does_not_come_along(
    sandbox: Sandbox, client: WebClient, pressed: list[Json], by_socket: SocketModeHandler
) -> None:
    client.chat_postEphemeral(
        channel="C0VISION", user="U0BOB", text="psst", blocks=actions(button("cancel", "B142"))
    )
    (message,) = sandbox.messages("C0VISION", "U0BOB")
    sandbox.click("U0BOB", message, "cancel")
    assert pressed[0]["container"]["is_ephemeral"] is True
    assert "message" not in pressed[0]


def test_who_does_not_see_a_message_cannot_press_in_it(
    sandbox: Sandbox, client: WebClient, by_socket: SocketModeHandler
) -> None:
    client.chat_postEphemeral(
        channel="C0VISION", user="U0BOB", text="psst", blocks=actions(button("cancel", "B142"))
    )
    (message,) = sandbox.messages("C0VISION", "U0BOB")
    with pytest.raises(CannotSee, match="U0ALICE sees no message"):
        sandbox.click("U0ALICE", message, "cancel")


def test_a_button_that_is_not_there_is_named_together_with_those_that_are(
    sandbox: Sandbox, client: WebClient
) -> None:
    message = posted(sandbox, client, actions(button("cancel", "B142")))
    with pytest.raises(CannotSee, match="no element 'extend'; in sight: cancel B142"):
        sandbox.click("U0BOB", message, "extend")


def test_buttons_of_one_name_in_several_rows_are_told_apart_by_value(
    sandbox: Sandbox, client: WebClient, pressed: list[Json], by_socket: SocketModeHandler
) -> None:
    rows = actions(button("book", "now"), block_id="1") + actions(
        button("book", "later"), block_id="2"
    )
    message = posted(sandbox, client, rows)
    with pytest.raises(CannotSee, match="more than one element 'book'"):
        sandbox.click("U0BOB", message, "book")
    sandbox.click("U0BOB", message, "book", value="later")
    assert pressed[0]["actions"][0]["block_id"] == "2"


def test_a_button_with_a_question_is_pressed_only_after_yes(
    sandbox: Sandbox, client: WebClient, pressed: list[Json], by_socket: SocketModeHandler
) -> None:
    message = posted(sandbox, client, actions(button("cancel", "B142", confirm=CONFIRM)))
    assert not sandbox.click("U0BOB", message, "cancel", confirm=False).ok
    assert pressed == []
    assert sandbox.click("U0BOB", message, "cancel").ok
    assert len(pressed) == 1


def test_a_choice_is_delivered_and_kept_in_the_state(
    sandbox: Sandbox, client: WebClient, pressed: list[Json], by_socket: SocketModeHandler
) -> None:
    select = {
        "type": "static_select",
        "action_id": "model",
        "options": [option("a100"), option("v100")],
    }
    message = posted(sandbox, client, actions(select))
    sandbox.choose("U0BOB", message, "model", "v100")
    assert pressed[0]["actions"][0]["selected_option"] == option("v100")
    values = pressed[0]["state"]["values"]
    assert values["row"]["model"]["selected_option"] == option("v100")
    with pytest.raises(CannotSee, match="no option 'h100'; it offers: a100, v100"):
        sandbox.choose("U0BOB", message, "model", "h100")


def test_an_overflow_menu_delivers_the_entry_but_keeps_no_state(
    sandbox: Sandbox, client: WebClient, pressed: list[Json], by_socket: SocketModeHandler
) -> None:
    menu = {"type": "overflow", "action_id": "more", "options": [option("move"), option("extend")]}
    message = posted(sandbox, client, actions(menu))
    sandbox.click("U0BOB", message, "more", selected_option="extend")
    assert pressed[0]["actions"][0]["selected_option"]["value"] == "extend"
    assert pressed[0]["state"]["values"] == {}


def test_the_app_offers_the_options_of_an_external_select(
    sandbox: Sandbox, app: App, client: WebClient, by_socket: SocketModeHandler
) -> None:
    @app.options("booking")
    def offer(ack: Ack, payload: Json) -> None:
        ack(options=[option(f"{payload['value']}-1"), option(f"{payload['value']}-2")])

    message = posted(sandbox, client, actions({"type": "external_select", "action_id": "booking"}))
    offered = sandbox.options("U0BOB", message, "booking", "b14")
    assert [entry["value"] for entry in offered] == ["b14-1", "b14-2"]


def test_an_answer_replaces_the_message_that_was_pressed(
    sandbox: Sandbox, app: App, client: WebClient, by_socket: SocketModeHandler
) -> None:
    @app.action("cancel")
    def cancel(ack: Ack, respond: Respond) -> None:
        ack()
        respond("cancelled", replace_original=True)

    message = posted(sandbox, client, actions(button("cancel", "B142")))
    sandbox.click("U0BOB", message, "cancel")
    (shown,) = sandbox.wait_for(
        lambda: [m for m in sandbox.messages("C0VISION", "U0ALICE") if m.edited]
    )
    assert (shown.ts, shown.text, shown.blocks) == (message.ts, "cancelled", None)


def test_an_answer_takes_an_ephemeral_message_away(
    sandbox: Sandbox, app: App, by_socket: SocketModeHandler
) -> None:
    app.command("/gpu")(lambda ack: ack(blocks=actions(button("dismiss", "x"))))

    @app.action("dismiss")
    def dismiss(ack: Ack, respond: Respond) -> None:
        ack()
        respond(delete_original=True)

    (message,) = sandbox.command("U0BOB", "C0VISION", "/gpu free").messages
    sandbox.click("U0BOB", message, "dismiss")
    assert sandbox.wait_for(lambda: not sandbox.messages("C0VISION", "U0BOB"))


def test_an_answer_without_more_words_is_a_new_message_for_one_person(
    sandbox: Sandbox, client: WebClient, pressed: list[Json], by_socket: SocketModeHandler
) -> None:
    message = posted(sandbox, client, actions(button("cancel", "B142")))
    sandbox.click("U0BOB", message, "cancel")
    assert post_json(pressed[0]["response_url"], {"text": "only owners can"}) == (200, "ok")
    assert [m.text for m in sandbox.messages("C0VISION", "U0BOB")][1:] == ["only owners can"]
    assert len(sandbox.messages("C0VISION", "U0ALICE")) == 1


def test_a_response_url_is_good_five_times(
    sandbox: Sandbox, client: WebClient, pressed: list[Json], by_socket: SocketModeHandler
) -> None:
    sandbox.click("U0BOB", posted(sandbox, client, actions(button("go", "1"))), "go")
    url = pressed[0]["response_url"]
    assert [post_json(url, {"text": "again"})[0] for _ in range(6)] == [200] * 5 + [404]
    assert json.loads(post_json(url, {"text": "again"})[1])["error"] == "used_url"


@pytest.mark.parametrize("whose", ["the workspace's clock", "the real clock"])
def test_a_response_url_is_good_for_half_an_hour_of_either_clock(
    sandbox: Sandbox,
    watch: Any,
    client: WebClient,
    pressed: list[Json],
    by_socket: SocketModeHandler,
    whose: str,
) -> None:
    pass_time = sandbox.clock.shift if whose == "the workspace's clock" else watch.advance
    sandbox.click("U0BOB", posted(sandbox, client, actions(button("go", "1"))), "go")
    url = pressed[0]["response_url"]
    pass_time(30 * 60)
    assert post_json(url, {"text": "in time"})[0] == 200
    pass_time(1)
    status, body = post_json(url, {"text": "late"})
    assert (status, json.loads(body)["error"]) == (404, "expired_url")


def test_a_response_url_takes_only_what_slack_would_show(
    sandbox: Sandbox, client: WebClient, pressed: list[Json], by_socket: SocketModeHandler
) -> None:
    sandbox.click("U0BOB", posted(sandbox, client, actions(button("go", "1"))), "go")
    status, body = post_json(pressed[0]["response_url"], {"blocks": [{"type": "header"}]})
    assert (status, json.loads(body)["error"]) == (400, "invalid_blocks")
    assert post_json(f"{sandbox.url}/actions/T0LAB/guessed", {"text": "x"})[0] == 404

"""Slash commands and typed messages, over Socket Mode with Bolt's own client."""

import threading
from typing import Any

import pytest
from slack_bolt import Ack, App, Respond
from slack_bolt.adapter.socket_mode import SocketModeHandler

from bot.sandbox import CannotSee, Sandbox


@pytest.fixture
def heard(app: App) -> list[dict[str, Any]]:
    """The payloads of the commands that reach the app; it acknowledges each with nothing."""
    payloads: list[dict[str, Any]] = []

    @app.command("/gpu")
    def note(ack: Ack, body: dict[str, Any]) -> None:
        payloads.append(body)
        ack()

    return payloads


def test_a_command_is_answered_in_its_acknowledgement(
    sandbox: Sandbox, app: App, by_socket: SocketModeHandler
) -> None:
    app.command("/gpu")(lambda ack: ack("4 GPUs are free"))
    result = sandbox.command("U0ALICE", "C0VISION", "/gpu free")
    assert result.ok
    assert [message.text for message in result.messages] == ["4 GPUs are free"]
    assert sandbox.messages("C0VISION", "U0ALICE") == result.messages
    assert result.messages[0].ephemeral
    assert sandbox.messages("C0VISION", "U0BOB") == []


def test_an_answer_for_the_channel_is_seen_by_everybody(
    sandbox: Sandbox, app: App, by_socket: SocketModeHandler
) -> None:
    app.command("/gpu")(lambda ack: ack(text="for all", response_type="in_channel"))
    sandbox.command("U0ALICE", "C0VISION", "/gpu free")
    assert [m.text for m in sandbox.messages("C0VISION", "U0BOB")] == ["for all"]


def test_a_command_is_answered_later_by_its_response_url(
    sandbox: Sandbox, app: App, by_socket: SocketModeHandler
) -> None:
    @app.command("/gpu")
    def answer(ack: Ack, respond: Respond) -> None:
        ack()
        respond("worked it out")

    assert sandbox.command("U0ALICE", "C0VISION", "/gpu free").messages == []
    seen = sandbox.wait_for(lambda: sandbox.messages("C0VISION", "U0ALICE"))
    assert [(m.text, m.ephemeral) for m in seen] == [("worked it out", True)]


def test_the_payload_has_the_fields_slack_sends(
    sandbox: Sandbox, heard: list[dict[str, Any]], by_socket: SocketModeHandler
) -> None:
    sandbox.command("U0BOB", "G0SECRET", "/gpu  free 4 ")
    payload = heard[0]
    expected = {
        "team_id": "T0LAB",
        "channel_id": "G0SECRET",
        "channel_name": "privategroup",
        "user_id": "U0BOB",
        "user_name": "bob",
        "command": "/gpu",
        "text": "free 4",
        "api_app_id": "A0GPUBOT",
        "is_enterprise_install": "false",
    }
    assert {key: payload[key] for key in expected} == expected
    assert payload["response_url"].startswith(f"{sandbox.url}/commands/T0LAB/")
    assert payload["trigger_id"]


def test_in_the_direct_message_the_channel_is_called_directmessage(
    sandbox: Sandbox, heard: list[dict[str, Any]], by_socket: SocketModeHandler
) -> None:
    sandbox.command("U0BOB", sandbox.workspace.direct("U0BOB").id, "/gpu mine")
    assert heard[0]["channel_name"] == "directmessage"


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("transfer B142 @bob", "transfer B142 <@U0BOB|bob>"),
        ("@alice, @bob.", "<@U0ALICE|alice>, <@U0BOB|bob>."),
        ("in #vision", "in <#C0VISION|vision>"),
        ("@visionaries", "<!subteam^S0VISION|@visionaries>"),
        ("show #142 to @nobody", "show #142 to @nobody"),
        ("mail bob@alice", "mail bob@alice"),
        ('"R&D" <1h', '"R&amp;D" &lt;1h'),
        ("see https://example.org/a?b=1&c=2", "see <https://example.org/a?b=1&c=2>"),
        ("transfer B142 <@U0BOB>", "transfer B142 <@U0BOB>"),
    ],
)
def test_mentions_and_special_characters_arrive_escaped(
    sandbox: Sandbox,
    heard: list[dict[str, Any]],
    by_socket: SocketModeHandler,
    typed: str,
    sent: str,
) -> None:
    sandbox.command("U0ALICE", "C0VISION", f"/gpu {typed}")
    assert heard[0]["text"] == sent


def test_an_unknown_command_is_refused_in_slacks_words(sandbox: Sandbox) -> None:
    result = sandbox.command("U0ALICE", "C0VISION", "/cpu reserve")
    assert result.error is not None
    assert result.error.startswith("/cpu is not a valid command.")


def test_a_command_does_not_run_in_a_thread(
    sandbox: Sandbox, heard: list[dict[str, Any]], by_socket: SocketModeHandler
) -> None:
    parent = sandbox.say("U0ALICE", "C0VISION", "a thread").messages[0]
    result = sandbox.say("U0ALICE", "C0VISION", "/gpu free", thread_ts=parent.ts)
    assert result.error == "/gpu is not supported in threads. Sorry!"
    assert heard == []


def test_without_a_connected_app_the_command_fails(sandbox: Sandbox) -> None:
    assert sandbox.command("U0ALICE", "C0VISION", "/gpu free").error == "dispatch_failed"


def test_an_app_that_acknowledges_too_late_times_out(
    sandbox: Sandbox, app: App, by_socket: SocketModeHandler
) -> None:
    late = threading.Event()

    @app.command("/gpu")
    def dawdle(ack: Ack) -> None:
        late.wait(10)
        ack()

    sandbox.delivery.ack_timeout = 0.05
    assert sandbox.command("U0ALICE", "C0VISION", "/gpu free").error == "operation_timeout"
    late.set()


def test_an_answer_slack_would_not_show_makes_the_command_fail(
    sandbox: Sandbox, app: App, by_socket: SocketModeHandler
) -> None:
    app.command("/gpu")(lambda ack: ack(blocks=[{"type": "blink"}]))
    error = sandbox.command("U0ALICE", "C0VISION", "/gpu free").error
    assert error is not None
    assert "unsupported type: blink" in error


def test_a_person_cannot_type_into_a_channel_they_do_not_see(sandbox: Sandbox) -> None:
    with pytest.raises(CannotSee):
        sandbox.command("U0ALICE", "G0SECRET", "/gpu free")


def test_typed_messages_are_escaped_and_make_threads(sandbox: Sandbox) -> None:
    parent = sandbox.say("U0ALICE", "C0VISION", "who has <4> GPUs, @bob?").messages[0]
    sandbox.say("U0BOB", "C0VISION", "me", thread_ts=parent.ts)
    assert parent.text == "who has &lt;4&gt; GPUs, <@U0BOB|bob>?"
    (shown,) = sandbox.messages("C0VISION", "U0ALICE")
    assert (shown.reply_count, shown.reply_users) == (1, ["U0BOB"])
    assert [m.text for m in sandbox.thread("C0VISION", parent.ts)][1:] == ["me"]


def test_waiting_for_what_does_not_happen_ends(sandbox: Sandbox) -> None:
    with pytest.raises(TimeoutError):
        sandbox.wait_for(lambda: sandbox.messages("C0VISION", "U0ALICE"), timeout=0.01)

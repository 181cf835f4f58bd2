"""The Web API through slack_sdk: tokens, scopes, arguments, answers."""

import json
import urllib.request
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox import Sandbox

Json = dict[str, Any]
DIVIDER = [{"type": "divider", "block_id": "line"}]


def refused(call: Any, **arguments: Any) -> Json:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    answer: Json = caught.value.response.data
    return answer


@pytest.mark.parametrize(
    ("token", "error"),
    [("", "not_authed"), ("xoxb-wrong", "invalid_auth"), ("app", "not_allowed_token_type")],
)
def test_a_call_needs_the_right_token(sandbox: Sandbox, token: str, error: str) -> None:
    given = sandbox.app_token if token == "app" else token
    stranger = WebClient(token=given, base_url=sandbox.api_url)
    assert refused(stranger.auth_test)["error"] == error


def test_only_the_app_token_opens_a_connection(sandbox: Sandbox, client: WebClient) -> None:
    answer = refused(client.apps_connections_open, app_token=sandbox.bot_token)
    assert answer["error"] == "not_allowed_token_type"
    url = client.apps_connections_open(app_token=sandbox.app_token)["url"]
    assert url.startswith(sandbox.url.replace("http", "ws") + "/link/?ticket=")


def test_the_token_tells_who_the_bot_is(client: WebClient) -> None:
    answer = client.auth_test()
    assert (answer["user_id"], answer["bot_id"], answer["team"]) == (
        "U0GPUBOT",
        "B0GPUBOT",
        "Vision Lab",
    )
    assert "chat:write," in answer.headers["x-oauth-scopes"]


def test_a_missing_scope_is_named(sandbox: Sandbox, client: WebClient) -> None:
    sandbox.scopes.discard("users:read")
    answer = refused(client.users_info, user="U0ALICE")
    assert (answer["error"], answer["needed"]) == ("missing_scope", "users:read")
    assert "chat:write" in answer["provided"].split(",")


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("conversations.info", {"channel": "C0VISION"}),
        ("conversations.list", {}),
        ("conversations.members", {"channel": "C0VISION"}),
        ("conversations.history", {"channel": "C0VISION"}),
        ("conversations.join", {"channel": "C0OPEN"}),
        ("team.info", {}),
    ],
)
def test_what_the_app_has_no_scope_for_is_not_allowed(
    sandbox: Sandbox, client: WebClient, method: str, arguments: Json
) -> None:
    sandbox.scopes.difference_update({"channels:read", "groups:read"})
    answer = refused(lambda: client.api_call(method, params=arguments))
    assert answer["error"] == "missing_scope"


def test_missing_and_unknown_things_are_said(client: WebClient) -> None:
    answer = refused(lambda: client.api_call("chat.postMessage", json={"text": "x"}))
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == ["[ERROR] missing required field: channel"]
    assert refused(lambda: client.api_call("chat.shout"))["error"] == "unknown_method"


def test_a_method_that_takes_no_json_does_not_see_it(client: WebClient) -> None:
    answer = refused(lambda: client.api_call("users.info", json={"user": "U0ALICE"}))
    assert answer["error"] == "invalid_arguments"


@pytest.mark.parametrize("how", ["json", "params", "data"])
def test_json_form_and_multipart_bodies_are_read(
    sandbox: Sandbox, client: WebClient, how: str
) -> None:
    blocks = DIVIDER if how == "json" else json.dumps(DIVIDER)
    body = {"channel": "C0VISION", "text": "Grüße & <b>", "blocks": blocks}
    answer = client.api_call("chat.postMessage", **{how: body})
    assert answer["message"]["text"] == "Grüße & <b>"
    assert answer["message"]["blocks"] == DIVIDER


def test_a_posted_message_comes_back_as_slack_stores_it(
    sandbox: Sandbox, client: WebClient
) -> None:
    metadata = {"event_type": "booking", "event_payload": {"id": 142}}
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*4* GPUs"}}]
    answer = client.chat_postMessage(
        channel="C0VISION", text="4 GPUs", blocks=blocks, metadata=metadata
    )
    message = answer["message"]
    assert message["blocks"][0].pop("block_id")
    assert message == {
        "type": "message",
        "user": "U0GPUBOT",
        "bot_id": "B0GPUBOT",
        "app_id": "A0GPUBOT",
        "team": "T0LAB",
        "ts": answer["ts"],
        "text": "4 GPUs",
        "blocks": blocks,
        "metadata": metadata,
    }
    assert float(answer["ts"]) == pytest.approx(sandbox.clock.now().timestamp())


def test_timestamps_grow_even_while_the_clock_stands(client: WebClient) -> None:
    stamps = [client.chat_postMessage(channel="C0VISION", text="x")["ts"] for _ in range(5)]
    assert stamps == sorted(set(stamps))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": "G0CLOSED", "text": "x"}, "channel_not_found"),
        ({"channel": "U0NOBODY", "text": "x"}, "channel_not_found"),
        ({"channel": "C0VISION"}, "no_text"),
        ({"channel": "C0VISION", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "C0VISION", "blocks": [{"type": "blink"}]}, "invalid_blocks"),
        ({"channel": "C0VISION", "blocks": {"type": "divider"}}, "invalid_blocks_format"),
        ({"channel": "C0VISION", "text": "x", "thread_ts": "1.000000"}, "thread_not_found"),
        ({"channel": "C0VISION", "text": "x", "metadata": {"a": 1}}, "invalid_metadata_format"),
        ({"channel": "C0VISION", "text": "x", "attachments": [{}]}, "invalid_arguments"),
    ],
)
def test_a_message_slack_would_refuse_is_refused(
    client: WebClient, arguments: Json, error: str
) -> None:
    answer = refused(lambda: client.api_call("chat.postMessage", json=arguments))
    assert answer["error"] == error


def test_a_public_channel_without_membership_needs_its_own_scope(
    sandbox: Sandbox, client: WebClient
) -> None:
    assert client.chat_postMessage(channel="C0OPEN", text="x")["ok"]
    sandbox.scopes.discard("chat:write.public")
    assert refused(client.chat_postMessage, channel="C0OPEN", text="x")["error"] == "not_in_channel"
    answer = refused(client.chat_postEphemeral, channel="C0OPEN", user="U0BOB", text="x")
    assert answer["error"] == "not_in_channel"


def test_posting_to_a_person_opens_the_direct_message(sandbox: Sandbox, client: WebClient) -> None:
    answer = client.chat_postMessage(channel="U0ALICE", text="your GPUs are ready")
    opened = client.conversations_open(users="U0ALICE")
    assert opened["channel"]["id"] == answer["channel"]
    assert opened["already_open"] is True
    assert [m.text for m in sandbox.direct_messages("U0ALICE")] == ["your GPUs are ready"]
    assert refused(client.conversations_open, users="U0NOBODY")["error"] == "user_not_found"


def test_an_ephemeral_goes_to_a_member_and_cannot_be_edited(
    sandbox: Sandbox, client: WebClient
) -> None:
    ts = client.chat_postEphemeral(channel="C0VISION", user="U0BOB", text="x")["message_ts"]
    assert sandbox.messages("C0VISION", "U0ALICE") == []
    assert len(sandbox.messages("C0VISION", "U0BOB")) == 1
    answer = refused(client.chat_update, channel="C0VISION", ts=ts, text="y")
    assert answer["error"] == "message_not_found"
    answer = refused(client.chat_postEphemeral, channel="G0SECRET", user="U0ALICE", text="x")
    assert answer["error"] == "user_not_in_channel"


def test_an_update_replaces_text_and_blocks_and_keeps_metadata(
    sandbox: Sandbox, client: WebClient
) -> None:
    metadata = {"event_type": "booking", "event_payload": {}}
    ts = client.chat_postMessage(channel="C0VISION", text="one", blocks=DIVIDER, metadata=metadata)[
        "ts"
    ]
    updated = client.chat_update(channel="C0VISION", ts=ts, text="two")
    assert updated["text"] == "two"
    (shown,) = sandbox.messages("C0VISION", "U0ALICE")
    assert (shown.text, shown.blocks, shown.edited) == ("two", None, True)
    assert shown.metadata == metadata
    client.chat_update(channel="C0VISION", ts=ts, text="three", metadata={})
    assert sandbox.messages("C0VISION", "U0ALICE")[0].metadata is None


def test_only_the_bots_own_messages_can_be_changed(sandbox: Sandbox, client: WebClient) -> None:
    hers = sandbox.say("U0ALICE", "C0VISION", "mine").messages[0].ts
    place = {"channel": "C0VISION", "ts": hers}
    assert refused(client.chat_update, **place, text="x")["error"] == "cant_update_message"
    assert refused(client.chat_delete, **place)["error"] == "cant_delete_message"
    nowhere = {"channel": "C0VISION", "ts": "1.000000"}
    assert refused(client.chat_update, **nowhere, text="x")["error"] == "message_not_found"
    long = {**place, "text": "x" * 4001}
    ours = client.chat_postMessage(channel="C0VISION", text="x")["ts"]
    assert refused(client.chat_update, **{**long, "ts": ours})["error"] == "msg_too_long"
    client.chat_delete(channel="C0VISION", ts=ours)
    assert [m.text for m in sandbox.messages("C0VISION", "U0BOB")] == ["mine"]


def test_replies_stand_in_the_thread_of_the_first_message(
    sandbox: Sandbox, client: WebClient
) -> None:
    parent = client.chat_postMessage(channel="C0VISION", text="parent")["ts"]
    reply = client.chat_postMessage(channel="C0VISION", text="reply", thread_ts=parent)["ts"]
    client.chat_postMessage(channel="C0VISION", text="to the reply", thread_ts=reply)
    assert [m.text for m in sandbox.thread("C0VISION", parent)] == [
        "parent",
        "reply",
        "to the reply",
    ]
    (shown,) = sandbox.messages("C0VISION", "U0ALICE")
    assert shown.reply_count == 2
    link = client.chat_getPermalink(channel="C0VISION", message_ts=reply)["permalink"]
    assert link.endswith(f"?thread_ts={parent}&cid=C0VISION")


def test_a_person_has_a_zone_a_locale_and_with_its_scope_an_email(
    sandbox: Sandbox, client: WebClient
) -> None:
    user = client.users_info(user="U0ALICE", include_locale=True)["user"]
    assert (user["tz"], user["tz_offset"], user["locale"]) == ("Europe/Paris", 3600, "fr-FR")
    assert user["profile"]["email"] == "alice@example.org"
    sandbox.scopes.discard("users:read.email")
    user = client.users_info(user="U0ALICE")["user"]
    assert "email" not in user["profile"]
    assert "locale" not in user
    answer = refused(client.users_lookupByEmail, email="alice@example.org")
    assert answer["error"] == "missing_scope"


def test_summer_time_shows_in_the_offset(sandbox: Sandbox, client: WebClient) -> None:
    sandbox.clock.shift(200 * 24 * 3600)
    assert client.users_info(user="U0ALICE")["user"]["tz_offset"] == 7200


def test_unknown_and_hidden_people_are_not_found(sandbox: Sandbox, client: WebClient) -> None:
    sandbox.hide_user("U0BOB")
    assert refused(client.users_info, user="U0BOB")["error"] == "user_not_found"
    assert refused(client.users_info, user="U0NOBODY")["error"] == "user_not_found"
    found = client.users_lookupByEmail(email="ALICE@example.org")["user"]["id"]
    assert found == "U0ALICE"
    answer = refused(client.users_lookupByEmail, email="x@example.org")
    assert answer["error"] == "users_not_found"


def test_people_are_listed_in_pages(client: WebClient) -> None:
    pages = [[m["id"] for m in page["members"]] for page in client.users_list(limit=2)]
    assert pages == [["U0ALICE", "U0BOB"], ["U0GPUBOT"]]


def test_user_groups_have_members(client: WebClient) -> None:
    (group,) = client.usergroups_list(include_users=True)["usergroups"]
    assert (group["handle"], group["users"]) == ("visionaries", ["U0ALICE"])
    assert client.usergroups_users_list(usergroup="S0VISION")["users"] == ["U0ALICE"]
    answer = refused(client.usergroups_users_list, usergroup="S0OTHER")
    assert answer["error"] == "no_such_subteam"


def test_channels_can_be_read_and_joined_with_the_scopes(
    sandbox: Sandbox, client: WebClient
) -> None:
    sandbox.scopes.update({"channels:read", "channels:join", "channels:history"})
    assert client.conversations_info(channel="C0OPEN")["channel"]["is_member"] is False
    assert client.conversations_join(channel="C0OPEN")["channel"]["is_member"] is True
    assert client.conversations_join(channel="C0OPEN")["warning"] == "already_in_channel"
    assert "U0GPUBOT" in client.conversations_members(channel="C0OPEN")["members"]
    listed = client.conversations_list(types="public_channel,private_channel")["channels"]
    assert [channel["name"] for channel in listed] == ["vision", "open", "secret"]
    client.chat_postMessage(channel="C0OPEN", text="one")
    client.chat_postMessage(channel="C0OPEN", text="two")
    history = client.conversations_history(channel="C0OPEN", limit=1)
    assert [m["text"] for m in history["messages"]] == ["two"]
    assert history["has_more"] is True


def test_an_uploaded_picture_can_be_shown_in_a_message(sandbox: Sandbox, client: WebClient) -> None:
    uploaded = client.files_upload_v2(content=b"\x89PNG...", filename="week.png", title="Week")
    file_id = uploaded["file"]["id"]
    image = {"type": "image", "alt_text": "the week", "slack_file": {"id": file_id}}
    assert client.chat_postMessage(channel="C0VISION", text="week", blocks=[image])["ok"]
    with urllib.request.urlopen(f"{sandbox.url}/ui/file/{file_id}") as shown:
        assert shown.read() == b"\x89PNG..."
        assert shown.headers["content-type"] == "image/png"


def test_a_picture_that_was_never_uploaded_cannot_be_shown(client: WebClient) -> None:
    image = {"type": "image", "alt_text": "the week", "slack_file": {"id": "F0NOTHING"}}
    answer = refused(client.chat_postMessage, channel="C0VISION", text="week", blocks=[image])
    assert answer["error"] == "invalid_blocks"
    announced = client.files_getUploadURLExternal(filename="a.png", length=3)
    files = [{"id": announced["file_id"], "title": "a"}]
    assert refused(client.files_completeUploadExternal, files=files)["error"] == "file_not_found"


def test_a_shared_file_is_a_message_with_the_file(sandbox: Sandbox, client: WebClient) -> None:
    client.files_upload_v2(
        content="a,b", filename="report.csv", channel="C0VISION", initial_comment="the report"
    )
    (message,) = sandbox.messages("C0VISION", "U0BOB")
    assert message.text == "the report"
    assert message.files[0]["name"] == "report.csv"


def test_calls_are_remembered_without_the_token(sandbox: Sandbox, client: WebClient) -> None:
    client.chat_postMessage(channel="C0VISION", text="x")
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel="C0NOWHERE", text="y")
    good, bad = sandbox.calls("chat.postMessage")
    assert good.arguments == {"channel": "C0VISION", "text": "x"}
    assert (good.result["ok"], bad.result["error"]) == (True, "channel_not_found")
    assert sandbox.bot_token not in str(sandbox.calls())

"""What identifies a click, what a menu was set to, and where replies may go."""

from __future__ import annotations

from typing import Any

import pytest

from bot.slack.answers import _is_slacks
from bot.slack.app import _press_key, chosen

BUTTON: dict[str, Any] = {"action_id": "extend_by", "value": "142:7200", "action_ts": "1.0"}
CLICK: dict[str, Any] = {
    "container": {"type": "message", "channel_id": "C0VISION", "message_ts": "100.1"},
    "message": {"ts": "100.1"},
}
IN_A_VIEW: dict[str, Any] = {
    "container": {"type": "view", "view_id": "V1"},
    "view": {"id": "V1", "hash": "h1"},
}


def test_the_same_click_has_the_same_key_whenever_it_arrives() -> None:
    again = {**BUTTON, "action_ts": "2.0"}
    assert _press_key("U0ALICE", CLICK, BUTTON) == _press_key("U0ALICE", CLICK, again)


@pytest.mark.parametrize(
    ("user", "body", "action"),
    [
        ("U0BOB", CLICK, BUTTON),
        ("U0ALICE", CLICK, {**BUTTON, "value": "142:14400"}),
        ("U0ALICE", CLICK, {**BUTTON, "action_id": "release"}),
        ("U0ALICE", {**CLICK, "container": {"channel_id": "C0VISION", "message_ts": "7"}}, BUTTON),
        ("U0ALICE", {**CLICK, "message": {"edited": {"ts": "101.0"}}}, BUTTON),
        ("U0ALICE", IN_A_VIEW, BUTTON),
    ],
    ids=["person", "value", "action", "message", "message edited since", "place"],
)
def test_another_click_has_another_key(
    user: str, body: dict[str, Any], action: dict[str, Any]
) -> None:
    assert _press_key(user, body, action) != _press_key("U0ALICE", CLICK, BUTTON)


def test_a_view_that_was_drawn_anew_is_another_place() -> None:
    anew = {**IN_A_VIEW, "view": {"id": "V1", "hash": "h2"}}
    assert _press_key("U0A", IN_A_VIEW, BUTTON) != _press_key("U0A", anew, BUTTON)


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ({"value": "142"}, "142"),
        ({"selected_option": {"value": "V100", "text": {}}}, "V100"),
        ({"selected_option": None}, ""),
        ({"selected_user": "U0BOB"}, "U0BOB"),
        ({"selected_date_time": 1795615200}, "1795615200"),
        ({}, ""),
    ],
)
def test_what_was_chosen_is_read_as_text(action: dict[str, Any], value: str) -> None:
    assert chosen(action) == value


SLACK_API = "https://slack.com/api/"


@pytest.mark.parametrize(
    ("url", "api", "allowed"),
    [
        ("https://hooks.slack.com/actions/T0/1/x", SLACK_API, True),
        ("https://hooks.slack-gov.com/commands/x", SLACK_API, True),
        ("http://hooks.slack.com/actions/x", SLACK_API, False),
        ("https://hooks.slack.com.evil.example/x", SLACK_API, False),
        ("https://evil.example/hooks.slack.com", SLACK_API, False),
        ("http://127.0.0.1:8090/response/1", SLACK_API, False),
        ("http://127.0.0.1:8090/response/1", "http://127.0.0.1:8090/api/", True),
        ("http://127.0.0.1:8091/response/1", "http://127.0.0.1:8090/api/", False),
        ("file:///etc/passwd", SLACK_API, False),
    ],
)
def test_replies_go_to_slack_and_nowhere_else(url: str, api: str, allowed: bool) -> None:
    assert _is_slacks(url, api) is allowed

"""Whatever Slack's signature stands under: no traceback, no 500, and nothing refused changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ADMIN, ALICE, BOB, TONIGHT
from fuzzing import CORPUS, Lab, cases, fuzz, fuzzed, mutated
from hypothesis import given
from hypothesis import strategies as st
from talk import Talk, state

from bot.slack.ids import ActionId, CallbackId

STAMP = int(TONIGHT.timestamp())
COMMAND = {
    "command": "/gpu", "text": "show B1", "user_id": BOB, "trigger_id": "1.2", "team_id": "T0LAB",
    "channel_id": "C0VISION", "response_url": "http://127.0.0.1:9/response/1",
}  # fmt: skip
TEXTS = [
    "show B1", "extend B1 2h", "move B1 tomorrow 22:00", "cancel B1 x", "job B1 none", "node",
    "token revoke 1", "queue 1 30m", "wait 8 2h", "reserve 1 now 2h", "audit B1", "report vision",
]  # fmt: skip
VALUES = [
    "1", "1:7200", f"1:{STAMP}", "0:", "", f'{{"n":1,"p":2,"w":[[{STAMP},{STAMP + 7200}]]}}',
    '{"n":8,"p":2,"l":7200}', "gpu-01", "person:U0BOB", "show B1",
]  # fmt: skip


def press(action: str, value: str, **view: Any) -> dict[str, Any]:
    """A button in a message, as Slack sends it."""
    return {
        "type": "block_actions",
        "user": {"id": BOB, "username": "bob", "team_id": "T0LAB"},
        "team": {"id": "T0LAB", "domain": "lab"},
        "trigger_id": "1.2",
        "response_url": "http://127.0.0.1:9/response/1",
        "container": {"type": "message", "message_ts": "1.5", "channel_id": "C0VISION",
                      "is_ephemeral": True},
        "channel": {"id": "C0VISION", "name": "vision"},
        "message": {"ts": "1.5", "text": "x", "edited": {"ts": "2.0"}},
        "actions": [{"action_id": action, "block_id": "b", "type": "button", "value": value,
                     "selected_option": None, "action_ts": "1.7"}],
        **view,
    }  # fmt: skip


def form(window: dict[str, Any]) -> dict[str, Any]:
    """A form that somebody submits as it was opened."""
    view = {**window, "id": "V1", "hash": "1.h", "state": {"values": state(window, {})}}
    return {
        "type": "view_submission",
        "user": {"id": BOB},
        "team": {"id": "T0LAB"},
        "trigger_id": "1.2",
        "view": view,
    }


def forms(lab: Lab) -> list[dict[str, Any]]:
    """Every form that somebody who may can open."""
    found = []
    presses = [(A.EXTEND, "1"), (A.MOVE, "1"), (A.TRANSFER, "1"), (A.GIVE_UP_FORM, "1"),
               (A.DRAIN, "gpu-01"), (A.SUBSCRIBE, ""), (A.WAIT, ""), (A.QUEUE, ""),
               (A.RESERVE, "")]  # fmt: skip
    for action, value in presses:
        talk = Talk(lab.bot.site, ADMIN if action is A.DRAIN else ALICE)
        talk.acts(talk.types("mine"), action, value)
        assert talk.window is not None
        found.append(form(talk.window))
    return found


A = ActionId


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with fuzzed(tmp_path_factory.mktemp("slack")) as made:
        yield made


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Forms as they are while nobody has changed anything."""
    with fuzzed(tmp_path_factory.mktemp("forms")) as made:
        return forms(made)


@pytest.mark.parametrize("case", cases("slack"), ids=lambda path: path.stem)
def test_a_kept_case_is_answered_without_a_traceback(lab: Lab, case: Path) -> None:
    content = json.loads(case.read_text())
    before = lab.rows()
    if "raw" in content:
        raw = content["raw"] * content.get("times", 1)
        answer = lab.slack(raw.encode(), content["type"])
    else:
        answer = lab.payload(content["payload"])
    assert answer.status_code == content["status"], answer.text
    if answer.status_code != 200:
        assert lab.rows() == before


def test_what_is_not_signed_is_not_even_read(lab: Lab) -> None:
    kinds = ("application/json", "application/x-www-form-urlencoded")
    for body in (b"{", b"[" * 100_000, b"payload=%7B", b"payload=" + b"[" * 90_000, b"null", b""):
        for kind in kinds:
            headers = {"Content-Type": kind, "X-Slack-Request-Timestamp": "é".encode(),
                       "X-Slack-Signature": "v0=é".encode()}  # fmt: skip
            for sent in ({"Content-Type": kind}, headers):
                answer = lab.web.post("/slack/events", content=body, headers=sent)
                assert answer.status_code == 401
    assert not lab.troubles


def test_nobody_acts_as_gpubot_itself(lab: Lab) -> None:
    before = lab.rows()
    for name in ("gpubot", "", "u0bob", "U", "U0BOB\n", "B0BOT", "U0BOB,U0ALICE"):
        command = {**COMMAND, "user_id": name, "text": "cancel B1 because"}
        assert lab.payload(command).status_code == 400, name
        button = press(A.NOT_NEEDED, "1", user={"id": name})
        assert lab.payload(button).status_code == 400, name
    assert lab.rows() == before


WORDS = json.loads((CORPUS / "words.json").read_text())


@pytest.mark.parametrize("text", WORDS, ids=range(len(WORDS)))
def test_kept_words_are_answered(lab: Lab, text: str) -> None:
    answer = lab.payload({**COMMAND, "text": text})
    assert answer.status_code == 200
    assert not re.search("<!(?!date)", answer.text), "nobody is called"
    assert "\\u202e" not in answer.text, "nothing is turned around"
    assert len(answer.content) < 60_000


@fuzz
@given(data=st.data())
def test_no_mutated_command_or_button_makes_it_fail(lab: Lab, data: st.DataObject) -> None:
    bases = st.sampled_from([
        *({**COMMAND, "text": text} for text in TEXTS),
        *(press(action, value) for action in ActionId for value in VALUES[:6]),
        {"type": "event_callback", "team_id": "T0LAB", "event_id": "E1",
         "event": {"type": "app_home_opened", "user": BOB, "tab": "home", "channel": "D1"}},
    ])  # fmt: skip
    lab.payload(data.draw(mutated(data.draw(bases))))


@fuzz
@given(action=st.sampled_from(ActionId), value=st.sampled_from(VALUES) | st.text(max_size=30))
def test_no_value_of_any_button_makes_it_fail(lab: Lab, action: ActionId, value: str) -> None:
    lab.payload(press(action, value))


@fuzz
@given(data=st.data())
def test_no_mutated_form_makes_it_fail(
    lab: Lab, windows: list[dict[str, Any]], data: st.DataObject
) -> None:
    payload = data.draw(mutated(data.draw(st.sampled_from(windows))))
    answer = lab.payload(payload)
    if isinstance(payload, dict) and answer.status_code == 200 and answer.text:
        said = answer.json()
        assert said.get("response_action", "") in ("", "errors", "update"), said


def test_the_forms_that_are_tried_are_most_of_those_there_are(
    windows: list[dict[str, Any]],
) -> None:
    tried = {one["view"]["callback_id"] for one in windows}
    assert tried >= set(CallbackId) - {C.TOLD, C.PREEMPT, C.JOB}


C = CallbackId

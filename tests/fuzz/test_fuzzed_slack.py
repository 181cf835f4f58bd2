"""Whatever Slack's signature stands under: no traceback, no 500, and nothing refused changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ADMIN, ALICE, BOB
from fuzzing import CORPUS, FUZZED, Lab, cases, fuzz, fuzzed, mutated
from hypothesis import given
from hypothesis import strategies as st
from saying import STAMP, fields, said, users, values
from talk import Talk, state
from town_of_roles import URSULA

from bot.slack.ids import ActionId, CallbackId

pytestmark = FUZZED

A, C = ActionId, CallbackId
TAKEN = f'{{"n":8,"on":"bob-1","w":[[{STAMP},{STAMP + 7200}]]}}'
COMMAND = {
    "command": "/gpu", "text": "show B1", "user_id": BOB, "trigger_id": "1.2", "team_id": "T0LAB",
    "channel_id": "C0VISION", "response_url": "http://127.0.0.1:9/response/1",
}  # fmt: skip
HOME = {
    "type": "event_callback", "team_id": "T0LAB", "event_id": "E1",
    "event": {"type": "app_home_opened", "user": BOB, "tab": "home", "channel": "D1"},
}  # fmt: skip


def command(lab: Lab, user: str, text: str) -> dict[str, Any]:
    """`/gpu text` of that person's, as Slack sends it."""
    return {**COMMAND, "text": text, "user_id": user, **lab.given_to(user)}


def press(action: str, value: str, user: str = BOB, **more: Any) -> dict[str, Any]:
    """A button in a message, as Slack sends it."""
    return {
        "type": "block_actions",
        "user": {"id": user, "username": "bob", "team_id": "T0LAB"},
        "team": {"id": "T0LAB", "domain": "lab"},
        "trigger_id": "1.2",
        "response_url": "http://127.0.0.1:9/response/1",
        "container": {"type": "message", "message_ts": "1.5", "channel_id": "C0VISION",
                      "is_ephemeral": True},
        "channel": {"id": "C0VISION", "name": "vision"},
        "message": {"ts": "1.5", "text": "x", "edited": {"ts": "2.0"}},
        "actions": [{"action_id": action, "block_id": "b", "type": "button", "value": value,
                     "selected_option": None, "action_ts": "1.7"}],
        **more,
    }  # fmt: skip


def filled(window: dict[str, Any], chosen: dict[str, Any]) -> dict[str, Any]:
    """The window, with its fields as it was opened, or as they were chosen."""
    return {**window, "id": "V1", "hash": "1.h", "state": {"values": state(window, chosen)}}


def form(window: dict[str, Any], user: str = BOB, **chosen: Any) -> dict[str, Any]:
    """A form that somebody submits, as Slack sends it."""
    return {
        "type": "view_submission",
        "user": {"id": user},
        "team": {"id": "T0LAB"},
        "trigger_id": "1.2",
        "view": filled(window, chosen),
    }


def opened(lab: Lab) -> list[dict[str, Any]]:
    """Every form that somebody who may can open."""
    bob = lab.town.bob
    presses = [
        (ALICE, A.EXTEND, bob.reserved), (ALICE, A.MOVE, bob.reserved),
        (ALICE, A.TRANSFER, bob.reserved), (ALICE, A.GIVE_UP_FORM, bob.reserved),
        (ALICE, A.GIVE_UP_FORM, bob.active), (ADMIN, A.DRAIN, "free-2"), (BOB, A.SUBSCRIBE, ""),
        (BOB, A.WAIT, ""), (BOB, A.WAIT_CHANGE, bob.wish), (BOB, A.QUEUE, ""), (BOB, A.RESERVE, ""),
        (URSULA, A.PREEMPT, TAKEN), (BOB, A.JOB, bob.reserved),
    ]  # fmt: skip
    found = []
    for user, action, value in presses:
        talk = Talk(lab.bot.site, user)
        talk.acts(talk.types("mine"), action, str(value))
        assert talk.window is not None
        found.append(talk.window)
    # Where `talk` is answered is no address of this machine.
    return json.loads(json.dumps(found).replace("https://hooks.slack.com", lab.workspace.url))


@pytest.fixture(scope="module")
def lab(module_database_url: str) -> Iterator[Lab]:
    with fuzzed(module_database_url) as made:
        yield made


@pytest.fixture(scope="module")
def windows(lab: Lab) -> list[dict[str, Any]]:
    return opened(lab)


def test_the_forms_that_are_tried_are_all_that_there_are(windows: list[dict[str, Any]]) -> None:
    assert {one["callback_id"] for one in windows} == set(CallbackId) - {C.TOLD}


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
@given(data=st.data(), user=users)
def test_whatever_people_type_is_answered(lab: Lab, data: st.DataObject, user: str) -> None:
    text = data.draw(said)
    answer = lab.payload(command(lab, user, text))
    assert answer.status_code == 200
    assert not re.search("<!(?!date)", answer.text), "nobody is called"


@fuzz
@given(data=st.data(), user=users, action=st.sampled_from(ActionId), in_window=st.booleans())
def test_whatever_button_people_press_is_answered(
    lab: Lab, windows: list[dict[str, Any]], data: st.DataObject, user: str, action: ActionId,
    in_window: bool,
) -> None:  # fmt: skip
    more: dict[str, Any] = lab.given_to(user)
    if in_window:
        view = filled(data.draw(st.sampled_from(windows)), data.draw(fields))
        more |= {"view": view, "container": {"type": "view", "view_id": "V1"}}
    pressed = press(action, data.draw(values), user, **more)
    assert lab.payload(pressed).status_code == 200


@fuzz
@given(data=st.data(), user=users)
def test_whatever_form_people_submit_is_answered(
    lab: Lab, windows: list[dict[str, Any]], data: st.DataObject, user: str
) -> None:
    chosen = data.draw(fields)
    payload = form(data.draw(st.sampled_from(windows)), user, **chosen)
    answer = lab.payload({**payload, **lab.given_to(user)})
    assert answer.status_code == 200
    if answer.text:
        asked = answer.json().get("response_action", "")
        assert asked in ("", "errors", "update"), asked


@fuzz
@given(data=st.data())
def test_no_mutated_request_makes_it_fail(
    lab: Lab, windows: list[dict[str, Any]], data: st.DataObject
) -> None:
    user = data.draw(users)
    made = data.draw(st.integers(0, 3))
    if made == 0:
        base = command(lab, user, data.draw(said))
    elif made == 1:
        value = data.draw(values)
        base = press(data.draw(st.sampled_from(ActionId)), value, user, **lab.given_to(user))
    elif made == 2:
        window = data.draw(st.sampled_from(windows))
        kept = json.loads(window.get("private_metadata") or "{}")
        window = {**window, "private_metadata": json.dumps(data.draw(mutated(kept)))}
        base = {**form(window, user), **lab.given_to(user)}
    else:
        base = HOME
    lab.payload(data.draw(mutated(base)))


def test_what_came_of_it_all_can_be_told_and_goes_on(lab: Lab) -> None:
    lab.is_told()
    for user in (BOB, ALICE, ADMIN):
        for text in ("mine", "status", "waitlist", "audit", "report", "token", "node"):
            assert lab.payload(command(lab, user, text)).status_code == 200
        lab.payload({**HOME, "event": {**HOME["event"], "user": user}})
    lab.goes_on()

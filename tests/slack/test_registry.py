"""Verbs, buttons and forms: everything that is offered is also handled."""

from __future__ import annotations

import builders
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from talk import Talk, captions, words

from bot.domain.cluster import Node
from bot.domain.request import parse_reserve
from bot.sandbox.blocks import checked_blocks
from bot.slack.ids import ActionId, CallbackId
from bot.slack.registry import ACTIONS, SUBMISSIONS, VERBS
from bot.slack.router import run_command

#: Handled by the router itself, or only read when a form is submitted.
ELSEWHERE = {ActionId.RUN, ActionId.MORE, ActionId.FIELD}


def test_every_action_and_form_has_a_handler() -> None:
    assert set(ACTIONS) == set(ActionId) - ELSEWHERE
    assert set(SUBMISSIONS) == set(CallbackId) - {CallbackId.TOLD}


def test_help_shows_every_verb_with_an_example(alice: Talk) -> None:
    text = words(alice.types(""))
    for verb in VERBS.values():
        assert f"`/gpu {verb.examples[0]}`" in text


@pytest.mark.parametrize("name", ["reserve", "node", "show"])
def test_help_of_one_verb_has_its_usage_and_examples(alice: Talk, name: str) -> None:
    text = words(alice.types(f"help {name}"))
    for example in VERBS[name].examples:
        assert f"/gpu {example}" in text


def test_every_example_of_reserve_is_understood(alice: Talk) -> None:
    nodes = tuple(Node(f"gpu-{i:02}", 8, "A100") for i in range(1, 4))
    cluster = builders.cluster(nodes=nodes)
    for example in VERBS["reserve"].examples:
        text = example.removeprefix("reserve")
        parse_reserve(text, now=alice.now, zone=cluster.zone, cluster=cluster)


def test_a_mistyped_verb_is_asked_about_with_a_button_that_does_it(alice: Talk) -> None:
    reply = alice.types("resrve 2 tonight 8h")
    assert captions(reply) == ["/gpu reserve 2 tonight 8h"]
    done = alice.presses(reply, "/gpu reserve")
    assert done is not None
    assert "Booked" in words(done)


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u3000", "\n", " \u200b "])
def test_any_space_ends_a_verb(alice: Talk, space: str) -> None:
    assert "Booked" in words(alice.types(f"reserve{space}2{space}tonight 8h"))
    assert captions(alice.types(f"reserve{space}2 tonight")) == ["Use the form…"]


def test_a_request_without_its_verb_is_asked_about_too(alice: Talk) -> None:
    reply = alice.types("2 tonight 8h")
    assert captions(reply) == ["/gpu reserve 2 tonight 8h"]


@pytest.mark.parametrize("text", ["xyzzy <!here>", "ponder 3 2h", "help foo"])
def test_nonsense_leads_to_the_help(alice: Talk, text: str) -> None:
    reply = alice.types(text)
    assert "I do not know" in words(reply)
    assert "<!here>" not in words(reply)
    assert captions(reply) == ["Show help"]


@pytest.mark.parametrize(
    ("typed", "verb"), [("eserve", "reserve"), ("mien", "mine"), ("stauts", "status")]
)
def test_a_letter_that_is_missing_or_in_the_wrong_place_is_forgiven(
    alice: Talk, typed: str, verb: str
) -> None:
    assert captions(alice.types(typed)) == [f"/gpu {verb}"]
    assert captions(alice.types(f"help {typed}")) == [f"/gpu help {verb}"]


@pytest.mark.parametrize("words_before", ["resrve 1 tonight 4h", "1 tonight 4h"])
def test_a_mistyped_command_too_long_for_a_button_is_named_only(
    alice: Talk, words_before: str
) -> None:
    reply = alice.types(f'{words_before} "{"x" * 2500}"')
    assert "Did you mean `/gpu reserve`?" in words(reply)
    assert captions(reply) == []


def test_mine_takes_no_words(alice: Talk) -> None:
    assert "did not understand “extra”" in words(alice.types("mine extra"))


WORDS = st.sampled_from([
    *VERBS, "b1", "B1", "1", "4", "99999999999999999999", "-3", "0.5", "tomorrow", "22:00", "20h",
    "99999999h", "fri", "9am", "now", "until", "on", "gpu-01", "model", "A100", "spread", "p0",
    "p7", "drain", "resume", "<@U0BOB|bob>", "<@", "{x}", "{", "}", "%s", "`", "“", '"', "&amp;",
    "\x00", "明天22:00", "20小时", "12/31", "2026-02-30", "9999-12-31", "→", "team", "nlp",
    "from", "by", "sat", "45m", "w1", "spread",
])  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, max_size=7).map(" ".join))
def test_no_words_whatsoever_lead_to_an_incident(admin: Talk, text: str) -> None:
    admin.window = None
    reply = run_command(admin.call(), text)
    assert reply is not None or admin.window is not None
    if reply is not None:
        checked_blocks(list(reply.blocks))
        assert "went wrong" not in words(reply), text

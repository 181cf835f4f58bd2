"""`/gpu token`: the secret is shown once, to the one who asked."""

from __future__ import annotations

import re

import pytest
from builders import CHEN, NOW, STRANGER
from talk import Talk, captions, find, words

from bot.services.site import Site
from bot.services.tokens import find_token, tokens_of


def secret_in(text: str) -> str:
    """The secret that a reply shows."""
    found = re.search(r"`(gpubot_[\w-]+)`", text)
    assert found is not None, text
    return found.group(1)


def test_a_new_token_is_shown_once_with_an_example_that_has_it(bob: Talk, site: Site) -> None:
    said = words(bob.types("token new nightly read team vision for 90d"))
    secret = secret_in(said)
    assert f"curl -H 'Authorization: Bearer {secret}'" in said
    assert "never paste it into a channel" in said
    token = find_token(site, secret, now=NOW)
    assert token is not None
    assert (token.name, token.team, token.user) == ("nightly", "vision", bob.user)
    listed = words(bob.types("token"))
    assert "*1 nightly* · read · team vision · good until 2027-02-23" in listed
    assert "gpubot_" not in listed


def test_slacks_retry_makes_no_second_token_and_says_what_to_do(bob: Talk, site: Site) -> None:
    bob.types("token new nightly", key="once")
    again = words(bob.types("token new nightly", key="once"))
    assert "Token 1 is made already" in again
    assert "/gpu token revoke 1" in again
    assert len(tokens_of(site, bob.user, now=NOW)) == 1


def test_a_token_is_revoked_by_its_button_and_by_its_number(bob: Talk, site: Site) -> None:
    bob.types("token new one"), bob.types("token new two")
    listed = bob.types("token")
    assert captions(listed) == ["Revoke", "Revoke"]
    assert find(listed, "Revoke")["confirm"]["deny"]["text"] == "Keep it"
    done = bob.presses(listed, "Revoke")
    assert done is not None
    assert "Token *2 two* is revoked" in words(done)
    assert "Token *1 one* is revoked" in words(bob.types("token revoke 1"))
    assert words(bob.types("token")).startswith("You have no tokens.")


def test_the_example_is_for_ones_own_team(bob: Talk, site: Site) -> None:
    assert "`/gpu token new nightly read book team vision for 90d`" in words(bob.types("token"))
    chen = Talk(site, CHEN)
    assert "`/gpu token new nightly read book team nlp for 90d`" in words(chen.types("token"))


def test_somebody_elses_token_is_not_found(bob: Talk, alice: Talk, admin: Talk) -> None:
    bob.types("token new nightly")
    assert "You have no token 1" in words(alice.types("token revoke 1"))
    assert "is revoked" in words(admin.types("token revoke 1"))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("token new", "Say what the token is for."),
        ("token new x write", "I did not understand “write”."),
        ("token new x team nlp", "You can book only for teams that you are in."),
        ("token new x for 3000d", "a token is good for at most 730 d"),
        ("token frob", "I did not understand “frob”."),
        ("token revoke", "Say which token."),
    ],
)
def test_what_cannot_be_done_says_why(bob: Talk, typed: str, said: str) -> None:
    assert said in words(bob.types(typed))


def test_people_without_a_team_get_none(site: Site) -> None:
    said = words(Talk(site, STRANGER).types("token new x"))
    assert "You are not in any team yet, so you have no tokens." in said


def test_the_history_says_who_made_which_token(bob: Talk) -> None:
    bob.types("token new nightly"), bob.types("token revoke 1")
    said = words(bob.types("audit"))
    assert "<@U0BOB> made the token 1 “nightly”" in said
    assert "<@U0BOB> revoked the token 1 “nightly”" in said

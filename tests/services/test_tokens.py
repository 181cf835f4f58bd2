"""Tokens: made once, kept as a hash, revoked, and never worth more than their maker."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import ADMIN, BOB, CHEN, NOW, STRANGER, actor, cluster
from sqlalchemy import select
from sqlmodel import SQLModel, col

from bot.domain.access import Scope, Token, TokenKind
from bot.domain.cluster import Team
from bot.domain.errors import NotAllowed, NotFound, UnknownName
from bot.services.look import history
from bot.services.site import Site
from bot.services.tokens import (
    PREFIX,
    ShownBefore,
    create_token,
    find_token,
    revoke_token,
    tokens_of,
)
from bot.store import models

YEAR, HOUR = timedelta(days=365), timedelta(hours=1)


def made(site: Site, user: str = BOB, **more: object) -> tuple[Token, str]:
    values: dict[str, object] = {
        "kind": TokenKind.PERSON,
        "name": "nightly",
        "scopes": [Scope.READ],
        "expires_at": NOW + YEAR,
        "now": NOW,
    }
    return create_token(site, actor(user), **{**values, **more})  # type: ignore[arg-type]


def test_the_secret_opens_what_was_made_and_is_kept_nowhere(site: Site) -> None:
    token, secret = made(site)
    assert secret.startswith(PREFIX)
    found = find_token(site, secret, now=NOW)
    assert found is not None
    assert (found.id, found.user, found.scopes) == (token.id, BOB, frozenset({Scope.READ}))
    with site.database.snapshot() as connection:
        tables = SQLModel.metadata.sorted_tables
        dump = "\n".join(str(row) for t in tables for row in connection.execute(t.select()))
    assert token.name in dump
    assert secret not in dump
    assert secret.removeprefix(PREFIX) not in dump


@pytest.mark.parametrize("wrong", ["", PREFIX, "gpubot_x", "é\x00", "x" * 10_000])
def test_another_secret_opens_nothing(site: Site, wrong: str) -> None:
    made(site)
    assert find_token(site, wrong, now=NOW) is None


def test_it_opens_nothing_from_its_last_instant_on(site: Site) -> None:
    _, secret = made(site)
    assert find_token(site, secret, now=NOW + YEAR - HOUR) is not None
    assert find_token(site, secret, now=NOW + YEAR) is None
    assert tokens_of(site, BOB, now=NOW + YEAR) == ()


def test_a_revoked_token_opens_nothing_and_revoking_again_changes_nothing(site: Site) -> None:
    token, secret = made(site)
    for _ in range(2):
        assert revoke_token(site, actor(BOB), token.id, now=NOW).revoked_at == NOW
    assert find_token(site, secret, now=NOW) is None
    assert [one.action for one in history(site)] == ["token_made", "token_revoked"]


def test_owners_revoke_their_own_and_admins_everybodys(site: Site) -> None:
    token, secret = made(site)
    with pytest.raises(NotFound):
        revoke_token(site, actor(CHEN), token.id, now=NOW)
    assert find_token(site, secret, now=NOW) is not None
    revoke_token(site, actor(ADMIN), token.id, now=NOW)
    assert find_token(site, secret, now=NOW) is None


def test_a_request_that_comes_twice_makes_one_token(site: Site) -> None:
    token, secret = made(site, key="press 1")
    with pytest.raises(ShownBefore) as refused:
        made(site, key="press 1")
    assert refused.value.fields["id"] == token.id
    assert tokens_of(site, BOB, now=NOW) == (token,)
    assert find_token(site, secret, now=NOW) is not None


def test_its_use_is_noted_by_the_hour(site: Site) -> None:
    _, secret = made(site)

    def used(now_later: timedelta) -> object:
        find_token(site, secret, now=NOW + now_later)
        with site.database.snapshot() as connection:
            return connection.execute(select(col(models.Token.used_at))).scalar_one()

    assert used(timedelta(0)) == NOW
    assert used(HOUR / 2) == NOW
    assert used(HOUR) == NOW + HOUR


def test_the_record_says_what_it_may_but_not_the_secret(site: Site) -> None:
    _, secret = made(site, kind=TokenKind.PIPELINE, team="VISION")
    (record,) = history(site)
    assert record.after == {
        "token": 1,
        "kind": "pipeline",
        "name": "nightly",
        "user": BOB,
        "team": "vision",
        "scopes": ["read"],
        "target": None,
    }
    assert secret not in str(record)


def test_a_pipelines_token_is_for_those_who_book_for_the_team(site: Site) -> None:
    with pytest.raises(NotAllowed):
        made(site, kind=TokenKind.PIPELINE, team="nlp")
    with pytest.raises(UnknownName):
        made(site, kind=TokenKind.PIPELINE, team="frobnicators")
    assert made(site, ADMIN, kind=TokenKind.PIPELINE, team="nlp")[0].team == "nlp"


def test_people_without_a_team_have_no_tokens(site: Site) -> None:
    with pytest.raises(NotAllowed):
        made(site, STRANGER)


def test_a_token_sleeps_while_its_maker_is_in_no_team(site: Site) -> None:
    _, secret = made(site)
    vision, nlp = cluster().teams
    assert found_with(site, secret, nlp) is None
    assert found_with(site, secret, nlp, vision) is not None


def test_a_pipelines_token_sleeps_while_its_maker_is_not_in_its_team(site: Site) -> None:
    _, secret = made(site, kind=TokenKind.PIPELINE, team="vision")
    vision, nlp = cluster().teams
    moved = replace(nlp, members=frozenset({BOB}))
    assert found_with(site, secret, replace(vision, members=frozenset()), moved) is None
    assert found_with(site, secret, vision, nlp) is not None


def found_with(site: Site, secret: str, *teams: Team) -> Token | None:
    """The token, under a configuration with other teams."""
    changed = Site.open(site.database, replace(site.cluster, teams=teams))
    return find_token(changed, secret, now=NOW)

"""Feeds: who may subscribe to what, and that reading one does not grow with the past."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, NODES, NOW, actor, cluster, request
from sqlalchemy import event

from bot.domain.access import Scope, TokenKind
from bot.domain.cluster import Cluster
from bot.domain.errors import NotAllowed, NotFound, UnknownName
from bot.services.feed import FeedKind, FeedTarget, read_feed
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.subscribe import subscribe, subscription, subscriptions, unsubscribe
from bot.services.tokens import create_token, find_token, revoke_token

VISION, NODE = FeedTarget(FeedKind.TEAM, "vision"), FeedTarget(FeedKind.NODE, "gpu-01")


def mine(user: str) -> FeedTarget:
    return FeedTarget(FeedKind.PERSON, user)


def secret_of(site: Site, user: str, target: FeedTarget, *, again: bool = False) -> str:
    made = subscribe(site, actor(user), target, again=again, now=NOW)
    assert made.url is not None
    return made.url.partition("token=")[2]


def test_a_target_is_written_as_it_is_read() -> None:
    for target in (VISION, NODE, mine(BOB)):
        assert FeedTarget.parse(str(target)) == target


@pytest.mark.parametrize("text", ["", "vision", "queue:1", "TEAM:vision"])
def test_anything_else_is_no_target(text: str) -> None:
    with pytest.raises(ValueError, match="FeedKind"):
        FeedTarget.parse(text)


def test_one_has_at_most_one_feed_of_a_target(site: Site) -> None:
    first = secret_of(site, BOB, VISION)
    assert subscribe(site, actor(BOB), VISION, now=NOW).url is None
    second = secret_of(site, BOB, VISION, again=True)
    assert read_feed(site, first, now=NOW) is None
    assert read_feed(site, second, now=NOW) is not None
    assert len(subscriptions(site, BOB, now=NOW)) == 1


def test_people_do_not_share_feeds(site: Site) -> None:
    first, second = secret_of(site, BOB, VISION), secret_of(site, ALICE, VISION)
    token = subscription(site, BOB, VISION, now=NOW)
    assert token is not None
    unsubscribe(site, actor(BOB), token.id, now=NOW)
    assert read_feed(site, first, now=NOW) is None
    assert read_feed(site, second, now=NOW) is not None


def test_names_are_taken_in_any_case(site: Site) -> None:
    made = subscribe(site, actor(BOB), FeedTarget(FeedKind.NODE, "GPU-01"), now=NOW)
    assert made.token.target == "node:gpu-01"


@pytest.mark.parametrize("target", ["team:robots", "node:gpu-99"])
def test_there_are_no_feeds_of_what_there_is_not(site: Site, target: str) -> None:
    with pytest.raises(UnknownName):
        subscribe(site, actor(BOB), FeedTarget.parse(target), now=NOW)


@pytest.mark.parametrize("user", [CHEN, ADMIN])
def test_nobody_subscribes_to_another_persons_bookings(site: Site, user: str) -> None:
    with pytest.raises(NotAllowed):
        subscribe(site, actor(user), mine(BOB), now=NOW)


def test_a_feeds_token_does_nothing_but_feed(site: Site) -> None:
    token = find_token(site, secret_of(site, BOB, VISION), now=NOW)
    assert token is not None
    assert token.scopes == {Scope.FEED}


def test_a_programs_token_is_no_address_to_remove(site: Site) -> None:
    token, _ = create_token(
        site, actor(BOB), kind=TokenKind.PERSON, name="x", scopes=[Scope.READ], now=NOW
    )
    with pytest.raises(NotFound):
        unsubscribe(site, actor(BOB), token.id, now=NOW)


def test_an_admin_may_revoke_a_feed_as_any_token(site: Site) -> None:
    secret = secret_of(site, BOB, VISION)
    token = subscription(site, BOB, VISION, now=NOW)
    assert token is not None
    revoke_token(site, actor(ADMIN), token.id, now=NOW)
    assert read_feed(site, secret, now=NOW) is None


@pytest.mark.parametrize("database_url", ["SQLite"], indirect=True)
@pytest.mark.parametrize("target", [VISION, NODE, mine(BOB)], ids=str)
def test_bookings_of_the_past_are_found_by_an_index_and_not_read(
    site: Site, target: FeedTarget
) -> None:
    reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    secret = secret_of(site, BOB, target)
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, sql: str, values: Any, *_: object) -> None:
        asked.append((sql, values))

    event.listen(site.database.engine, "before_cursor_execute", note)
    assert read_feed(site, secret, now=NOW) is not None
    event.remove(site.database.engine, "before_cursor_execute", note)
    plans = []
    with site.database.snapshot() as connection:
        for sql, values in asked:
            if "FROM booking" in sql or "FROM audit" in sql:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
                plans += [row.detail for row in plan]
    assert any("SEARCH booking USING INDEX booking_" in plan for plan in plans)
    scans = [plan for plan in plans if plan.startswith("SCAN") and "audit_at" not in plan]
    assert scans == []


def test_a_feed_of_a_node_that_left_the_configuration_still_shows_what_it_had(
    site: Site, open_site: Callable[[Cluster], Site]
) -> None:
    reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    secret = secret_of(site, BOB, NODE)
    smaller = open_site(cluster(nodes=NODES[1:]))
    feed = read_feed(smaller, secret, now=NOW)
    assert feed is not None
    assert [one.booking.id for one in feed.listed] == [1]

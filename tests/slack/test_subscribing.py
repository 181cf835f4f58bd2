"""*Subscribe…*: getting an address for one's calendar, replacing it, and taking it away."""

from __future__ import annotations

import re

from builders import BOB, CHEN, NOW, actor, cluster, request
from talk import Talk, captions, find, words

from bot.domain.cluster import Node
from bot.services.feed import FeedKind, FeedTarget, read_feed
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.subscribe import subscriptions
from bot.slack.commands.subscribe import subscribe_button
from bot.slack.context import Reply

TEAM = "team:vision"


def asks(person: Talk, feed: str | None = None) -> Reply:
    """What the form to subscribe answers."""
    reserve(person.site, actor(person.user), request(1), now=NOW)
    person.presses(person.types("mine"), "Subscribe…")
    answer = person.submits(**({} if feed is None else {"feed": feed}))
    assert isinstance(answer, Reply)
    return answer


def secret(answer: Reply) -> str:
    """The secret in the address that an answer shows."""
    found = re.search(r"/calendar\.ics\?token=(\S+?)`", words(answer))
    assert found is not None, words(answer)
    return found.group(1)


def test_the_form_begins_with_ones_own_bookings_and_shows_the_address(bob: Talk) -> None:
    answer = asks(bob)
    assert "your own bookings" in words(answer)
    feed = read_feed(bob.site, secret(answer), now=NOW)
    assert feed is not None
    assert feed.target == FeedTarget(FeedKind.PERSON, BOB)


def test_among_ones_tokens_an_address_is_named_by_what_it_shows(bob: Talk) -> None:
    asks(bob), asks(bob, TEAM), asks(bob, "node:gpu-01")
    listed = bob.types("token")
    said = words(listed)
    assert "*1* · calendar address for your own bookings · never used" in said
    assert "*2* · calendar address for the bookings of team *vision*" in said
    assert "*3* · calendar address for the bookings on *gpu-01*" in said
    assert BOB not in said
    done = bob.types("token revoke 1")
    assert words(done) == "The address for your own bookings opens nothing any more."
    history = words(bob.types("audit"))
    assert "<@U0BOB> made the calendar address 1" in history
    assert "<@U0BOB> removed the calendar address 1" in history


def test_the_form_offers_every_team_and_every_node(bob: Talk) -> None:
    reserve(bob.site, actor(BOB), request(1), now=NOW)
    bob.presses(bob.types("mine"), "Subscribe…")
    assert bob.window is not None
    groups = bob.window["blocks"][1]["element"]["option_groups"]
    offered = [entry["value"] for group in groups for entry in group["options"]]
    teams, nodes = ["team:vision", "team:nlp"], ["node:gpu-01", "node:gpu-02", "node:gpu-03"]
    assert offered == [f"person:{BOB}", *teams, *nodes]


def test_a_team_may_be_chosen(bob: Talk) -> None:
    answer = asks(bob, TEAM)
    feed = read_feed(bob.site, secret(answer), now=NOW)
    assert feed is not None
    assert str(feed.target) == TEAM


def test_asking_again_says_that_there_is_one_and_shows_no_address(bob: Talk) -> None:
    first = secret(asks(bob, TEAM))
    again = asks(bob, TEAM)
    assert "calendar.ics" not in words(again)
    assert "already" in words(again)
    assert captions(again) == ["New address", "Remove the address"]
    assert read_feed(bob.site, first, now=NOW) is not None


def test_a_new_address_takes_the_place_of_the_old_one(bob: Talk) -> None:
    first = secret(asks(bob, TEAM))
    replaced = bob.presses(asks(bob, TEAM), "New address")
    assert replaced is not None
    assert read_feed(bob.site, first, now=NOW) is None
    assert read_feed(bob.site, secret(replaced), now=NOW) is not None
    assert len(subscriptions(bob.site, BOB, now=NOW)) == 1


def test_a_removed_address_opens_nothing(bob: Talk) -> None:
    answer = asks(bob, TEAM)
    told = bob.presses(answer, "Remove the address")
    assert told is not None
    assert "team *vision* opens nothing any more" in words(told)
    assert read_feed(bob.site, secret(answer), now=NOW) is None


def test_somebody_elses_address_cannot_be_removed(bob: Talk, site: Site) -> None:
    answer = asks(bob, TEAM)
    button = find(answer, "Remove the address")
    told = Talk(site, CHEN).acts(answer, button["action_id"], button["value"])
    assert told is not None
    assert "There is no such calendar address" in words(told)
    assert read_feed(site, secret(answer), now=NOW) is not None


def test_nobody_subscribes_to_what_another_person_has(bob: Talk) -> None:
    told = bob.acts(bob.types("mine"), "subscribe_again", f"person:{CHEN}")
    assert told is not None
    assert "for oneself" in words(told)
    assert subscriptions(bob.site, BOB, now=NOW) == ()


def test_a_button_may_name_the_feed_to_begin_with(bob: Talk) -> None:
    made = subscribe_button(bob.call().reader, FeedTarget(FeedKind.NODE, "gpu-03"))
    bob.acts(bob.types("mine"), made["action_id"], made["value"])
    assert bob.window is not None
    assert bob.window["blocks"][1]["element"]["initial_option"]["value"] == "node:gpu-03"


def test_the_form_holds_a_large_cluster(open_site, bob: Talk) -> None:
    nodes = tuple(Node(f"gpu-{number:03}", 8, "A100") for number in range(1, 401))
    person = Talk(open_site(cluster(nodes=nodes)), BOB)
    person.acts(person.types("mine"), "subscribe", "")
    assert person.window is not None
    groups = person.window["blocks"][1]["element"]["option_groups"]
    assert sum(len(group["options"]) for group in groups) == 1 + 2 + 400


def test_a_button_of_another_time_is_answered(bob: Talk) -> None:
    told = bob.acts(bob.types("mine"), "subscribe_again", "queue:7")
    assert told is not None
    assert "There is no such calendar address" in words(told)


def test_a_new_address_stands_where_the_old_one_stood(bob: Talk) -> None:
    replaced = bob.presses(asks(bob, TEAM), "New address")
    assert replaced is not None
    assert replaced.replace


def test_the_list_that_it_was_asked_from_stays(bob: Talk) -> None:
    assert not asks(bob).replace

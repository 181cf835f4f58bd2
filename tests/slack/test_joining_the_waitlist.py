"""Joining the waitlist: by words, by form, and wherever something is not free."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import builders
import pytest
from talk import Talk, captions, reader, words
from told import last
from waits import WAITS

from bot.domain.cluster import Cluster, Node, Notify
from bot.services.look import bookings_of
from bot.services.look_waiting import open_offer_of, waitlist
from bot.services.site import Site
from bot.slack.blocks.waitlist import place_in_line
from bot.slack.context import FormErrors, FormUpdate, Reply
from bot.slack.registry import VERBS


@pytest.fixture
def chen(site: Site) -> Talk:
    """The lead of team nlp."""
    return Talk(site, builders.CHEN)


@pytest.fixture
def taken(alice: Talk) -> Talk:
    """Alice, who has all A100 tonight as B1."""
    alice.types("reserve 8 tonight 8h model A100")
    return alice


# Joining


def test_joining_says_what_is_waited_for_where_one_stands_and_what_comes_next(
    taken: Talk, bob: Talk, chen: Talk
) -> None:
    chen.types(WAITS)
    reply = bob.types(f'{WAITS} "the *big* <!here> run"')
    said = words(reply)
    assert "*W2* 8 × A100 for 8 h, between <!date^" in said
    assert "You are 2nd of 2 in line." in said
    assert (
        "When GPUs are freed, I hold them for you for 15 min and ask you in <#C0VISION> and "
        "directly." in said
    )
    assert "“the ∗big∗ @here run”" in said
    assert captions(reply) == ["Leave the waitlist", "Change…"]


@pytest.mark.parametrize(
    ("notify", "asked"),
    [(Notify.DIRECT, "and ask you directly."), (Notify.CHANNEL, "and ask you in <#C0VISION>.")],
)
def test_what_comes_next_follows_the_policy(
    open_site: Callable[[Cluster], Site], notify: Notify, asked: str
) -> None:
    bob = Talk(open_site(builders.cluster(notify=notify)), builders.BOB)
    bob.types("reserve 8 tonight 8h model A100")
    assert asked in words(bob.types(WAITS))


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"),
     (21, "21st"), (102, "102nd"), (111, "111th")],
)  # fmt: skip
def test_places_are_said_as_people_say_them(site: Site, number: int, said: str) -> None:
    told = place_in_line(reader(site, builders.BOB), number, 200)
    assert told == f"You are {said} of 200 in line."


def test_the_same_command_delivered_twice_joins_once(taken: Talk, bob: Talk, site: Site) -> None:
    first = bob.types(WAITS, key="command:7")
    assert words(first) == words(bob.types(WAITS, key="command:7"))
    assert len(waitlist(site)) == 1


def test_how_the_words_were_rounded_is_said(taken: Talk, bob: Talk) -> None:
    reply = bob.types("wait 8 7h from tonight by tomorrow 04:00 model A100")
    assert "ounded to 8 h" in words(reply)


def test_how_they_were_read_is_said_too_where_there_is_no_need_to_wait(bob: Talk) -> None:
    reply = words(bob.types("wait 8 4h from 15:37 by 12/1 10:00 model A100"))
    assert reply.startswith("There is no need to wait")
    assert "“12/1 10:00” was read as Tue 1 Dec." in reply
    assert "the beginning of that slot" in reply


def test_what_is_free_already_is_shown_and_booked_by_a_click(bob: Talk, site: Site) -> None:
    reply = bob.types("wait 8 8h model A100 by tomorrow 22:00")
    assert words(reply).startswith("There is no need to wait: 8 × A100 on gpu-03,")
    assert captions(reply) == ["Book it"]
    done = bob.presses(reply, "Book it")
    assert done is not None
    assert "Booked" in words(done)
    assert waitlist(site) == ()


def test_somebody_who_is_told_of_a_later_window_can_wait_for_something_earlier(
    alice: Talk, bob: Talk, site: Site
) -> None:
    alice.types("reserve 8 now 20h model A100")
    reply = bob.types("wait 8 8h model A100")
    assert "There is no need to wait" in words(reply)
    assert captions(reply) == ["Book it", "Wait for something earlier"]
    assert bob.presses(reply, "Wait for something earlier") is not None
    (entry,) = waitlist(site)
    (running,) = bookings_of(site, builders.ALICE, now=builders.NOW)
    assert entry.latest == running.window.end + timedelta(hours=6)


def test_nothing_earlier_is_promised_where_the_time_before_is_too_short(
    alice: Talk, bob: Talk
) -> None:
    alice.types("reserve 8 now 4h model A100")
    assert captions(bob.types("wait 8 8h model A100 from today 16:00")) == ["Book it"]


def test_a_stranger_without_a_team_cannot_wait(taken: Talk, site: Site) -> None:
    reply = Talk(site, builders.STRANGER).types(WAITS)
    assert "You are not in any team yet" in words(reply)
    assert waitlist(site) == ()


@pytest.mark.parametrize("verb", ["wait", "waitlist", "queue"])
def test_every_example_of_the_help_is_understood(bob: Talk, verb: str) -> None:
    for example in VERBS[verb].examples:
        said = words(bob.types(example))
        assert "Try:" not in said
        assert "did not understand" not in said


# Join waitlist, wherever something is not free


def test_a_conflict_can_be_waited_for_by_a_click(taken: Talk, bob: Talk, site: Site) -> None:
    reply = bob.types('reserve 8 tonight 8h model A100 "eval"')
    joined = bob.presses(reply, "Join waitlist", key="press:1")
    assert joined is not None
    assert joined.replace
    assert "*W1* 8 × A100 for 8 h, between" in words(joined)
    (entry,) = waitlist(site)
    held = bookings_of(site, builders.ALICE, now=builders.NOW)[0].window
    assert (entry.earliest, entry.latest, entry.purpose) == (held.start, held.end, "eval")
    bob.presses(reply, "Join waitlist", key="press:1")
    assert len(waitlist(site)) == 1


def test_a_button_that_stays_joins_again_after_one_has_left(
    taken: Talk, bob: Talk, site: Site
) -> None:
    reply = bob.types("reserve 8 tonight 8h model A100")
    for label in ("W1", "W2", "W3"):
        for _ in range(2):
            joined = bob.presses(reply, "Join waitlist", key="press:1")
            assert joined is not None
            assert f"You are on the waitlist.\n*{label}*" in words(joined)
        assert len(waitlist(site)) == 1
        bob.presses(joined, "Leave")
    assert waitlist(site) == ()


def test_what_is_rounded_to_begin_now_is_waited_for_at_its_asked_length(
    alice: Talk, bob: Talk, site: Site
) -> None:
    alice.types("reserve 8 now 20h model A100")
    bob.presses(bob.types("reserve 8 now 4h model A100"), "Join waitlist")
    (entry,) = waitlist(site)
    assert entry.length == timedelta(hours=4)


def test_who_wanted_gpus_now_waits_for_the_next_that_are_freed(
    alice: Talk, bob: Talk, site: Site
) -> None:
    alice.types("reserve 8 now 20h model A100")
    bob.presses(bob.types("reserve 8 now 4h model A100"), "Join waitlist")
    (entry,) = waitlist(site)
    # Until the window that could be booked later, not only the four hours from now, of which any
    # release would leave too little.
    assert entry.latest > builders.NOW + timedelta(hours=20)
    alice.now = bob.now = builders.NOW + timedelta(hours=3)
    alice.types("release B1")
    assert open_offer_of(site, entry.id) is not None


def test_the_form_to_reserve_leads_to_the_waitlist_too(taken: Talk, bob: Talk, site: Site) -> None:
    bob.opens("reserve")
    answer = bob.submits(gpus=8, model="=A100", start=builders.TONIGHT, length="4h")
    assert isinstance(answer, FormUpdate)
    assert bob.window is not None
    window = bob.window
    told_in_channel = bob.presses(window, "Join waitlist")
    assert told_in_channel is not None
    assert "*W1* 8 × A100 for 4 h" in words(told_in_channel)
    assert words(bob.window).endswith("W1 is on the waitlist.")
    assert len(waitlist(site)) == 1


def test_a_button_whose_time_has_passed_asks_until_when(taken: Talk, bob: Talk) -> None:
    reply = bob.types("reserve 8 tonight 8h model A100")
    bob.now = builders.TONIGHT + timedelta(hours=1)
    assert bob.presses(reply, "Join waitlist") is None
    assert bob.window is not None
    assert bob.window["title"]["text"] == "Wait for GPUs"
    (latest,) = [b for b in bob.window["blocks"] if b.get("block_id") == "latest"]
    assert "initial_date_time" not in latest["element"]


def test_an_extension_that_is_not_free_can_be_waited_for(
    alice: Talk, bob: Talk, site: Site
) -> None:
    alice.types("reserve 8 now 2h model A100")
    bob.types("reserve 8 today 14:00 20h model A100")
    reply = alice.types("extend B1 4h")
    assert captions(reply) == ["Join waitlist"]
    joined = alice.presses(reply, "Join waitlist")
    assert joined is not None
    mine = bookings_of(site, builders.ALICE, now=builders.NOW)[0]
    (entry,) = waitlist(site)
    assert (entry.earliest, entry.length) == (mine.window.end, timedelta(hours=4))


def test_who_extends_for_somebody_else_is_not_asked_to_wait_for_them(
    alice: Talk, bob: Talk, site: Site
) -> None:
    bob.types("reserve 8 now 2h model A100")
    alice.types("reserve 8 today 14:00 20h model A100")
    alice.acts(Reply("card"), "extend", "1")
    answer = alice.submits(length="4h", reason="he is on leave")
    assert isinstance(answer, FormUpdate)
    assert captions(answer.view) == []


def test_when_nothing_is_free_at_all_one_can_wait(
    open_site: Callable[[Cluster], Site],
) -> None:
    site = open_site(builders.cluster(nodes=(Node("gpu-01", 4, "V100"),)))
    admin, bob = Talk(site, builders.ADMIN), Talk(site, builders.BOB)
    admin.types("node drain gpu-01 broken")
    reply = bob.types("free 2 4h")
    assert captions(reply) == ["Join waitlist"]
    joined = bob.presses(reply, "Join waitlist")
    assert joined is not None
    assert "*W1* 2 GPUs for 4 h, by <!date^" in words(joined)
    admin.types("node resume gpu-01")
    assert "are free for you" in words(last(site, bob, "offer", builders.BOB))


# The form


def test_wait_alone_opens_a_form_that_joins(taken: Talk, bob: Talk, site: Site) -> None:
    form = bob.opens("wait")
    assert form["title"]["text"] == "Wait for GPUs"
    tomorrow = builders.TONIGHT + timedelta(hours=6)
    answer = bob.submits(
        gpus=8, length="8h", model="=A100", earliest=builders.TONIGHT - timedelta(hours=2),
        latest=tomorrow, priority="1", purpose="train",
    )  # fmt: skip
    assert isinstance(answer, Reply)
    assert "*W1* 8 × A100 for 8 h, between" in words(answer)
    (entry,) = waitlist(site)
    assert (int(entry.priority), entry.purpose, entry.latest) == (1, "train", tomorrow)


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"gpus": "99"}, "gpus", "ask for 1 to"),
        ({"gpus": None}, "gpus", "How many GPUs?"),
        ({"length": "soon"}, "length", "soon"),
        ({"length": ""}, "length", "Say for how long."),
        ({"length": "45m"}, "length", "less than one"),
        ({"earliest": datetime(2026, 11, 20, tzinfo=UTC)}, "earliest", "is in the past"),
        ({"latest": datetime(2026, 11, 20, tzinfo=UTC)}, "latest", "is in the past"),
        ({"length": "20h", "latest": datetime(2026, 11, 25, 10, tzinfo=UTC)}, "latest", "20 h"),
    ],
)
def test_errors_stand_at_their_fields(
    bob: Talk, fields: dict[str, object], field: str, said: str
) -> None:
    bob.opens("wait")
    answer = bob.submits(**fields)
    assert isinstance(answer, FormErrors)
    assert list(answer.errors) == [field]
    assert said in answer.errors[field]


def test_the_form_says_when_there_is_no_need_to_wait(bob: Talk, site: Site) -> None:
    bob.opens("wait")
    assert isinstance(bob.submits(gpus=4, length="8h"), FormUpdate)
    assert bob.window is not None
    assert "There is no need to wait" in words(bob.window)
    window = bob.window
    bob.presses(window, "Book it")
    assert len(bookings_of(site, builders.BOB, now=builders.NOW)) == 1


def test_words_that_cannot_be_read_lead_to_the_form_with_those_that_can(bob: Talk) -> None:
    reply = bob.types("wait 4 20h xyzzy model A100")
    assert "xyzzy" in words(reply)
    assert bob.presses(reply, "Use the form…") is None
    assert bob.window is not None
    values = {b["block_id"]: b["element"] for b in bob.window["blocks"] if b["type"] == "input"}
    assert values["gpus"]["initial_value"] == "4"
    assert values["length"]["initial_value"] == "20h"
    assert values["model"]["initial_option"]["value"] == "=A100"


# Buttons of old messages


@pytest.mark.parametrize("action", ["join_waitlist", "queue_now"])
@pytest.mark.parametrize("value", ["", "{}", "[]", '{"n":1}', '{"n":1,"l":-5}', '{"n":1,"l":true}'])
def test_an_altered_button_is_refused(bob: Talk, site: Site, action: str, value: str) -> None:
    reply = bob.acts(Reply("old"), action, value)
    assert reply is not None
    assert "went wrong" not in words(reply)
    assert waitlist(site) == ()


@pytest.mark.parametrize(
    "action", ["wait_leave", "wait_change", "offer_accept", "offer_decline", "offer_leave"]
)
def test_a_button_of_something_unknown_is_refused(bob: Talk, action: str) -> None:
    for value in ("77", "x", ""):
        reply = bob.acts(Reply("old"), action, value)
        assert reply is not None
        assert "went wrong" not in words(reply)

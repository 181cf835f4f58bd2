"""Offers and their answers, and wishes that end by themselves."""

from __future__ import annotations

from datetime import timedelta

import builders
import pytest
from talk import Talk, captions, find, words
from told import last, told
from waits import MENTION_OF_BOB, WAITS, delivered, offered, shown

from bot.domain.actor import Person
from bot.domain.waitlist import EntryState
from bot.services.answer_offer import expire_offers
from bot.services.edit_waitlist import expire_entries
from bot.services.look import bookings_of
from bot.services.look_waiting import get_entry, get_offer
from bot.services.people import remember_person
from bot.services.site import Site
from bot.slack.context import Reply


@pytest.fixture
def chen(site: Site) -> Talk:
    """The lead of team nlp."""
    return Talk(site, builders.CHEN)


@pytest.fixture
def taken(alice: Talk) -> Talk:
    """Alice, who has all A100 tonight as B1."""
    alice.types("reserve 8 tonight 8h model A100")
    return alice


# Offers


def test_an_offer_calls_the_person_in_the_channel_and_asks_them_directly(
    taken: Talk, bob: Talk, site: Site
) -> None:
    remember_person(site, Person(builders.BOB, "Bob Keller", "UTC", "en-US", None, builders.NOW))
    direct = offered(site, taken, bob)
    public = last(site, bob, "offer", "C0VISION")
    assert words(public).startswith(f"{MENTION_OF_BOB} *8 × A100 on gpu-03* are free for you: ")
    assert words(direct).startswith("*8 × A100 on gpu-03* are free for you: ")
    for message in (public, direct):
        assert "Held until <!date^" in words(message)
        assert "(15 min)" in words(message)
    assert public.living
    assert captions(public) == ["Accept", "Decline"]
    assert captions(direct) == ["Accept", "Decline", "Leave the waitlist"]


def test_the_time_left_is_the_true_one_when_the_message_is_late(
    taken: Talk, bob: Talk, site: Site
) -> None:
    offered(site, taken, bob)
    bob.now = builders.NOW + timedelta(minutes=4)
    assert "(11 min)" in words(last(site, bob, "offer", "C0VISION"))


def test_accepting_books_and_both_messages_say_so(taken: Talk, bob: Talk, site: Site) -> None:
    remember_person(site, Person(builders.BOB, "Bob Keller", "UTC", "en-US", None, builders.NOW))
    offer = offered(site, taken, bob)
    done = bob.presses(offer, "Accept")
    assert done is not None
    assert "Accepted: B2 is yours." in words(done)
    assert captions(done) == ["Extend…", "Transfer…", "Cancel…"]
    direct, public = (last(site, bob, "offer", to) for to in (builders.BOB, "C0VISION"))
    assert words(direct).startswith("You accepted: *B2* 8 × A100 on gpu-03,")
    assert words(public).startswith("*B2* · Bob Keller · 8 × A100 on gpu-03,")
    assert MENTION_OF_BOB not in words(public)
    assert captions(direct) == captions(public) == []


def test_accepting_twice_books_once(taken: Talk, bob: Talk, site: Site) -> None:
    offer = offered(site, taken, bob)
    first, second = bob.presses(offer, "Accept"), bob.presses(offer, "Accept")
    assert first is not None
    assert second is not None
    assert words(first) == words(second)
    assert len(bookings_of(site, builders.BOB, now=builders.NOW)) == 1


def test_a_strangers_press_is_answered_to_them_alone_and_changes_nothing(
    taken: Talk, bob: Talk, chen: Talk, site: Site
) -> None:
    offer = offered(site, taken, bob)
    for caption in ("Accept", "Decline", "Leave the waitlist"):
        refused = chen.presses(offer, caption)
        assert refused is not None
        assert "Only its owner, the team's leads and admins" in words(refused)
    assert get_offer(site, 1).is_open(builders.NOW)


def test_a_lead_accepts_for_the_owner(taken: Talk, bob: Talk, site: Site) -> None:
    offer = offered(site, taken, bob)
    done = taken.presses(offer, "Accept")
    assert done is not None
    assert f"B2 belongs to {MENTION_OF_BOB}" in words(done)
    direct = last(site, bob, "offer", builders.BOB)
    assert words(direct).startswith(f"<@{builders.ALICE}> accepted for you: *B2*")


def test_declining_passes_it_on_and_waits_on(
    taken: Talk, bob: Talk, chen: Talk, site: Site
) -> None:
    offer = offered(site, taken, bob)
    chen.types(WAITS)
    done = bob.presses(offer, "Decline")
    assert done is not None
    assert "Declined; the next in line may have it. W1 waits on" in words(done)
    assert words(last(site, bob, "offer", builders.BOB)).startswith("You declined 8 × A100")
    said = [m for _, to, m in told(site, bob) if to == "C0VISION" and m and "· declined" in m.text]
    assert said
    assert "are free for you" in words(last(site, bob, "offer", builders.CHEN))
    assert words(bob.presses(offer, "Decline") or done) == words(done)


def test_an_accept_after_a_decline_is_told_what_became_of_it(
    taken: Talk, bob: Talk, site: Site
) -> None:
    offer = offered(site, taken, bob)
    bob.presses(offer, "Decline")
    late = bob.presses(offer, "Accept")
    assert late is not None
    assert words(late) == "W1 is not on offer any more: it was declined."


def test_an_offer_that_nobody_answers_goes_to_the_next_and_says_when(
    taken: Talk, bob: Talk, site: Site
) -> None:
    offer = offered(site, taken, bob)
    delivered(site, builders.NOW)
    bob.now = builders.NOW + timedelta(minutes=16)
    direct, public = (last(site, bob, "offer", to) for to in (builders.BOB, "C0VISION"))
    assert words(direct).startswith("You did not answer by <!date^")
    assert "· nobody answered by <!date^" in words(public)
    late = bob.presses(offer, "Accept")
    assert late is not None
    assert "the offer expired <!date^" in words(late)
    assert bookings_of(site, builders.BOB, now=bob.now) == ()


def test_leaving_by_the_offer_ends_the_wish_and_frees_what_was_held(
    taken: Talk, bob: Talk, site: Site
) -> None:
    offer = offered(site, taken, bob)
    done = bob.presses(offer, "Leave the waitlist")
    assert done is not None
    assert words(done) == "W1 is off the waitlist."
    assert get_entry(site, 1).state is EntryState.LEFT
    assert words(last(site, bob, "offer", builders.BOB)).startswith("You declined")
    assert "Booked" in words(taken.types("reserve 8 tonight 8h model A100"))


def test_leaving_after_declining_still_leaves(taken: Talk, bob: Talk, site: Site) -> None:
    offer = offered(site, taken, bob)
    bob.presses(offer, "Decline")
    done = bob.presses(offer, "Leave the waitlist")
    assert done is not None
    assert words(done) == "W1 is off the waitlist."
    assert get_entry(site, 1).state is EntryState.LEFT


def test_a_wish_with_an_offer_is_answered_not_changed(taken: Talk, bob: Talk, site: Site) -> None:
    offered(site, taken, bob)
    refused = bob.acts(Reply("list"), "wait_change", "1")
    assert refused is not None
    assert "has an offer that waits for an answer" in words(refused)
    listed = bob.types("waitlist")
    assert captions(listed)[:3] == ["Accept", "Decline", "Leave the waitlist"]
    assert "· P2 · has an offer" in words(listed)
    assert find(listed, "Accept")["action_id"] == "offer_accept:row"
    assert bob.presses(listed, "Accept") is not None
    assert len(bookings_of(site, builders.BOB, now=builders.NOW)) == 1


def test_a_withdrawn_offer_says_why(taken: Talk, bob: Talk, site: Site) -> None:
    offered(site, taken, bob)
    bob.acts(Reply("list"), "wait_leave", "1")
    assert "was withdrawn" in words(last(site, bob, "offer", builders.BOB))
    assert "· withdrawn:" in words(last(site, bob, "offer", "C0VISION"))


# Wishes that end by themselves


def test_a_wish_whose_time_passed_is_told_directly(taken: Talk, bob: Talk, site: Site) -> None:
    bob.types(WAITS)
    bob.now = builders.TONIGHT + timedelta(hours=1)
    expire_entries(site, now=bob.now)
    message = last(site, bob, "entry", builders.BOB)
    assert words(message).startswith("Nothing was free in time for *W1* 8 × A100")
    assert bob.presses(shown(message), "Wait for GPUs…") is None
    assert bob.window is not None


def test_an_offer_that_ran_out_with_its_wish_promises_nothing_more(
    taken: Talk, bob: Talk, site: Site
) -> None:
    offered(site, taken, bob)
    delivered(site, bob.now)
    bob.now = builders.TONIGHT + timedelta(hours=1)
    expire_offers(site, now=bob.now)
    unanswered = words(last(site, bob, "offer", builders.BOB))
    assert unanswered.endswith("so the next in line may have 8 × A100 on gpu-03.")
    expire_entries(site, now=bob.now)
    over = words(last(site, bob, "entry", builders.BOB))
    assert over.startswith("The time for *W1* 8 × A100")


def test_two_offers_without_an_answer_end_the_wish_which_can_be_made_again(
    taken: Talk, bob: Talk, site: Site
) -> None:
    bob.types("wait 8 4h from tonight by tomorrow 04:00 model A100")
    taken.types("cancel B1")
    for _ in range(2):
        assert get_entry(site, 1).is_open
        delivered(site, bob.now)
        bob.now += timedelta(minutes=16)
        expire_offers(site, now=bob.now)
    message = last(site, bob, "entry", builders.BOB)
    assert "off the waitlist: 2 offers in a row were not answered" in words(message)
    again = bob.presses(shown(message), "Wait again")
    assert again is not None
    assert "There is no need to wait" in words(again)

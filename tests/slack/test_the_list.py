"""The waitlist as people see it: order, places, changing and leaving, and its history."""

from __future__ import annotations

import builders
import pytest
from talk import Talk, captions, reader, words
from waits import MENTION_OF_BOB, WAITS, offered

from bot.sandbox.blocks import checked_view
from bot.services.look import history
from bot.services.look_waiting import get_entry, waitlist
from bot.services.site import Site
from bot.slack.context import FormUpdate, Reply
from bot.slack.home import home_view


@pytest.fixture
def chen(site: Site) -> Talk:
    """The lead of team nlp."""
    return Talk(site, builders.CHEN)


@pytest.fixture
def taken(alice: Talk) -> Talk:
    """Alice, who has all A100 tonight as B1."""
    alice.types("reserve 8 tonight 8h model A100")
    return alice


# One wish


@pytest.mark.parametrize("typed", ["show W1", "w1", "show w1", "W1"])
def test_a_wish_is_shown_by_its_id_to_its_owner_with_buttons(
    taken: Talk, bob: Talk, typed: str
) -> None:
    bob.types(WAITS)
    reply = bob.types(typed)
    assert "You are 1st of" in words(reply) or "Nobody else is waiting." in words(reply)
    assert "Leave the waitlist" in captions(reply)


def test_others_see_a_wish_with_its_place_and_no_buttons(
    taken: Talk, bob: Talk, chen: Talk
) -> None:
    bob.types(WAITS)
    reply = chen.types("show W1")
    assert "place 1 of 1 in line" in words(reply)
    assert captions(reply) == []


def test_a_wish_that_was_given_up_or_never_was_is_told_so(taken: Talk, bob: Talk) -> None:
    bob.presses(bob.types(WAITS), "Leave the waitlist")
    assert "W1 is off the waitlist." in words(bob.types("show W1"))
    assert "W99" in words(bob.types("show W99"))


# The list


def test_an_empty_waitlist_says_how_to_join(bob: Talk) -> None:
    reply = bob.types("waitlist")
    assert "Nobody is waiting." in words(reply)
    assert "`/gpu wait 4 20h by fri 18:00`" in words(reply)
    assert bob.presses(reply, "Wait for GPUs…") is None
    assert bob.window is not None


def test_the_waitlist_shows_ones_own_wishes_and_everybody_in_order(
    taken: Talk, bob: Talk, chen: Talk
) -> None:
    chen.types(WAITS)
    bob.types(WAITS)
    bob.types(f"{WAITS} p1")
    reply = bob.types("waitlist")
    said = words(reply)
    assert "*You wait for 2 things.*" in said
    assert "You are 1st of 3 in line." in said
    assert "You are 3rd of 3 in line." in said
    listed = [line for line in said.splitlines() if line[:2] in ("1.", "2.", "3.")]
    assert [line.split(" 8 ×")[0] for line in listed] == [
        f"1. {MENTION_OF_BOB} · *W3*",
        f"2. <@{builders.CHEN}> · *W1*",
        f"3. {MENTION_OF_BOB} · *W2*",
    ]
    assert "· P1 · since <!date^" in listed[0]


def test_somebody_who_waits_for_nothing_reads_the_list_too(taken: Talk, bob: Talk) -> None:
    bob.types(WAITS)
    reply = taken.types("waitlist")
    assert words(reply).count(MENTION_OF_BOB) == 1
    assert captions(reply) == ["Wait for GPUs…"]


def test_a_long_waitlist_stays_within_one_message(taken: Talk, bob: Talk) -> None:
    for _ in range(40):
        bob.types(WAITS)
    said = words(bob.types("waitlist"))
    assert "*You wait for 40 things.*" in said
    assert "and 10 more" in said


def test_leaving_and_waiting_again(taken: Talk, bob: Talk, site: Site) -> None:
    joined = bob.types(WAITS)
    gone = bob.presses(joined, "Leave the waitlist")
    assert gone is not None
    assert words(gone) == "W1 is off the waitlist."
    assert waitlist(site) == ()
    assert words(bob.presses(joined, "Leave the waitlist") or gone) == words(gone)
    assert bob.presses(gone, "Wait again") is not None
    (entry,) = waitlist(site)
    assert (entry.id, entry.shape.model) == (2, "A100")


def test_a_stranger_cannot_take_a_wish_off_the_list(
    taken: Talk, bob: Talk, chen: Talk, site: Site
) -> None:
    joined = bob.types(WAITS)
    refused = chen.presses(joined, "Leave the waitlist")
    assert refused is not None
    assert "Only its owner, the team's leads and admins" in words(refused)
    assert chen.presses(joined, "Change…") is not None
    assert chen.window is None
    assert len(waitlist(site)) == 1


def test_a_lead_takes_a_wish_off_the_list_and_gets_no_button_to_wait_themselves(
    taken: Talk, bob: Talk
) -> None:
    joined = bob.types(WAITS)
    gone = taken.presses(joined, "Leave the waitlist")
    assert gone is not None
    assert captions(gone) == []


def test_changing_a_wish_begins_with_what_it_is_and_keeps_its_place(
    taken: Talk, bob: Talk, chen: Talk, site: Site
) -> None:
    joined = bob.types(f'{WAITS} p1 firm "train"')
    chen.types(WAITS)
    assert bob.presses(joined, "Change…") is None
    answer = bob.submits(gpus=6)
    assert isinstance(answer, Reply)
    assert "W1 is changed" in words(answer)
    assert "*W1* 6 × A100 for 8 h, between" in words(answer)
    entry = get_entry(site, 1)
    assert (entry.purpose, int(entry.priority), entry.preemptible) == ("train", 1, False)
    assert waitlist(site)[0].id == 1


def test_a_changed_wish_that_is_free_stays_as_it_was_until_it_is_booked_or_left(
    taken: Talk, bob: Talk, site: Site
) -> None:
    bob.presses(bob.types(WAITS), "Change…")
    assert isinstance(bob.submits(model="=V100"), FormUpdate)
    assert bob.window is not None
    assert "W1 stands as it was." in words(bob.window)
    assert captions(bob.window) == ["Book it", "Leave the waitlist"]
    assert get_entry(site, 1).shape.model == "A100"


def test_what_is_not_on_the_list_any_more_cannot_be_changed(taken: Talk, bob: Talk) -> None:
    joined = bob.types(WAITS)
    bob.presses(joined, "Leave the waitlist")
    refused = bob.presses(joined, "Change…")
    assert refused is not None
    assert words(refused) == "W1 is not on the waitlist any more."


def test_the_app_home_shows_what_one_waits_for_and_only_then(
    taken: Talk, bob: Talk, site: Site
) -> None:
    def home(user: str) -> str:
        view = home_view(site, reader(site, user), builders.NOW)
        checked_view(view, ("home",))
        return words(view)

    bob.types(WAITS)
    assert "You wait for\n*W1* 8 × A100" in home(builders.BOB)
    assert "You wait for" not in home(builders.ALICE)
    taken.types("cancel B1")
    assert "held for you until" in home(builders.BOB)


# Its history


def test_the_audit_tells_the_story_of_a_wish(taken: Talk, bob: Talk, site: Site) -> None:
    offer = offered(site, taken, bob)
    bob.presses(offer, "Accept")
    said = words(taken.types("audit"))
    assert f"{MENTION_OF_BOB} joined the waitlist with *W1*: 8 GPUs for 8 h" in said
    assert f"{MENTION_OF_BOB} was offered GPUs for *W1*" in said
    assert f"*B2*: {MENTION_OF_BOB} accepted from the waitlist: 8 GPUs on gpu-03" in said


def test_every_act_on_the_waitlist_has_a_sentence(taken: Talk, bob: Talk, site: Site) -> None:
    bob.types(WAITS)
    bob.presses(bob.types("waitlist"), "Change…")
    bob.submits(gpus=7)
    bob.types("queue 1 45m")
    taken.types("cancel B1")
    bob.acts(Reply("offer"), "offer_decline", "1")
    bob.acts(Reply("list"), "wait_leave", "1")
    said = words(taken.types("audit"))
    for record in history(site):
        assert f": {record.action}" not in said

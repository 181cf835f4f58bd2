"""Short work: it begins in a gap, or waits for one."""

from __future__ import annotations

from datetime import timedelta

import builders
import pytest
from talk import Talk, captions, words
from told import last, told
from waits import MENTION_OF_BOB, shown

from bot.services.look import bookings_of
from bot.services.site import Site
from bot.slack.context import FormErrors, Reply


@pytest.fixture
def chen(site: Site) -> Talk:
    """The lead of team nlp."""
    return Talk(site, builders.CHEN)


def full(alice: Talk) -> None:
    """Alice takes everything for now, until 12:00."""
    alice.types("reserve 8 now 1h model A100")
    alice.types("reserve 8 now 2h model A100")
    alice.types("reserve 8 now 2h model V100")


def test_short_work_begins_at_once_where_there_is_a_gap(bob: Talk, site: Site) -> None:
    reply = bob.types("queue 1 45m python *eval*.py")
    (booking,) = bookings_of(site, builders.BOB, now=builders.NOW)
    assert booking.queued
    assert words(reply).startswith(":white_check_mark: *B1* runs now: 1 × V100 on gpu-01 until <")
    assert "`python *eval*.py`" in words(reply)
    assert captions(reply) == ["Release…"]
    assert bob.presses(reply, "Release…") is None
    assert bob.window is not None


def test_short_work_queued_twice_by_one_delivery_begins_once(bob: Talk, site: Site) -> None:
    first = bob.types("queue 1 45m", key="command:9")
    assert words(first) == words(bob.types("queue 1 45m", key="command:9"))
    assert len(bookings_of(site, builders.BOB, now=builders.NOW)) == 1


def test_short_work_waits_for_a_gap_and_begins_by_itself(
    alice: Talk, bob: Talk, site: Site
) -> None:
    full(alice)
    reply = bob.types("queue 1 45m python eval.py")
    said = words(reply)
    assert "*W1* 1 GPU for 45 min, in the next gap" in said
    assert "Nobody else is waiting." in said
    assert "It begins by itself" in said
    assert "It never delays a booking." in said
    assert captions(reply) == ["Leave the waitlist"]
    alice.types("release B1 2")
    message = last(site, bob, "entry", builders.BOB)
    assert "runs now: 1 × A100 on gpu-03 until <!date^" in words(message)
    assert captions(message) == ["Release…", "Show"]
    assert [topic for topic, to, _ in told(site, bob) if to == builders.BOB] == ["entry"]


def test_short_work_without_a_command_is_offered_instead(
    alice: Talk, bob: Talk, site: Site
) -> None:
    full(alice)
    said = words(bob.types("queue 1 45m"))
    assert "In the first gap that is long enough, I hold them for you for 15 min" in said
    alice.types("release B1 2")
    offer = last(site, bob, "offer", builders.BOB)
    promised = "1 × A100 on gpu-03* is free for you, for 45 min from when you accept."
    assert promised in words(offer)
    assert bob.presses(shown(offer), "Accept") is not None
    assert "(45 min)" in words(last(site, bob, "offer", builders.BOB))
    assert len(bookings_of(site, builders.BOB, now=builders.NOW)) == 1


def test_short_work_and_windows_stand_in_lines_of_their_own(
    alice: Talk, bob: Talk, chen: Talk
) -> None:
    full(alice)
    chen.types("wait 8 2h by today 12:00 model A100")
    chen.types("wait 8 4h from today 10:00 by today 14:00 model A100")
    bob.types("queue 1 45m")
    said = words(bob.types("waitlist"))
    assert "Nobody else is waiting." in said
    assert f"*Short work that waits for a gap:*\n1. {MENTION_OF_BOB} · *W" in said


def test_queue_alone_opens_a_form(bob: Talk, site: Site) -> None:
    bob.opens("queue")
    answer = bob.submits(length="45m", command="python eval.py")
    assert isinstance(answer, Reply)
    assert "runs now" in words(answer)
    (booking,) = bookings_of(site, builders.BOB, now=builders.NOW)
    assert (booking.purpose, booking.window.length) == ("python eval.py", timedelta(minutes=45))


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"length": "3h"}, "length", "too long to queue"),
        ({"length": ""}, "length", "Say for how long."),
        ({"gpus": "99", "length": "5m"}, "gpus", "ask for 1 to"),
        ({"command": "x" * 301, "length": "5m"}, "command", "300 are allowed"),
    ],
)
def test_errors_of_short_work_stand_at_their_fields(
    bob: Talk, fields: dict[str, object], field: str, said: str
) -> None:
    bob.opens("queue")
    answer = bob.submits(**fields)
    assert isinstance(answer, FormErrors)
    assert list(answer.errors) == [field]
    assert said in answer.errors[field]


def test_less_than_a_slot_is_queued_or_booked_by_a_click(bob: Talk, site: Site) -> None:
    reply = bob.types('reserve 1 now 45m "look"')
    assert captions(reply) == ["Queue it now", "Book 2 h"]
    done = bob.presses(reply, "Queue it now")
    assert done is not None
    assert "runs now" in words(done)
    (booking,) = bookings_of(site, builders.BOB, now=builders.NOW)
    assert booking.window.length == timedelta(minutes=45)


def test_waiting_for_less_than_a_slot_leads_to_the_queue(bob: Talk) -> None:
    reply = bob.types("wait 2 45m")
    assert bob.presses(reply, "Queue it…") is None
    assert bob.window is not None
    assert bob.window["title"]["text"] == "Queue short work"
    (length,) = [b for b in bob.window["blocks"] if b.get("block_id") == "length"]
    assert length["element"]["initial_value"] == "45m"

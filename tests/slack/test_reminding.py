"""Reminders, and the question whether a booking that nobody uses is still needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import builders
import pytest
from plainly import plain, plainly
from talk import Talk, captions, find, words
from told import Row, delivered, last, told

from bot.domain.booking import BookingState
from bot.domain.cluster import Cluster, Node, NoShow
from bot.domain.waitlist import EntryState
from bot.services.keep_time import keep_time
from bot.services.look import get_booking
from bot.services.look_waiting import get_entry
from bot.services.site import Site
from bot.slack.announcements import render
from bot.slack.context import Message, Reply

BOB = f"<@{builders.BOB}>"
NOON = builders.NOW + timedelta(hours=1, minutes=23)


@pytest.fixture
def dana(site: Site) -> Talk:
    """A member of team nlp."""
    return Talk(site, builders.DANA)


def at(instant: datetime, *people: Talk) -> None:
    """It is `instant` for those people; what is due by then is done."""
    for person in people:
        person.now = instant
    keep_time(people[0].site, now=instant)


def reminder(talk: Talk) -> Message:
    """What the reminder of that person's booking B1 says now."""
    message = render("reminder", Row(talk.user, "reminder:1", {}), talk.site, talk.now)
    assert message is not None
    return message


def asked(talk: Talk, recipient: str) -> Message:
    """What the question about B1 says now in that channel, or to that person."""
    message = render("idle", Row(recipient, "idle:1", {}), talk.site, talk.now)
    assert message is not None
    return message


def pressed(who: Talk, where: Message, caption: str) -> str:
    """What `who` reads after pressing a button of a message."""
    reply = who.presses(where, caption)
    assert reply is not None
    return plainly(reply)


# Before it starts, while it runs, before it ends


def test_half_an_hour_before_its_start_a_booking_is_announced_to_its_owner(
    site: Site, bob: Talk
) -> None:
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    at(NOON - timedelta(minutes=30), bob)
    message = last(site, bob, "reminder", builders.BOB)
    assert plain(message.text) == (
        "*B1* starts in 30 minutes: 4 × V100 on gpu-01, Wed 25 Nov 12:00 – Wed 25 Nov 16:00 (4 h)"
    )
    assert message.living
    assert captions(message) == ["Move…", "Cancel…", "I will use it"]
    assert [r for t, r, _ in told(site, bob) if t == "reminder"] == [builders.BOB]


def test_the_buttons_before_the_start_open_the_forms(bob: Talk) -> None:
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    message = reminder(bob)
    for caption, title in (("Move…", "Move a booking"), ("Cancel…", "Cancel a booking")):
        assert bob.presses(message, caption) is None
        assert bob.window is not None
        assert bob.window["title"]["text"] == title


def test_who_says_that_they_will_use_it_is_not_asked_later(site: Site, bob: Talk) -> None:
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    at(NOON - timedelta(minutes=20), bob)
    said = pressed(bob, reminder(bob), "I will use it")
    assert said == "B1 stays as it is, until Wed 25 Nov 16:00. Thank you for telling."
    assert captions(reminder(bob)) == ["Move…", "Cancel…"]
    for minutes in (0, 31, 62, 93):
        at(NOON + timedelta(minutes=minutes), bob)
    assert [t for t, _, _ in told(site, bob) if t == "idle"] == []
    assert get_booking(site, 1).state is BookingState.ACTIVE


def test_where_nobody_is_ever_asked_there_is_nothing_to_answer_in_advance(
    open_site: Callable[[Cluster], Site],
) -> None:
    bob = Talk(open_site(builders.cluster(no_show=NoShow.OFF)), builders.BOB)
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    assert captions(reminder(bob)) == ["Move…", "Cancel…"]


def test_while_it_runs_the_reminder_names_the_gpus_to_use(site: Site, bob: Talk) -> None:
    bob.types("reserve 1 today 12:00 4h on gpu-01")
    bob.types("reserve 2 today 12:00 4h on gpu-01")
    at(NOON, bob)
    shown = plain(reminder(bob).text)
    assert shown == (
        "*B1* runs since Wed 25 Nov 12:00, until Wed 25 Nov 16:00: 1 × V100 on gpu-01\n"
        "GPU 0 of gpu-01: `CUDA_VISIBLE_DEVICES=0`"
    )
    assert captions(reminder(bob)) == ["Release…", "Extend…"]
    second = render("reminder", Row(builders.BOB, "reminder:2", {}), site, bob.now)
    assert second is not None
    assert "GPUs 1–2 of gpu-01: `CUDA_VISIBLE_DEVICES=1,2`" in second.text


def test_a_booking_over_many_nodes_names_some_and_counts_the_others(
    open_site: Callable[[Cluster], Site],
) -> None:
    nodes = tuple(Node(f"gpu-{n:02}", 8, "A100") for n in range(1, 6))
    bob = Talk(open_site(builders.cluster(nodes=nodes)), builders.BOB)
    bob.types("reserve 40 now 4h")
    at(bob.now, bob)
    text = reminder(bob).text
    assert text.count("CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7") == 3
    assert "and 2 more nodes, with all their GPUs" in text


def test_before_its_end_the_next_slot_is_one_press_away_when_it_is_free(bob: Talk) -> None:
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    at(NOON, bob)
    at(NOON + timedelta(hours=3, minutes=30), bob)
    message = reminder(bob)
    assert plain(message.text) == (
        "*B1* ends in 30 minutes, at Wed 25 Nov 16:00: 4 × V100 on gpu-01\n"
        "A run that is not done by then may go on for up to 24 min while nobody needs it."
    )
    assert captions(message) == ["Extend by 2 h", "Release…", "Let my run finish"]
    assert "B1 is extended until Wed 25 Nov 18:00." in pressed(bob, message, "Extend by 2 h")
    assert captions(reminder(bob)) == ["Release…", "Extend…"]


def test_before_its_end_one_can_wait_for_more_when_somebody_comes_next(
    site: Site, bob: Talk, dana: Talk
) -> None:
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    dana.types("reserve 4 today 16:00 4h on gpu-01")
    dana.types("reserve 4 today 16:00 4h on gpu-02")
    at(NOON, bob)
    at(NOON + timedelta(hours=3, minutes=45), bob)
    message = reminder(bob)
    assert captions(message)[0] == "Join waitlist"
    assert "in 15 minutes" in message.text
    bob.presses(message, "Join waitlist")
    assert get_entry(site, 1).state is EntryState.WAITING
    assert get_entry(site, 1).shape.node == "gpu-01"


def test_a_run_that_is_said_to_be_alive_may_finish(site: Site, bob: Talk) -> None:
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    at(NOON, bob)
    at(NOON + timedelta(hours=3, minutes=40), bob)
    said = pressed(bob, reminder(bob), "Let my run finish")
    assert said.startswith(
        "Noted: after Wed 25 Nov 16:00 the run of B1 may go on for up to 24 min, as long as"
    )
    at(NOON + timedelta(hours=4, minutes=1), bob)
    shown = reminder(bob)
    assert plain(shown.text) == (
        "*B1* runs over since Wed 25 Nov 16:00. It may finish until Wed 25 Nov 16:24 at most, as "
        "long as nobody needs its GPUs."
    )
    assert "Let my run finish" not in captions(shown)
    state = "running over, until Wed 25 Nov 16:24 at most, while nobody needs its GPUs"
    card = last(site, bob, "card", "C0VISION")
    for where in (card, bob.types("mine"), bob.types("show B1")):
        assert state in plainly(where)
        assert "Wed 25 Nov 12:00 – Wed 25 Nov 16:00 (4 h)" in plainly(where)
    assert "Its run may finish, until Wed 25 Nov 16:24 at most" in plainly(bob.types("show B1"))


def test_where_policy_has_no_overrun_nobody_is_offered_one(
    open_site: Callable[[Cluster], Site],
) -> None:
    bob = Talk(open_site(builders.cluster(overrun=0.0)), builders.BOB)
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    at(NOON, bob)
    at(NOON + timedelta(hours=3, minutes=40), bob)
    assert captions(reminder(bob)) == ["Extend by 2 h", "Release…"]
    assert "may go on" not in reminder(bob).text


def test_letting_a_run_finish_that_is_over_says_so(bob: Talk, dana: Talk) -> None:
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    at(NOON, bob)
    at(NOON + timedelta(hours=3, minutes=40), bob, dana)
    message = reminder(bob)
    refused = dana.presses(message, "Let my run finish")
    assert refused is not None
    assert "Only its owner" in words(refused)
    at(NOON + timedelta(hours=5), bob)
    assert "B1 is over already" in pressed(bob, message, "Let my run finish")


def test_when_it_is_over_one_struck_line_is_left(bob: Talk) -> None:
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    at(NOON, bob)
    at(NOON + timedelta(hours=5), bob)
    message = reminder(bob)
    assert message.text == "~B1 · 4 × V100 on gpu-01~ · ended"
    assert captions(message) == []


def test_who_has_handed_a_booking_over_is_reminded_no_more(alice: Talk, bob: Talk) -> None:
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    bob.types(f"transfer B1 <@{builders.ALICE}>")
    alice.acts(Reply("x"), "transfer_accept", "1")
    assert reminder(bob).text == (
        f"~B1 · 4 × V100 on gpu-01~ · it belongs to <@{builders.ALICE}> now"
    )
    assert "starts in 83 minutes" in reminder(alice).text


def test_the_reminder_of_a_warned_booking_points_to_the_warning(alice: Talk, bob: Talk) -> None:
    bob.types("reserve 8 now 8h model A100")
    at(bob.now, bob)
    alice.presses(alice.types("reserve 8 now 4h model A100"), "Preempt…")
    alice.submits(reason="customer demo")
    message = reminder(bob)
    assert plain(message.text) == (
        "*B1*: its GPUs, 8 × A100 on gpu-03, are needed for urgent work and are reclaimed at "
        "Wed 25 Nov 11:07. The warning about it has the buttons."
    )
    assert captions(message) == []


# Is it still needed?


@pytest.fixture
def idle(site: Site, bob: Talk) -> Site:
    """Bob's A100s have run since noon; nobody used them, and half an hour later he was asked."""
    bob.types("reserve 8 today 12:00 8h model A100")
    at(NOON, bob)
    at(NOON + timedelta(minutes=31), bob)
    return site


def test_who_seems_not_to_use_a_booking_is_asked_directly_and_maybe_in_the_channel(
    idle: Site, bob: Talk
) -> None:
    assert builders.BOB in [r for t, r, _ in told(idle, bob) if t == "idle"]
    direct = asked(bob, builders.BOB)
    assert plain(direct.text) == (
        "Is *B1* still needed? Nobody seems to use its 8 GPUs on gpu-03. "
        "Without an answer it is released at Wed 25 Nov 13:01 (in 30 minutes)."
    )
    public = asked(bob, "C0VISION")
    assert public.text.startswith(f"{BOB}: is *B1* still needed?")
    for shown in (direct, public):
        assert shown.living
        assert captions(shown) == ["Yes, I need it", "Release now"]


def test_the_question_says_how_many_wait(idle: Site, bob: Talk, dana: Talk, alice: Talk) -> None:
    for person in (dana, alice):
        person.now = bob.now
        person.types("wait 8 4h model A100 by today 20:00")
    said = asked(bob, builders.BOB).text
    assert "2 people are waiting for GPUs like these." in said
    dana.acts(Reply("x"), "wait_leave", "1")
    said = asked(bob, builders.BOB).text
    assert "1 person is waiting for GPUs like these." in said


def test_an_answer_settles_the_question_everywhere(idle: Site, bob: Talk) -> None:
    question = asked(bob, "C0VISION")
    for _ in range(2):
        said = pressed(bob, question, "Yes, I need it")
        assert said == "B1 stays as it is, until Wed 25 Nov 20:00. Thank you for telling."
    for recipient in ("C0VISION", builders.BOB):
        after = asked(bob, recipient)
        assert plain(after.text) == "*B1* is still needed, until Wed 25 Nov 20:00."
        assert captions(after) == []
    assert f"{BOB} said that it is still needed" in words(bob.types("show B1"))


def test_a_booking_that_was_needed_has_ended_and_was_not_given_back(idle: Site, bob: Talk) -> None:
    pressed(bob, asked(bob, builders.BOB), "Yes, I need it")
    bob.now += timedelta(days=1)
    keep_time(idle, now=bob.now)
    assert asked(bob, builders.BOB).text == "*B1* has ended."


def test_what_is_not_needed_is_given_back_at_once(idle: Site, bob: Talk) -> None:
    question = asked(bob, builders.BOB)
    assert "B1 is released. Thank you!" in pressed(bob, question, "Release now")
    assert "B1 is over already" in pressed(bob, question, "Release now")
    assert "B1 is over already" in pressed(bob, question, "Yes, I need it")
    after = asked(bob, "C0VISION")
    assert after.text == "*B1* was given back."
    assert captions(after) == []


def test_a_lead_may_answer_and_the_owner_reads_why(idle: Site, alice: Talk, bob: Talk) -> None:
    alice.now = bob.now
    question = asked(alice, "C0VISION")
    assert "B1 is released." in pressed(alice, question, "Release now")
    notice = last(idle, bob, "notice", builders.BOB)
    assert f"<@{builders.ALICE}> released it: “it is not in use”" in notice.text


def test_strangers_cannot_answer(idle: Site, dana: Talk, bob: Talk) -> None:
    dana.now = bob.now
    question = asked(dana, "C0VISION")
    for caption in captions(question):
        reply = dana.presses(question, caption)
        assert reply is not None
        assert "Only its owner, the team's leads and admins" in words(reply)
    assert get_booking(idle, 1).state is BookingState.ACTIVE


def test_without_an_answer_it_is_released_and_the_messages_say_so(idle: Site, bob: Talk) -> None:
    question = asked(bob, builders.BOB)
    delivered(idle, bob)
    at(NOON + timedelta(minutes=62), bob)
    assert get_booking(idle, 1).state is BookingState.NO_SHOW
    for recipient in ("C0VISION", builders.BOB):
        after = asked(bob, recipient)
        assert after.text == "*B1* was released: nobody used it."
        assert captions(after) == []
    late = pressed(bob, question, "Yes, I need it")
    assert late == "B1 was released because nobody used it; nothing was changed."
    card = last(idle, bob, "card", "C0VISION")
    assert card.text.endswith("~ · Nobody used it, so its GPUs were given back")


def test_a_forged_value_is_a_stale_button(bob: Talk) -> None:
    bob.types("reserve 4 today 12:00 4h on gpu-01")
    button = find(reminder(bob), "I will use it")
    for value in ("", "x", "1; drop", "99999999999"):
        reply = bob.acts(Reply("x"), button["action_id"], value)
        assert reply is not None
        assert "This button is out of date." in words(reply)

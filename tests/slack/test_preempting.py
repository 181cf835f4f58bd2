"""Urgent work: the preview, taking the GPUs, the warning and its answers, and what was moved.

It is 10:37; bob has all A100s from now until 20:00, dana from 22:00 until 06:00.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import builders
import pytest
from plainly import plain, plainly
from talk import Talk, captions, find, reader, state, words
from told import Row, delivered, last, told

from bot.domain.booking import BookingState
from bot.domain.cluster import Cluster
from bot.sandbox.blocks import checked_view
from bot.services.keep_time import keep_time
from bot.services.look import get_booking
from bot.services.look_waiting import preemptions_by
from bot.services.site import Site
from bot.slack import router
from bot.slack.announcements import render
from bot.slack.context import Form, FormErrors, FormUpdate, Message, Reply
from bot.slack.home import home_view

URGENT = "reserve 8 now 20h model A100 p0"
BOB, DANA = f"<@{builders.BOB}>", f"<@{builders.DANA}>"


@pytest.fixture
def dana(site: Site) -> Talk:
    """A member of team nlp."""
    return Talk(site, builders.DANA)


@pytest.fixture
def busy(site: Site, bob: Talk, dana: Talk) -> Site:
    """A site whose A100s are taken: by bob, who runs, and by dana after him."""
    bob.types("reserve 8 now 8h model A100")
    dana.types("reserve 8 today 22:00 8h model A100")
    keep_time(site, now=builders.NOW)
    return site


def preempted(alice: Talk, reason: str = "customer demo", typed: str = URGENT) -> Reply:
    """Alice takes all A100s, or what she typed; what she reads then."""
    alice.presses(alice.types(typed), "Preempt…")
    answer = alice.submits(reason=reason)
    assert isinstance(answer, Reply)
    return answer


def later(minutes: float, *people: Talk) -> None:
    """Let time pass for those people, and do what is due."""
    for person in people:
        person.now += timedelta(minutes=minutes)
    keep_time(people[0].site, now=people[0].now)


def pressed(who: Talk, where: Message, caption: str) -> str:
    """What `who` reads after pressing a button of a message."""
    reply = who.presses(where, caption)
    assert reply is not None
    return plainly(reply)


# The button and the preview


def test_a_conflict_offers_preemption_to_those_with_the_role_only(
    busy: Site, alice: Talk, dana: Talk
) -> None:
    assert "Preempt…" in captions(alice.types(URGENT))
    assert "Preempt…" in captions(alice.types("reserve 8 now 20h model A100"))
    assert "Preempt…" not in captions(dana.types("reserve 8 now 20h model A100"))


def test_preemption_is_not_offered_where_firm_work_is_in_the_way(
    site: Site, alice: Talk, bob: Talk
) -> None:
    bob.types("reserve 8 now 8h model A100 p1")
    assert "Preempt…" not in captions(alice.types(URGENT))


def test_the_form_to_reserve_offers_it_too(busy: Site, alice: Talk, dana: Talk) -> None:
    for person, offered in ((alice, True), (dana, False)):
        person.opens("reserve")
        answer = person.submits(gpus="8", model="=A100", length="4h")
        assert isinstance(answer, FormUpdate)
        assert ("Preempt…" in captions(answer.view)) is offered


def test_the_preview_tells_whose_work_would_go_and_what_is_only_moved(
    busy: Site, alice: Talk
) -> None:
    later(23, alice)
    alice.presses(alice.types(URGENT), "Preempt…")
    assert alice.window is not None
    shown = plainly(alice.window)
    assert alice.window["title"]["text"] == "Preempt"
    assert alice.window["submit"]["text"] == "Take them"
    assert "You would have 8 × A100 on gpu-03, Wed 25 Nov 11:30 – Thu 26 Nov 08:00" in shown
    assert "*2 bookings would make room:*" in shown
    held = "8 × A100 on gpu-03"
    assert (
        f"• *B1* {BOB} (team vision), {held}, until Wed 25 Nov 20:00: would stop at "
        "Wed 25 Nov 11:30; 3.1 GPU-hours done so far"
    ) in shown
    assert (
        f"• *B2* {DANA} (team nlp), {held}, not started: only moves, from Wed 25 Nov 22:00 to "
        "Thu 26 Nov 08:00 on gpu-03"
    ) in shown
    assert "reason" in {block.get("block_id") for block in alice.window["blocks"]}


def test_looking_at_the_preview_takes_nothing(busy: Site, alice: Talk) -> None:
    alice.presses(alice.types(URGENT), "Preempt…")
    assert [topic for topic, _, _ in told(busy, alice) if topic in ("warning", "moved")] == []
    assert get_booking(busy, 2).window.start == builders.TONIGHT


def test_a_reason_is_needed(busy: Site, alice: Talk) -> None:
    alice.presses(alice.types(URGENT), "Preempt…")
    answer = alice.submits(reason="  ")
    assert isinstance(answer, FormErrors)
    assert "please say why" in answer.errors["reason"]
    assert get_booking(busy, 2).window.start == builders.TONIGHT


def test_the_button_of_somebody_without_the_role_is_refused(
    busy: Site, alice: Talk, dana: Talk
) -> None:
    button = find(alice.types(URGENT), "Preempt…")
    reply = dana.acts(Reply("x"), button["action_id"], button["value"])
    assert reply is not None
    assert "P0 is for people with the urgent role." in words(reply)
    assert dana.window is None


def test_an_old_button_whose_time_has_passed_shows_what_is_free_now(
    busy: Site, alice: Talk
) -> None:
    offer = alice.types("reserve 8 today 22:00 20h model A100 p0")
    alice.now += timedelta(days=2)
    reply = alice.presses(offer, "Preempt…")
    assert reply is not None
    assert "That time has passed." in words(reply)


# Taking the GPUs


def test_who_takes_them_reads_who_was_asked_to_leave_and_how_to_undo_it(
    busy: Site, alice: Talk
) -> None:
    said = preempted(alice)
    shown = plainly(said)
    assert "Yours: *B3* 8 × A100 on gpu-03, Wed 25 Nov 11:07 – Thu 26 Nov 08:00" in shown
    assert f"• *B1* {BOB} is warned and has until Wed 25 Nov 11:07" in shown
    assert f"• *B2* {DANA} moves to Thu 26 Nov 08:00" in shown
    assert "If you cancel it before Wed 25 Nov 11:07, everybody gets everything back." in shown
    assert captions(said) == ["Cancel…", "Show"]
    assert get_booking(busy, 3).purpose == ""


def test_submitting_twice_takes_once(busy: Site, alice: Talk) -> None:
    alice.presses(alice.types(URGENT), "Preempt…")
    assert alice.window is not None
    filled = state(alice.window, {"reason": "customer demo"})
    view = {**alice.window, "state": {"values": filled}}
    first, second = (
        router.run_submission(alice._call(Form, key="V1", view=view)) for _ in range(2)
    )
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert words(first) == words(second)
    assert len(preemptions_by(busy, 3)) == 2


def test_who_else_would_have_to_go_by_now_is_shown_first(
    site: Site, alice: Talk, bob: Talk, dana: Talk
) -> None:
    bob.types("reserve 8 now 8h model A100")
    alice.presses(alice.types(URGENT), "Preempt…")
    dana.types("reserve 8 today 22:00 8h model A100")
    answer = alice.submits(reason="customer demo")
    assert isinstance(answer, FormUpdate)
    shown = words(answer.view)
    assert "Things have changed: please look again." in shown
    assert "*2 bookings would make room:*" in shown
    assert "B2" in shown
    assert get_booking(site, 2).window.start == builders.TONIGHT
    (field,) = [b for b in answer.view["blocks"] if b.get("block_id") == "reason"]
    assert field["element"]["initial_value"] == "customer demo"
    done = alice.submits(reason="customer demo")
    assert isinstance(done, Reply)
    assert "B2" in words(done)


def test_what_became_free_meanwhile_is_simply_booked(busy: Site, alice: Talk, bob: Talk) -> None:
    alice.presses(alice.types("reserve 8 now 4h model A100 p0"), "Preempt…")
    bob.types("release B1")
    answer = alice.submits(reason="customer demo")
    assert isinstance(answer, Reply)
    assert "Booked." in words(answer)
    assert preemptions_by(busy, 3) == ()


def test_what_is_free_when_the_preview_opens_needs_nobody_to_go(
    busy: Site, alice: Talk, bob: Talk
) -> None:
    offer = alice.types("reserve 8 now 4h model A100")
    bob.types("release B1")
    alice.presses(offer, "Preempt…")
    assert alice.window is not None
    assert "Nobody has to go." in words(alice.window)
    assert alice.window["submit"]["text"] == "Book it"
    answer = alice.submits()
    assert isinstance(answer, Reply)
    assert "P2 · preemptible" in words(answer)


def test_what_was_free_when_the_preview_opened_and_is_taken_since_is_shown_anew(
    busy: Site, alice: Talk, bob: Talk
) -> None:
    offer = alice.types("reserve 8 now 4h model A100")
    bob.types("release B1")
    alice.presses(offer, "Preempt…")
    bob.types("reserve 8 now 4h model A100")
    answer = alice.submits()
    assert isinstance(answer, FormUpdate)
    assert "*1 booking would make room:*" in words(answer.view)
    assert isinstance(alice.submits(reason="customer demo"), Reply)


def test_firm_work_in_the_way_is_named_with_what_is_free_instead(
    busy: Site, alice: Talk, bob: Talk, dana: Talk
) -> None:
    alice.presses(alice.types("reserve 8 now 4h model A100"), "Preempt…")
    bob.types("release B1")
    dana.types("reserve 8 now 8h model A100 p1")
    answer = alice.submits(reason="customer demo")
    assert isinstance(answer, Reply)
    shown = words(answer)
    assert "*Preempting would not help:*" in shown
    assert f"*B3* {DANA} (team nlp) has 8 GPUs" in shown
    assert "Free instead:" in shown
    assert "Preempt…" not in captions(answer)
    assert "Join waitlist" in captions(answer)


def test_cancelling_in_time_gives_everything_back(
    busy: Site, alice: Talk, bob: Talk, dana: Talk
) -> None:
    said = preempted(alice)
    alice.presses(said, "Cancel…")
    done = alice.submits(reason="the demo is off")
    assert isinstance(done, Reply)
    assert "B3 is cancelled. Whoever made room for it has everything back." in plainly(done)
    assert get_booking(busy, 2).window.start == builders.TONIGHT
    for recipient, begins in ((builders.BOB, "You keep"), ("C0VISION", f"{BOB} keeps")):
        warning = last(busy, bob, "warning", recipient)
        kept = f"{begins} 8 GPUs on gpu-03 until Wed 25 Nov 20:00: the urgent work was called off"
        assert kept in plainly(warning)
        assert captions(warning) == []
    moved = last(busy, dana, "moved", builders.DANA)
    assert "B2 has everything back, Wed 25 Nov 22:00 – Thu 26 Nov 06:00" in plainly(moved)
    assert captions(moved) == []


def test_who_gave_some_of_it_away_has_not_everything_back(
    site: Site, alice: Talk, bob: Talk, dana: Talk
) -> None:
    bob.types("reserve 8 now 8h model A100")
    keep_time(site, now=builders.NOW)
    said = preempted(alice, typed="reserve 8 now 2h model A100 p0")
    bob.presses(last(site, bob, "warning", builders.BOB), "Book me again")
    bob.types(f"transfer B3 {DANA}")
    dana.presses(last(site, dana, "transfer", builders.DANA), "Accept")
    alice.presses(said, "Cancel…")
    done = alice.submits()
    assert isinstance(done, Reply)
    assert "Whoever made room for it has back what could be given back." in words(done)
    ends = "Wed 25 Nov 14:00"
    assert f"called off: it has Wed 25 Nov 10:37 – {ends}" in plainly(bob.types("show B1"))
    for recipient in (builders.BOB, "C0VISION"):
        warning = plainly(last(site, bob, "warning", recipient))
        assert f"8 GPUs on gpu-03 until {ends}: the urgent work was called off" in warning


def test_what_has_passed_meanwhile_is_not_said_to_be_back(
    site: Site, alice: Talk, dana: Talk
) -> None:
    dana.types("reserve 8 today 14:00 8h model A100")
    said = preempted(alice, typed="reserve 8 today 18:00 2h model A100 p0")
    later(5 * 60, alice, dana)
    alice.presses(said, "Cancel…")
    done = alice.submits()
    assert isinstance(done, Reply)
    assert "Whoever made room for it has back what could be given back." in words(done)
    for recipient, whose in ((builders.DANA, ""), ("C0NLP", f" of {DANA}")):
        moved = plainly(last(site, dana, "moved", recipient))
        back = "has Wed 25 Nov 15:37 – Wed 25 Nov 22:00 (6 h 23 min) back: the urgent work"
        assert f"B1{whose} {back} was called off" in moved


# The warning


def test_the_warning_says_what_is_taken_when_by_whom_and_why(busy: Site, alice: Talk) -> None:
    preempted(alice, reason="demo for *ACME* <!channel>")
    warning = last(busy, alice, "warning", builders.BOB)
    at = int((builders.NOW + timedelta(minutes=30)).timestamp())
    assert warning.text == (
        ":warning: You are using 8 GPUs on gpu-03; they will be reclaimed at "
        f"<!date^{at}^{{time}}|Wed 25 Nov 11:07> (in 30 minutes) for urgent work of "
        f"<@{builders.ALICE}>: “demo for ∗ACME∗ @channel”. Please save a checkpoint."
    )
    assert warning.living
    assert captions(warning) == [
        "Checkpoint saved: release now",
        "Need 10 more minutes",
        "Book me again",
    ]
    assert "B1, booked until Wed 25 Nov 20:00" in plainly(warning)


def test_the_channel_reads_the_same_with_a_mention_that_calls_the_holder(
    busy: Site, alice: Talk
) -> None:
    preempted(alice)
    warning = last(busy, alice, "warning", "C0VISION")
    assert warning.text.startswith(f":warning: {BOB} is using 8 GPUs on gpu-03; they will be")
    assert len(captions(warning)) == 3


def test_a_single_gpu_is_spoken_of_as_one(site: Site, alice: Talk, bob: Talk) -> None:
    bob.types("reserve 1 now 8h on gpu-01")
    keep_time(site, now=builders.NOW)
    alice.presses(alice.types("reserve 4 now 4h on gpu-01 p0"), "Preempt…")
    alice.submits(reason="customer demo")
    warning = last(site, alice, "warning", builders.BOB)
    assert "You are using 1 GPU on gpu-01; it will be reclaimed at" in warning.text


def warnings(site: Site, talk: Talk) -> int:
    """How often Bob's warning was written."""
    return sum((topic, to) == ("warning", builders.BOB) for topic, to, _ in told(site, talk))


def test_the_warning_says_what_is_left_after_some_gpus_were_given_back(
    busy: Site, alice: Talk, bob: Talk
) -> None:
    preempted(alice)
    before = warnings(busy, alice)
    bob.types("release B1 5")
    assert warnings(busy, alice) == before + 1
    warning = last(busy, alice, "warning", builders.BOB)
    assert "You are using 3 GPUs on gpu-03; they will be reclaimed" in warning.text


@pytest.mark.parametrize(
    ("minutes", "left"),
    [(0, "(in 30 minutes)"), (12.2, "(in 18 minutes)"), (29, "(in 1 minute)"), (30, "(now)")],
)
def test_a_warning_that_is_delivered_late_tells_the_time_that_is_really_left(
    busy: Site, alice: Talk, minutes: float, left: str
) -> None:
    preempted(alice)
    alice.now += timedelta(minutes=minutes)
    assert left in last(busy, alice, "warning", builders.BOB).text


def test_where_policy_grants_no_extra_time_there_is_no_such_button(
    open_site: Callable[[Cluster], Site],
) -> None:
    site = open_site(builders.cluster(extra_time=timedelta(0)))
    alice, bob = Talk(site), Talk(site, builders.BOB)
    bob.types("reserve 8 now 8h model A100")
    keep_time(site, now=builders.NOW)
    preempted(alice)
    warning = last(site, alice, "warning", builders.BOB)
    assert captions(warning) == ["Checkpoint saved: release now", "Book me again"]


def test_the_caption_names_the_minutes_that_policy_grants(
    open_site: Callable[[Cluster], Site],
) -> None:
    site = open_site(builders.cluster(extra_time=timedelta(minutes=15)))
    alice, bob = Talk(site), Talk(site, builders.BOB)
    bob.types("reserve 8 now 8h model A100")
    keep_time(site, now=builders.NOW)
    preempted(alice)
    warning = last(site, alice, "warning", builders.BOB)
    assert "Need 15 more minutes" in captions(warning)


def test_releasing_early_is_thanked_for_and_both_messages_show_it(
    busy: Site, alice: Talk, bob: Talk
) -> None:
    preempted(alice)
    warning = last(busy, bob, "warning", "C0VISION")
    later(5, alice, bob)
    assert pressed(bob, warning, "Checkpoint saved") == "B1 has given its GPUs back. Thank you!"
    assert pressed(bob, warning, "Checkpoint saved") == "B1 has given its GPUs back. Thank you!"
    direct = last(busy, bob, "warning", builders.BOB)
    assert "B1: you gave 8 GPUs on gpu-03 back early, at Wed 25 Nov 10:42. Thank you!" in plainly(
        direct
    )
    public = last(busy, bob, "warning", "C0VISION")
    assert f"B1: {BOB} gave 8 GPUs on gpu-03 back early" in plainly(public)
    for shown in (direct, public):
        assert captions(shown) == ["Book me again"]
    assert get_booking(busy, 3).window.start == bob.now


def test_more_time_can_be_had_once(busy: Site, alice: Talk, bob: Talk) -> None:
    preempted(alice)
    warning = last(busy, bob, "warning", builders.BOB)
    assert "B1 keeps its GPUs until Wed 25 Nov 11:17" in pressed(bob, warning, "Need 10")
    assert "B1 has had its extra time and is reclaimed Wed 25 Nov 11:17" in pressed(
        bob, warning, "Need 10"
    )
    after = last(busy, bob, "warning", builders.BOB)
    assert "at Wed 25 Nov 11:17 (in 40 minutes)" in plainly(after)
    assert "This includes 10 min of extra time." in plainly(after)
    assert captions(after) == ["Checkpoint saved: release now", "Book me again"]
    assert get_booking(busy, 3).window.start == builders.NOW + timedelta(minutes=40)


def test_what_is_lost_is_booked_again_once_and_the_message_says_when(
    busy: Site, alice: Talk, bob: Talk
) -> None:
    preempted(alice)
    warning = last(busy, bob, "warning", builders.BOB)
    first, second = (pressed(bob, warning, "Book me again") for _ in range(2))
    assert first == second
    assert "*B4* 8 × A100 on gpu-03, Thu 26 Nov 16:00" in first
    for recipient in (builders.BOB, "C0VISION"):
        after = last(busy, bob, "warning", recipient)
        assert "Booked again: *B4* 8 × A100 on gpu-03, Thu 26 Nov 16:00" in plainly(after)
        assert "Book me again" not in captions(after)
        assert "Checkpoint saved: release now" in captions(after)


@pytest.mark.parametrize("given", ["B1", "B4"])
def test_what_belongs_to_somebody_else_is_not_said_to_be_booked_again(
    busy: Site, alice: Talk, bob: Talk, dana: Talk, given: str
) -> None:
    said = preempted(alice)
    bob.presses(last(busy, bob, "warning", builders.BOB), "Book me again")
    assert "Booked again: *B4*" in words(last(busy, bob, "warning", "C0VISION"))
    bob.types(f"transfer {given} {DANA}")
    dana.presses(last(busy, dana, "transfer", builders.DANA), "Accept")
    assert "Booked again" not in words(last(busy, bob, "warning", "C0VISION"))
    alice.presses(said, "Cancel…")
    alice.submits()
    assert "Booked again" not in words(last(busy, bob, "warning", "C0VISION"))


def test_after_the_reclaim_the_messages_say_so_and_still_book_again(
    busy: Site, alice: Talk, bob: Talk
) -> None:
    preempted(alice)
    delivered(busy, bob)
    early = last(busy, bob, "warning", builders.BOB)
    later(31, alice, bob)
    assert get_booking(busy, 1).state is BookingState.PREEMPTED
    warning = last(busy, bob, "warning", builders.BOB)
    assert (
        "B1: your 8 GPUs on gpu-03 were reclaimed at Wed 25 Nov 11:07 for urgent work."
        in plainly(warning)
    )
    assert captions(warning) == ["Book me again"]
    for late in ("Checkpoint saved", "Need 10"):
        assert "B1 has been reclaimed already: Wed 25 Nov 11:07." in pressed(bob, early, late)
    assert "*B4*" in pressed(bob, warning, "Book me again")


def test_only_those_who_may_change_the_booking_can_answer_its_warning(
    busy: Site, alice: Talk, bob: Talk, dana: Talk
) -> None:
    preempted(alice)
    warning = last(busy, dana, "warning", "C0VISION")
    for caption in captions(warning):
        reply = dana.presses(warning, caption)
        assert reply is not None
        assert not reply.replace
        assert "Only its owner, the team's leads and admins may change this" in words(reply)
    assert get_booking(busy, 1).state is BookingState.ACTIVE
    assert "in 30 minutes" in last(busy, bob, "warning", builders.BOB).text


def test_the_last_reminder_looks_different_and_says_the_same(busy: Site, alice: Talk) -> None:
    preempted(alice)
    first = last(busy, alice, "warning", builders.BOB)
    again = render("warning", Row(builders.BOB, "reclaim:1", {}), busy, alice.now)
    assert again is not None
    assert again.text == first.text.replace(":warning:", ":alarm_clock:")


# What others see of it


def test_cards_and_lists_say_that_a_booking_is_being_reclaimed(
    busy: Site, alice: Talk, bob: Talk
) -> None:
    preempted(alice)
    home = home_view(busy, reader(busy, builders.BOB), bob.now)
    checked_view(home, ("home",))
    card = last(busy, bob, "card", "C0VISION")
    cards = [m for t, _, m in told(busy, bob) if t == "card" and m and "*B1*" in words(m)]
    assert card is not None
    for shown in (cards[-1], bob.types("mine"), bob.types("show B1"), home):
        assert "being reclaimed at Wed 25 Nov 11:07 for urgent work" in plainly(shown)


def test_a_running_booking_names_the_gpus_it_has(busy: Site, bob: Talk) -> None:
    assert "*B1* 8 × A100 on gpu-03 (GPUs 0–7), " in plainly(bob.types("mine"))
    bob.types("reserve 1 now 4h on gpu-01")
    bob.types("reserve 2 now 4h on gpu-01")
    bob.types("reserve 1 today 22:00 4h on gpu-02")
    keep_time(busy, now=bob.now)
    shown = plainly(bob.types("mine"))
    assert "*B3* 1 × V100 on gpu-01 (GPU 0), " in shown
    assert "*B4* 2 × V100 on gpu-01 (GPUs 1–2), " in shown
    assert "*B5* 1 × V100 on gpu-02, " in shown


def test_the_threads_of_both_sides_tell_what_happened(
    busy: Site, alice: Talk, bob: Talk, dana: Talk
) -> None:
    preempted(alice)
    warning = last(busy, bob, "warning", builders.BOB)
    bob.presses(warning, "Need 10")
    bob.presses(warning, "Checkpoint saved")
    dana.presses(last(busy, dana, "moved", builders.DANA), "Keep")
    lines = {plain(m.text) for t, _, m in told(busy, bob) if t == "event" and m}
    reason = ": “customer demo”"
    (took,) = [line for line in lines if line.endswith("made room" + reason)]
    assert took.startswith(f"<@{builders.ALICE}> reserved 8 GPUs on gpu-03")
    assert took.endswith("for urgent work; B1, B2 made room" + reason)
    assert lines - {took} == {
        f"Its GPUs are needed for urgent work, B3, and are reclaimed Wed 25 Nov 11:07{reason}",
        "It made room for urgent work: it moved from Wed 25 Nov 22:00 to Thu 26 Nov 08:00" + reason,
        f"{BOB} asked for more time to save a checkpoint: until Wed 25 Nov 11:17",
        "It starts Wed 25 Nov 11:17, so that those who make room can save their work",
        f"{BOB} saved a checkpoint and gave its GPUs back early",
        "It starts earlier, Wed 25 Nov 10:37, because its GPUs were given back early",
        f"{DANA} keeps the new time, Thu 26 Nov 08:00",
    }
    assert "for urgent work; B1, B2 made room: “customer demo”" in words(alice.types("show B3"))


# What was moved, and what was lost


def test_a_moved_booking_is_told_with_both_times_and_three_ways_to_go_on(
    busy: Site, alice: Talk
) -> None:
    preempted(alice)
    direct = last(busy, alice, "moved", builders.DANA)
    assert plain(direct.text) == (
        f"Your B2 had to make room for urgent work of <@{builders.ALICE}>: “customer demo”. It is "
        "kept for you: it starts Thu 26 Nov 08:00 instead of Wed 25 Nov 22:00. Nothing else "
        "changes."
    )
    public = last(busy, alice, "moved", "C0NLP")
    assert public.text.startswith(f"{DANA}: B2 had to make room for urgent work")
    for shown in (direct, public):
        assert shown.living
        assert captions(shown) == ["Keep the new time", "Choose another time…", "Cancel…"]


def test_a_booking_that_also_changes_its_node_is_told_so(
    site: Site, alice: Talk, bob: Talk
) -> None:
    alice.types("reserve 4 today 20:00 8h on gpu-02 p1")
    bob.types("reserve 4 today 22:00 8h model V100")
    alice.types("reserve 4 tomorrow 06:00 20h on gpu-01 p1")
    alice.presses(alice.types("reserve 4 today 22:00 8h on gpu-01 p0"), "Preempt…")
    alice.submits(reason="customer demo")
    moved = last(site, bob, "moved", builders.BOB)
    assert "It lies on gpu-02 now; nothing else changes." in words(moved)


def test_keeping_the_new_time_settles_it_for_good(busy: Site, alice: Talk, dana: Talk) -> None:
    preempted(alice)
    moved = last(busy, dana, "moved", "C0NLP")
    for _ in range(2):
        kept = pressed(dana, moved, "Keep the new time")
        assert kept == "B2 stays at its new time, Thu 26 Nov 08:00."
    for recipient in ("C0NLP", builders.DANA):
        after = last(busy, dana, "moved", recipient)
        assert "*The new time is kept.*" in words(after)
        assert captions(after) == []


def test_another_time_can_be_chosen_and_the_messages_follow(
    busy: Site, alice: Talk, dana: Talk
) -> None:
    preempted(alice)
    dana.presses(last(busy, dana, "moved", builders.DANA), "Choose another time…")
    answer = dana.submits(start=builders.TONIGHT + timedelta(days=2))
    assert isinstance(answer, Reply)
    after = last(busy, dana, "moved", "C0NLP")
    assert "*Its time is now Fri 27 Nov 22:00 – Sat 28 Nov 06:00 (8 h).*" in plainly(after)
    assert captions(after) == []


def test_a_moved_booking_can_be_cancelled(busy: Site, alice: Talk, dana: Talk) -> None:
    preempted(alice)
    moved = last(busy, dana, "moved", builders.DANA)
    dana.presses(moved, "Cancel…")
    assert isinstance(dana.submits(), Reply)
    after = last(busy, dana, "moved", builders.DANA)
    assert "*B2: cancelled*" in words(after)
    assert captions(after) == []
    assert "B2 " in pressed(dana, moved, "Keep the new time")


def test_strangers_cannot_answer_for_a_moved_booking(busy: Site, alice: Talk, bob: Talk) -> None:
    preempted(alice)
    moved = last(busy, bob, "moved", "C0NLP")
    for caption in captions(moved):
        reply = bob.presses(moved, caption)
        assert reply is not None
        assert "Only its owner" in words(reply)


def test_a_booking_for_which_nothing_fits_can_wait_or_be_booked_otherwise(
    open_site: Callable[[Cluster], Site],
) -> None:
    site = open_site(builders.cluster(horizon=timedelta(days=1)))
    alice, dana = Talk(site), Talk(site, builders.DANA)
    dana.types("reserve 8 today 22:00 8h model A100")
    alice.presses(alice.types("reserve 8 today 12:00 5d model A100 p0"), "Preempt…")
    assert alice.window is not None
    assert "would be lost, nothing else fits" in words(alice.window)
    said = alice.submits(reason="customer demo")
    assert isinstance(said, Reply)
    assert f"• *B1* {DANA} loses it: nothing else fits" in words(said)
    lost = last(site, dana, "moved", builders.DANA)
    assert "Your B1, 8 × A100 on gpu-03, Wed 25 Nov 22:00 – Thu 26 Nov 06:00 (8 h), had to" in (
        plain(lost.text)
    )
    assert "no other window that fits is free within 1 d. I am sorry." in lost.text
    assert captions(lost) == ["Join waitlist", "Book again…"]
    dana.presses(lost, "Book again…")
    assert dana.window is not None
    joined = dana.presses(lost, "Join waitlist")
    assert joined is not None
    assert "*W1* 8 × A100" in words(joined)


@pytest.mark.parametrize("horizon", [24, 6], ids=["moved", "lost"])
def test_urgent_work_that_stands_is_not_said_to_be_called_off(
    open_site: Callable[[Cluster], Site], horizon: int
) -> None:
    """What had to make room twice is back at its first time."""
    cluster = builders.cluster(nodes=builders.NODES[:1], horizon=timedelta(hours=horizon))
    site = open_site(cluster)
    alice, bob = (Talk(site, user, builders.TONIGHT) for user in (builders.ALICE, builders.BOB))
    bob.types("reserve 4 tomorrow 02:00 2h")
    alice.types("reserve 4 now 4h p1")
    first = preempted(alice, typed="reserve 4 tomorrow 02:00 2h p0")
    preempted(alice, typed="reserve 4 tomorrow 04:00 2h p0")
    assert get_booking(site, 1).state.is_live is (horizon == 24)
    alice.presses(first, "Cancel…")
    alice.submits()
    shown = {
        number: render("moved", Row(builders.BOB, f"preemption:{number}", {}), site, bob.now)
        for number in (1, 2)
    }
    assert shown[1] is not None
    assert shown[2] is not None
    assert "the urgent work was called off" in shown[1].text
    assert "called off" not in shown[2].text
    back = "*Its time is now Thu 26 Nov 02:00 – Thu 26 Nov 04:00 (2 h).*"
    assert back in plain(shown[2].text)
    assert captions(shown[2]) == []

"""What owners and channels read of runs, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import builders
import pytest
from builders import BOB, NOW
from chinese import chinese_talk, english, pressed_together
from talk import Talk, captions, reader, words
from told import Row

from bot.domain.cluster import Cluster
from bot.domain.job import Job, JobTemplate
from bot.domain.run import Checkpoint, Observation, Run, RunState
from bot.services import follow_run
from bot.services.keep_time import keep_time
from bot.services.look import get_booking
from bot.services.look_runs import latest_run
from bot.services.site import Site
from bot.slack.announcements import render
from bot.slack.context import Message

HOUR = timedelta(hours=1)
LATER = NOW + 2 * HOUR
CHECKPOINT = Checkpoint("last.pt", NOW + HOUR)


@pytest.fixture
def site(open_site: Callable[[Cluster], Site]) -> Site:
    jobs = (JobTemplate("yolo-train", Job(command=("train",))),)
    return open_site(replace(builders.cluster(), jobs=jobs))


def run_of(site: Site) -> Run:
    run = latest_run(site, 1)
    assert run is not None
    return run


def begun(site: Site, talk: Talk) -> Run:
    """Bob's B1 runs its job since NOW."""
    talk.types("reserve 4 now 8h on gpu-01 job yolo-train")
    keep_time(site, now=NOW)
    follow_run.submitted(site, run_of(site), now=NOW)
    follow_run.saw(site, run_of(site), Observation(RunState.RUNNING), now=NOW)
    return run_of(site)


def comes_to(site: Site, seen: Observation, *, asked: bool = False) -> Run:
    if asked:
        follow_run.stop_asked(site, run_of(site), now=LATER)
    saved = Observation(RunState.RUNNING, checkpoint=CHECKPOINT)
    follow_run.saw(site, run_of(site), saved, now=NOW + HOUR)
    follow_run.saw(site, run_of(site), seen, now=LATER)
    return run_of(site)


def message(site: Site, talk: Talk, run: Run, topic: str = "run") -> Message:
    found = render(topic, Row(BOB, f"run:{run.id}", {}), site, LATER, talk.reader)
    assert found is not None
    return found


ENDS = {
    "succeeded": Observation(RunState.SUCCEEDED, exit_code=0),
    "failed": Observation(RunState.FAILED, note="out of memory", exit_code=1),
    "refused": Observation(RunState.FAILED, note="no such image"),
    "lost": Observation(RunState.STOPPED, note="evicted"),
}


def test_a_run_that_is_done_is_told_with_how_long_it_took(site: Site) -> None:
    bob = Talk(site, BOB)
    begun(site, bob)
    told = message(site, bob, comes_to(site, ENDS["succeeded"]))
    assert "*B1*: its run finished after 2 h." in told.text
    assert "Its GPUs were given back." in told.text
    assert captions(told) == ["Show"]


def test_a_run_that_failed_is_told_with_why_and_what_to_do(site: Site) -> None:
    bob = Talk(site, BOB)
    begun(site, bob)
    told = message(site, bob, comes_to(site, ENDS["failed"]))
    assert "its run failed after 2 h, with exit status 1: out of memory" in told.text
    assert "The GPUs stay yours until" in told.text
    assert "The last checkpoint is of" in told.text
    assert captions(told) == ["Run it again", "Show", "Release…"]


def test_a_press_starts_the_job_again_and_the_message_loses_the_button(site: Site) -> None:
    bob = Talk(site, BOB)
    begun(site, bob)
    first = comes_to(site, ENDS["failed"])
    bob.now = LATER
    told = message(site, bob, first)
    reply = bob.presses(told, "Run it again")
    assert reply is not None
    assert "started again" in reply.text
    assert "Run it again" not in captions(message(site, bob, first))


def test_what_a_run_writes_cannot_format_or_address_anything(site: Site) -> None:
    bob = Talk(site, BOB)
    begun(site, bob)
    nasty = Observation(RunState.FAILED, note="<!channel> *bold* `code` {brace}", exit_code=1)
    told = message(site, bob, comes_to(site, nasty))
    assert "<!channel>" not in told.text
    assert "{brace}" in told.text


def test_show_and_the_card_tell_how_far_the_run_is(site: Site) -> None:
    bob = Talk(site, BOB)
    begun(site, bob)
    assert "its run began" in words(bob.types("show B1"))
    card = render("card", Row("C0VISION", "booking:1", {}), site, NOW)
    assert card is not None
    assert "its run began" in words(card)


def test_the_card_of_a_booking_that_is_over_tells_what_ended_it_and_where_the_log_is(
    site: Site,
) -> None:
    bob = Talk(site, BOB)
    begun(site, bob)
    run = comes_to(site, ENDS["succeeded"])
    follow_run.log_kept(site, run, "http://gpubot.lab/runs/x/log", now=LATER)
    card = render("card", Row("C0VISION", "booking:1", {}), site, LATER)
    assert card is not None
    assert "Its run finished after 2 h · <http://gpubot.lab/runs/x/log|its log>" in card.text


def test_a_log_can_be_read_while_the_run_goes_on(open_site: Callable[..., Site]) -> None:
    jobs = (JobTemplate("yolo-train", Job(command=("train",))),)
    cluster = replace(builders.cluster(), jobs=jobs)
    site = open_site(cluster, "http://gpubot.lab")
    bob = Talk(site, BOB)
    run = begun(site, bob)
    link = f"<http://gpubot.lab/runs/{run.key}/log|its log>"
    assert link in words(bob.types("show B1"))
    card = render("card", Row("C0VISION", "booking:1", {}), site, NOW)
    assert card is not None
    assert link in words(card)


def test_what_runs_already_is_offered_no_other_job(site: Site) -> None:
    bob = Talk(site, BOB)
    bob.types("reserve 4 tomorrow 10:00 8h on gpu-01 job yolo-train")
    assert "Job…" in captions(bob.types("show B1"))
    bob.types("cancel B1")
    bob.types("reserve 4 now 8h on gpu-01 job yolo-train")
    keep_time(site, now=NOW)
    run = latest_run(site, 2)
    assert run is not None
    follow_run.submitted(site, run, now=NOW)
    assert "Job…" not in captions(bob.types("show B2"))
    assert captions(bob.types("job B2")) == []


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("asked", [False, True])
def test_nothing_about_runs_holds_english(site: Site, end: str, asked: bool) -> None:
    bob = chinese_talk(site, BOB)
    bob.types("reserve 4 now 8h on gpu-01 job yolo-train")
    keep_time(site, now=NOW)
    trouble = Observation(RunState.PENDING, note="-", is_trouble=True)
    follow_run.submitted(site, run_of(site), now=NOW)
    follow_run.saw(site, run_of(site), trouble, now=NOW)
    shown = [message(site, bob, run_of(site)), bob.types("show B1")]
    follow_run.saw(site, run_of(site), Observation(RunState.RUNNING), now=NOW)
    shown.append(bob.types("show B1"))
    follow_run.was_warned(site, run_of(site), LATER, None, now=NOW)
    run = comes_to(site, replace(ENDS[end], note="-"), asked=asked)
    follow_run.log_kept(site, run, "http://gpubot.lab/runs/x/log", now=LATER)
    bob.now = LATER
    shown += [message(site, bob, run_of(site)), bob.types("show B1"), bob.types("audit B1")]
    for one in shown:
        assert english(one) == [], one.text
        assert pressed_together(one) == []


def test_a_job_that_was_not_done_in_time_goes_on_in_a_booking_made_by_a_press(site: Site) -> None:
    bob = Talk(site, BOB)
    begun(site, bob)
    bob.now = NOW + 10 * HOUR
    keep_time(site, now=bob.now)
    follow_run.stop_asked(site, run_of(site), now=bob.now)
    follow_run.saw(site, run_of(site), Observation(RunState.STOPPED), now=bob.now)
    row = Row(BOB, f"run:{run_of(site).id}", {})
    told = render("run", row, site, bob.now, bob.reader or reader(site, BOB))
    assert told is not None
    assert "its time was over before its run was done" in told.text
    first, second = (bob.presses(told, "Book more time") for _ in range(2))
    assert first is not None
    assert second is not None
    assert "*B2*" in first.text
    assert "*B2*" in second.text
    booking = get_booking(site, 2)
    assert (booking.continues, booking.job) == (1, get_booking(site, 1).job)

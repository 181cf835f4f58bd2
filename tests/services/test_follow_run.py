"""What a run comes to is written once, told, and acted upon."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from builders import ALICE, BOB, NOW, TONIGHT, actor, cluster, request
from delivering import tick, told
from promises import check_promises

from bot.domain.booking import Booking, BookingState, Share
from bot.domain.errors import BadJob, NotAllowed, WrongState
from bot.domain.job import Job, JobOrder, JobTemplate, Volume, VolumeKind
from bot.domain.run import Checkpoint, Observation, Run, RunState
from bot.domain.run_course import KEEP_TRYING, MISSING_FOR, PATIENCE
from bot.domain.run_rules import RunRules
from bot.services import follow_run, look
from bot.services.activity import saw_uses
from bot.services.look_runs import latest_run
from bot.services.no_show import ask_idle
from bot.services.preempt import preempt
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.run_again import run_again
from bot.services.run_work import Work, WorkersDoNotFit, open_work, work_order
from bot.services.site import Site

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
END = TONIGHT + 8 * HOUR

JOBS = (
    JobTemplate("train", Job(command=("train", "{devices}"))),
    JobTemplate("three", Job(command=("train",), workers=3)),
)

RUNNING = Observation(RunState.RUNNING)


@pytest.fixture
def site(open_site) -> Site:
    return open_site(replace(cluster(), jobs=JOBS))


@pytest.fixture
def booking(site: Site) -> Booking:
    """Four GPUs of gpu-01 from TONIGHT to END, bob's, with a job; it has just begun."""
    return begun(site)


def begun(site: Site, job: str = "train") -> Booking:
    wanted = replace(request(4, node="gpu-01"), job=JobOrder(job))
    booked = reserve(site, actor(BOB), wanted, now=NOW)
    tick(site, TONIGHT)
    return look.get_booking(site, booked.id)


def run_of(site: Site, booking: Booking) -> Run:
    run = latest_run(site, booking.id)
    assert run is not None
    return run


def work_of(site: Site, booking: Booking, now: datetime = TONIGHT) -> Work:
    (work,) = (one for one in open_work(site, now=now) if one.booking.id == booking.id)
    return work


def sees(site: Site, booking: Booking, seen: Observation, now: datetime) -> Run:
    if follow_run.saw(site, run_of(site, booking), seen, now=now):
        saw_uses(site, [booking.id], now=now)
    return run_of(site, booking)


def running(site: Site, booking: Booking, now: datetime = TONIGHT) -> Run:
    follow_run.submitted(site, run_of(site, booking), now=now)
    return sees(site, booking, RUNNING, now)


def acts(site: Site, booking: Booking) -> list[str]:
    return [record.action for record in look.history(site, booking.id)]


def test_a_booking_with_a_job_wants_a_run_when_it_begins(site: Site, booking: Booking) -> None:
    run = run_of(site, booking)
    assert (run.key, run.state) == (f"gpubot-b{booking.id}-1", RunState.WANTED)
    tick(site, TONIGHT + MINUTE)
    assert len(open_work(site, now=TONIGHT)) == 1


def test_a_booking_without_a_job_wants_none(site: Site) -> None:
    reserve(site, actor(BOB), request(4), now=NOW)
    tick(site, TONIGHT)
    assert open_work(site, now=TONIGHT) == ()


def test_an_order_has_the_gpus_that_the_booking_got(site: Site, booking: Booking) -> None:
    order = work_order(site, work_of(site, booking))
    (worker,) = order.workers
    assert (worker.node, worker.gpu_ids) == ("gpu-01", (0, 1, 2, 3))
    assert order.words(worker) == ("train", "0,1,2,3")
    assert order.first == booking.id


def test_workers_that_cannot_share_the_gpus_are_refused_in_words(site: Site) -> None:
    wanted = replace(request(3, node="gpu-01"), job=JobOrder("three"))
    booked = reserve(site, actor(BOB), wanted, now=NOW)
    tick(site, TONIGHT)
    work = work_of(site, booked)
    assert len(work_order(site, work).workers) == 3
    fewer = replace(work.booking, shares=(Share("gpu-01", 2),), gpu_ids=(("gpu-01", (0, 1)),))
    with pytest.raises(WorkersDoNotFit, match="3 workers cannot share 2 GPUs"):
        work_order(site, replace(work, booking=fewer))
    lost = replace(work.booking, gpu_ids=(("gpu-01", (0, 1)),))
    with pytest.raises(WorkersDoNotFit):
        work_order(site, replace(work, booking=lost))


def test_a_run_that_began_is_told_once_and_counts_as_use(site: Site, booking: Booking) -> None:
    run = running(site, booking)
    assert (run.state, run.started_at) == (RunState.RUNNING, TONIGHT)
    sees(site, booking, RUNNING, TONIGHT + 5 * MINUTE)
    assert acts(site, booking).count("run_started") == 1
    assert look.get_booking(site, booking.id).used_at == TONIGHT + 5 * MINUTE


def test_a_run_that_is_done_gives_its_gpus_back(site: Site, booking: Booking) -> None:
    running(site, booking)
    later = TONIGHT + 3 * HOUR
    run = sees(site, booking, Observation(RunState.SUCCEEDED, exit_code=0), later)
    assert run.ended_at == later
    after = look.get_booking(site, booking.id)
    assert (after.state, after.window.end) == (BookingState.ENDED, later)
    assert told(site, "run") == [BOB]
    check_promises(site)


def test_a_run_that_failed_leaves_the_gpus_to_its_owner(site: Site, booking: Booking) -> None:
    running(site, booking)
    failed = Observation(RunState.FAILED, note="out of memory", exit_code=1)
    run = sees(site, booking, failed, TONIGHT + HOUR)
    assert (run.state, run.exit_code, run.note) == (RunState.FAILED, 1, "out of memory")
    assert look.get_booking(site, booking.id).state is BookingState.ACTIVE
    assert told(site, "run") == [BOB]


def test_facts_that_come_twice_are_told_once(site: Site, booking: Booking) -> None:
    run = running(site, booking)
    failed = Observation(RunState.FAILED, exit_code=1)
    for _ in range(2):
        follow_run.saw(site, run, failed, now=TONIGHT + HOUR)
        follow_run.submitted(site, run, now=TONIGHT + HOUR)
    assert acts(site, booking).count("run_failed") == 1
    assert run_of(site, booking).state is RunState.FAILED


def test_what_was_asked_to_end_has_not_finished_whatever_it_returns(
    site: Site, booking: Booking
) -> None:
    running(site, booking)
    release(site, actor(BOB), booking.id, now=TONIGHT + HOUR)
    work = work_of(site, booking, TONIGHT + HOUR)
    assert work.stop == "over"
    follow_run.stop_asked(site, work.run, now=TONIGHT + HOUR)
    run = sees(site, booking, Observation(RunState.SUCCEEDED, exit_code=0), TONIGHT + HOUR + MINUTE)
    assert run.state is RunState.STOPPED
    # Whoever gave the GPUs back knows it.
    assert told(site, "run") == []


def test_who_runs_to_the_end_of_the_booking_hears_that_it_was_not_done(
    site: Site, booking: Booking
) -> None:
    running(site, booking)
    follow_run.missed(site, run_of(site, booking), now=TONIGHT + 7 * HOUR)
    tick(site, END)
    assert look.get_booking(site, booking.id).state is BookingState.ENDED
    follow_run.stop_asked(site, run_of(site, booking), now=END)
    sees(site, booking, Observation(RunState.STOPPED), END + MINUTE)
    assert told(site, "run") == [BOB]


def test_a_run_stopped_by_somebody_else_is_lost(site: Site, booking: Booking) -> None:
    running(site, booking)
    evicted = Observation(RunState.STOPPED, note="evicted")
    assert sees(site, booking, evicted, TONIGHT + HOUR).state is RunState.LOST


def test_a_run_that_is_missing_for_a_while_is_lost_and_one_that_comes_back_is_not(
    site: Site, booking: Booking
) -> None:
    running(site, booking)
    follow_run.missed(site, run_of(site, booking), now=TONIGHT + HOUR)
    assert sees(site, booking, RUNNING, TONIGHT + HOUR + MISSING_FOR).missing_since is None
    at = TONIGHT + 2 * HOUR
    for now in (at, at + MISSING_FOR / 2, at + MISSING_FOR):
        follow_run.missed(site, run_of(site, booking), now=now)
    assert run_of(site, booking).state is RunState.LOST


def test_a_checkpoint_after_a_warning_is_told_and_others_are_not(
    site: Site, booking: Booking
) -> None:
    running(site, booking)
    files = [Checkpoint("last.pt", datetime(2020, 1, 1, hour, tzinfo=UTC)) for hour in (1, 2, 3)]
    sees(site, booking, replace(RUNNING, checkpoint=files[0]), TONIGHT + HOUR)
    wanted = request(4, TONIGHT + HOUR, 3, node="gpu-01")
    preempt(site, actor(ALICE), wanted, reason="demo", expected=(booking.id,), now=TONIGHT + HOUR)
    work = work_of(site, booking, TONIGHT + HOUR)
    assert work.losing_at == TONIGHT + HOUR + 30 * MINUTE
    follow_run.was_warned(site, work.run, work.losing_at, files[1], now=TONIGHT + HOUR)
    sees(site, booking, replace(RUNNING, checkpoint=files[1]), TONIGHT + HOUR + MINUTE)
    assert "checkpoint_seen" not in acts(site, booking)
    run = sees(site, booking, replace(RUNNING, checkpoint=files[2]), TONIGHT + HOUR + 2 * MINUTE)
    assert run.answered_at == TONIGHT + HOUR + 2 * MINUTE
    sees(site, booking, replace(RUNNING, checkpoint=files[2]), TONIGHT + HOUR + 3 * MINUTE)
    assert acts(site, booking).count("checkpoint_seen") == 1


def test_a_trouble_is_told_once_and_again_only_when_it_is_another(
    site: Site, booking: Booking
) -> None:
    follow_run.submitted(site, run_of(site, booking), now=TONIGHT)
    pull = Observation(RunState.PENDING, note="image pull failed", is_trouble=True)
    for minute in range(3):
        sees(site, booking, pull, TONIGHT + minute * MINUTE)
    assert acts(site, booking).count("run_trouble") == 1
    assert told(site, "run") == [BOB]
    sees(site, booking, replace(pull, note="no volume"), TONIGHT + 4 * MINUTE)
    assert acts(site, booking).count("run_trouble") == 2


def test_waiting_for_a_gang_is_told_after_a_while_and_never_given_up(
    site: Site, booking: Booking
) -> None:
    follow_run.submitted(site, run_of(site, booking), now=TONIGHT)
    gang = Observation(RunState.PENDING, note="waiting for 2 of 4 pods")
    sees(site, booking, gang, TONIGHT)
    assert "run_trouble" not in acts(site, booking)
    sees(site, booking, gang, TONIGHT + PATIENCE)
    sees(site, booking, replace(gang, note="waiting for 1 of 4 pods"), TONIGHT + 2 * PATIENCE)
    assert acts(site, booking).count("run_trouble") == 1
    assert not follow_run.given_up(site, run_of(site, booking), gang, now=TONIGHT + 5 * HOUR)


def test_a_run_that_cannot_begin_is_given_up_in_the_end(site: Site, booking: Booking) -> None:
    follow_run.submitted(site, run_of(site, booking), now=TONIGHT)
    pull = Observation(RunState.PENDING, note="image pull failed", is_trouble=True)
    run = run_of(site, booking)
    assert not follow_run.given_up(site, run, pull, now=TONIGHT + 29 * MINUTE)
    assert follow_run.given_up(site, run, pull, now=TONIGHT + 30 * MINUTE)
    assert run_of(site, booking).state is RunState.FAILED


def test_nobody_is_asked_about_a_booking_whose_run_cannot_be_seen(
    site: Site, booking: Booking
) -> None:
    running(site, booking)
    assert ask_idle(site, now=TONIGHT + 3 * HOUR) == 0
    sees(site, booking, Observation(RunState.FAILED, exit_code=1), TONIGHT + 3 * HOUR)
    assert ask_idle(site, now=TONIGHT + 4 * HOUR) == 1


def test_gpus_in_use_by_a_run_that_is_ending_are_waited_for(site: Site, booking: Booking) -> None:
    running(site, booking)
    release(site, actor(BOB), booking.id, now=TONIGHT + 2 * HOUR)
    wanted = replace(request(4, TONIGHT + 2 * HOUR, 2, node="gpu-01"), job=JobOrder("train"))
    following = reserve(site, actor(BOB), wanted, now=TONIGHT + 2 * HOUR)
    tick(site, TONIGHT + 2 * HOUR)
    assert work_of(site, following).waits_for == (booking.id,)
    follow_run.stop_asked(site, run_of(site, booking), now=TONIGHT + 2 * HOUR)
    assert work_of(site, following).waits_for == (booking.id,)
    sees(site, booking, Observation(RunState.STOPPED), TONIGHT + 2 * HOUR + MINUTE)
    assert work_of(site, following).waits_for == ()


def test_gpus_in_use_by_a_run_that_is_ending_are_given_out_last(site: Site) -> None:
    wanted = replace(request(2, node="gpu-01"), job=JobOrder("train"))
    first = reserve(site, actor(BOB), wanted, now=NOW)
    tick(site, TONIGHT)
    running(site, first)
    release(site, actor(BOB), first.id, now=TONIGHT + 2 * HOUR)
    wanted = replace(wanted, window=request(2, TONIGHT + 2 * HOUR, 2).window)
    following = reserve(site, actor(BOB), wanted, now=TONIGHT + 2 * HOUR)
    tick(site, TONIGHT + 2 * HOUR)
    assert look.get_booking(site, following.id).gpu_ids == (("gpu-01", (2, 3)),)
    assert work_of(site, following).waits_for == ()


def test_no_gpu_is_taken_from_under_a_run(site: Site, booking: Booking) -> None:
    running(site, booking)
    with pytest.raises(WrongState, match="all of its GPUs"):
        release(site, actor(BOB), booking.id, gpus=2, now=TONIGHT + HOUR)


def test_a_job_is_started_again_after_a_failure_once(site: Site, booking: Booking) -> None:
    running(site, booking)
    sees(site, booking, Observation(RunState.FAILED, exit_code=1), TONIGHT + HOUR)
    first = run_again(site, actor(BOB), booking.id, now=TONIGHT + HOUR)
    second = run_again(site, actor(BOB), booking.id, now=TONIGHT + HOUR)
    assert first == second
    assert first.key == f"gpubot-b{booking.id}-2"
    with pytest.raises(NotAllowed):
        run_again(site, actor("U0DANA"), booking.id, now=TONIGHT + HOUR)


def test_a_run_that_nobody_started_has_ended_when_its_booking_is_over(
    site: Site, booking: Booking
) -> None:
    release(site, actor(BOB), booking.id, now=TONIGHT + MINUTE)
    follow_run.stop_asked(site, run_of(site, booking), now=TONIGHT + MINUTE)
    assert run_of(site, booking).state is RunState.STOPPED
    assert "run_stopped" not in acts(site, booking)


def test_where_the_log_is_kept_is_told_once(site: Site, booking: Booking) -> None:
    running(site, booking)
    sees(site, booking, Observation(RunState.SUCCEEDED, exit_code=0), TONIGHT + HOUR)
    for _ in range(2):
        follow_run.log_kept(
            site, run_of(site, booking), "http://gpubot/runs/x/log", now=TONIGHT + HOUR
        )
    assert acts(site, booking).count("log_kept") == 1
    follow_run.settled(site, run_of(site, booking), now=TONIGHT + HOUR)
    assert open_work(site, now=TONIGHT + HOUR) == ()
    assert KEEP_TRYING > HOUR


def test_a_folder_that_may_not_be_used_any_more_is_not_used(site: Site) -> None:
    data = Volume(VolumeKind.HOST, "/mnt/data", "/data")
    rules = RunRules(own_commands=True)
    policy = replace(site.cluster.policy, host_paths=("/mnt/data",))
    site.adopt(replace(site.cluster, runs=rules, policy=policy))
    own = JobOrder(own=Job(command=("train",), volumes=(data,)))
    booked = reserve(site, actor(BOB), replace(request(4, node="gpu-01"), job=own), now=NOW)
    tick(site, TONIGHT)
    work = work_of(site, booked)
    assert work_order(site, work).job.volumes == (data,)
    site.adopt(replace(site.cluster, policy=replace(policy, host_paths=())))
    with pytest.raises(BadJob, match="may use no folders"):
        work_order(site, work)


def test_a_runner_that_is_turned_off_leaves_no_run_open(site: Site, booking: Booking) -> None:
    running(site, booking)
    assert follow_run.leave_all(site, now=TONIGHT + HOUR) == 1
    assert run_of(site, booking).state is RunState.LOST
    assert run_of(site, booking).note == follow_run.NO_RUNNER
    assert open_work(site, now=TONIGHT + HOUR) == ()
    assert follow_run.leave_all(site, now=TONIGHT + HOUR) == 0

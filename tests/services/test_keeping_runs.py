"""The reconciler of runs, between a store that changes and servers that fail."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from builders import BOB, NOW, TONIGHT, actor, cluster, request
from delivering import tick, told

from bot.domain.booking import Booking
from bot.domain.booking_request import BookingRequest
from bot.domain.cluster import Cluster
from bot.domain.errors import WrongState
from bot.domain.job import Job, JobOrder, JobTemplate
from bot.domain.run import Checkpoint, Observation, Run, RunState, WorkOrder
from bot.domain.run_course import KEEP_TRYING
from bot.runners.archive import FolderArchive
from bot.runners.protocol import Hold, Unreachable
from bot.services import follow_run
from bot.services.attach_job import attach_job
from bot.services.look_runs import latest_run, run_with_key
from bot.services.outages import TOLD_AFTER, is_noted
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.run_work import open_work
from bot.services.site import Site
from bot.ticks.runs import RunKeeper, drop_copies

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TRAIN, OTHER = JobOrder("train"), JobOrder("other")
JOBS = (
    JobTemplate("train", Job(command=("train",))),
    JobTemplate("other", Job(command=("other",))),
)


def nothing() -> None:
    """What happens in between where nothing does."""


@dataclass
class Servers:
    """Servers that run what they are given, as a runner shows them."""

    folder: Path
    name: str = "servers"
    runs: dict[str, Observation] = field(default_factory=dict)
    started: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    #: What happens in the middle of a start.
    meanwhile: Callable[[], object] = nothing
    #: Why they cannot start or forget anything; empty: they can.
    away: str = ""
    #: Why they show nothing, and why they end nothing; empty: they do.
    unseen: str = ""
    unending: str = ""
    #: How often they were asked to start something.
    tries: int = 0
    #: What is the matter with all of it.
    matter: str | None = None

    def start(self, order: WorkOrder) -> None:
        self.tries += 1
        self.meanwhile()
        if self.away:
            raise Unreachable(self.away)
        if order.key not in self.runs:
            self.started.append((order.key, order.words(order.workers[0])))
            self.runs[order.key] = Observation(RunState.RUNNING)
            (self.folder / order.key).write_text(f"{order.key}\n")

    def observe(self, keys: Collection[str]) -> Mapping[str, Observation]:
        if self.unseen:
            raise Unreachable(self.unseen)
        return {key: seen for key, seen in self.runs.items() if key in keys}

    def warn(self, key: str, reclaim_at: datetime, reason: str) -> None:
        self.warned.append(key)

    def stop(self, key: str, reason: str) -> None:
        self.asked.append(key)
        if self.unending:
            raise Unreachable(self.unending)
        if key in self.runs:
            self.end(key, RunState.STOPPED)

    def end(self, key: str, state: RunState) -> None:
        self.runs[key] = replace(self.runs[key], state=state)

    def logs(self, key: str) -> Sequence[Path]:
        path = self.folder / key
        return [path] if path.exists() else []

    def forget(self, key: str) -> None:
        if self.away:
            raise Unreachable(self.away)
        self.runs.pop(key, None)
        (self.folder / key).unlink(missing_ok=True)

    def hold(self, holds: Sequence[Hold]) -> None:
        if self.away:
            raise Unreachable(self.away)

    def problem(self) -> str | None:
        return self.matter

    def close(self) -> None:
        pass


@dataclass
class Copied:
    """Copies of these runs."""

    keys: list[str]
    dropped: list[str] = field(default_factory=list)

    def copied(self) -> Collection[str]:
        return self.keys

    def drop(self, key: str) -> None:
        self.dropped.append(key)


def _on(node: str) -> BookingRequest:
    return replace(request(4, node=node), job=TRAIN)


@dataclass
class Lab:
    """A site whose bookings run on servers; `now` is gpubot's clock."""

    site: Site
    servers: Servers
    logs: Path
    now: datetime = TONIGHT

    @property
    def keeper(self) -> RunKeeper:
        archive = FolderArchive(self.logs, lambda: "http://gpubot")
        return RunKeeper(self.site, self.servers, archive, lambda: self.now, lambda _key: ())

    def begun(self) -> Booking:
        wanted = replace(request(4, node="gpu-01"), job=TRAIN)
        booked = reserve(self.site, actor(BOB), wanted, now=NOW)
        tick(self.site, TONIGHT)
        return booked

    def ticks(self, times: int = 1) -> None:
        for _ in range(times):
            self.now += timedelta(seconds=5)
            self.keeper.tick()

    def run(self, booking: Booking) -> Run:
        run = latest_run(self.site, booking.id)
        assert run is not None
        return run


@pytest.fixture
def lab(open_site: Callable[[Cluster], Site], tmp_path: Path) -> Lab:
    folder = tmp_path / "servers"
    folder.mkdir()
    return Lab(open_site(replace(cluster(), jobs=JOBS)), Servers(folder), tmp_path / "logs")


def test_a_job_changed_since_the_tick_began_is_the_one_that_starts(lab: Lab) -> None:
    booking = lab.begun()
    (work,) = open_work(lab.site, now=lab.now)
    attach_job(lab.site, actor(BOB), booking.id, OTHER, now=lab.now)
    lab.keeper._begin(work)
    assert [words for _, words in lab.servers.started] == [("other",)]
    assert lab.run(booking).job == OTHER


def test_a_job_that_is_being_started_is_not_changed_any_more(lab: Lab) -> None:
    booking = lab.begun()

    def change() -> None:
        with pytest.raises(WrongState, match="is having its job started"):
            attach_job(lab.site, actor(BOB), booking.id, OTHER, now=lab.now)

    lab.servers.meanwhile = change
    lab.ticks()
    assert [words for _, words in lab.servers.started] == [("train",)]


def test_a_booking_given_up_since_the_tick_began_starts_nothing(lab: Lab) -> None:
    booking = lab.begun()
    (work,) = open_work(lab.site, now=lab.now)
    release(lab.site, actor(BOB), booking.id, now=lab.now)
    lab.keeper._begin(work)
    assert lab.servers.started == []


def test_a_run_that_comes_up_after_it_was_asked_to_end_is_asked_again(lab: Lab) -> None:
    booking = lab.begun()

    def give_up() -> None:
        """Another process sees the end of the booking while this one still starts its run."""
        lab.servers.meanwhile = nothing
        release(lab.site, actor(BOB), booking.id, now=lab.now)
        lab.keeper.tick()

    lab.servers.meanwhile = give_up
    lab.ticks(4)
    assert lab.servers.runs == {}
    run = lab.run(booking)
    assert (run.state, run.settled_at is None) == (RunState.STOPPED, False)


def test_a_run_that_may_have_been_started_is_waited_for_until_it_is_known_not_to_be(
    lab: Lab,
) -> None:
    booking = lab.begun()
    lab.servers.away = "no route to host"
    lab.ticks()
    release(lab.site, actor(BOB), booking.id, now=lab.now)
    lab.ticks()
    assert lab.run(booking).state is RunState.STOPPING
    lab.ticks(15)
    assert lab.run(booking).state is RunState.STOPPED


def test_a_run_that_ended_before_it_was_noted_that_it_was_asked_to_is_not_lost(lab: Lab) -> None:
    booking = lab.begun()
    lab.ticks(2)
    release(lab.site, actor(BOB), booking.id, now=lab.now)
    # gpubot ends right after this call.
    lab.servers.stop(lab.run(booking).key, "over")
    lab.ticks()
    assert lab.run(booking).state is RunState.STOPPED


def test_a_run_that_still_waits_when_its_time_runs_out_is_warned_once_it_runs(lab: Lab) -> None:
    booking = lab.begun()
    lab.ticks(2)
    key = lab.run(booking).key
    lab.servers.runs[key] = Observation(RunState.PENDING, "waiting for its GPUs to become free")
    lab.now = booking.window.end - 20 * MINUTE
    lab.ticks(2)
    assert (lab.servers.warned, lab.run(booking).warned_for) == ([], None)
    lab.servers.runs[key] = Observation(RunState.RUNNING)
    lab.ticks(2)
    assert (lab.servers.warned, lab.run(booking).warned_for) == ([key], booking.window.end)


def test_what_its_runner_could_not_forget_is_forgotten_later(lab: Lab) -> None:
    booking = lab.begun()
    lab.ticks(2)
    key = lab.run(booking).key
    lab.servers.end(key, RunState.SUCCEEDED)
    lab.servers.away = "no route to host"
    lab.ticks(3)
    run = lab.run(booking)
    assert (run.log, run.settled_at) == (f"http://gpubot/runs/{key}/log", None)
    lab.servers.away = ""
    lab.ticks()
    assert key not in lab.servers.runs
    assert lab.run(booking).settled_at == lab.now


def test_a_log_that_was_kept_is_linked_also_when_gpubot_ended_before_it_was_noted(
    lab: Lab,
) -> None:
    booking = lab.begun()
    lab.ticks(2)
    run = lab.run(booking)
    lab.servers.end(run.key, RunState.FAILED)
    lab.ticks()
    FolderArchive(lab.logs, lambda: "http://gpubot").keep(run.key, lab.servers.logs(run.key))
    lab.ticks()
    assert lab.run(booking).log == f"http://gpubot/runs/{run.key}/log"


def test_forgetting_is_given_up_in_the_end(lab: Lab) -> None:
    booking = lab.begun()
    lab.ticks(2)
    lab.servers.end(lab.run(booking).key, RunState.SUCCEEDED)
    lab.servers.away = "no route to host"
    lab.ticks(2)
    lab.now += KEEP_TRYING
    lab.ticks()
    assert open_work(lab.site, now=lab.now) == ()


def test_a_log_that_cannot_be_read_keeps_no_run_from_ending(lab: Lab) -> None:
    booking = lab.begun()
    lab.ticks(2)
    run = lab.run(booking)
    (lab.servers.folder / run.key).unlink()
    (lab.servers.folder / run.key).mkdir()
    lab.servers.end(run.key, RunState.FAILED)
    lab.ticks()
    assert lab.run(booking).state is RunState.FAILED


def test_an_exit_status_is_told_once(lab: Lab) -> None:
    booking = lab.begun()
    lab.ticks(2)
    run = lab.run(booking)
    (lab.servers.folder / run.key).write_text("")
    failed = Observation(RunState.FAILED, note="exit status 1", exit_code=1)
    lab.servers.runs[run.key] = failed
    lab.ticks()
    assert (lab.run(booking).exit_code, lab.run(booking).note) == (1, "")


def test_the_checkpoint_that_a_run_begins_with_is_as_old_as_it_is(lab: Lab) -> None:
    booking = lab.begun()
    lab.ticks(2)
    before = TONIGHT - 6 * HOUR
    run = lab.run(booking)
    seen = replace(lab.servers.runs[run.key], checkpoint=Checkpoint("last.pt", before))
    lab.servers.runs[run.key] = seen
    lab.ticks()
    assert lab.run(booking).saved_at == before
    later = replace(seen, checkpoint=Checkpoint("last.pt", datetime(2020, 1, 1, tzinfo=UTC)))
    follow_run.saw(lab.site, lab.run(booking), later, now=lab.now)
    assert run_with_key(lab.site, run.key) == lab.run(booking)
    assert lab.run(booking).saved_at == before


@pytest.mark.parametrize(("matter", "tries"), [("they are down", 1), (None, 2)])
def test_while_servers_are_away_one_run_waits_for_them_and_not_each(
    lab: Lab, matter: str | None, tries: int
) -> None:
    for node in ("gpu-01", "gpu-02"):
        reserve(lab.site, actor(BOB), _on(node), now=NOW)
    tick(lab.site, TONIGHT)
    lab.servers.away, lab.servers.matter = "no answer", matter
    lab.ticks()
    assert lab.servers.tries == tries
    runs = [latest_run(lab.site, number) for number in (1, 2)]
    assert [run and run.note for run in runs] == ["no answer"] * 2
    lab.servers.away, lab.servers.matter = "", None
    lab.ticks()
    assert len(lab.servers.started) == 2


@pytest.mark.parametrize("what", ["unseen", "unending"])
def test_operators_hear_of_runs_that_servers_do_not_show_or_end(lab: Lab, what: str) -> None:
    booking = lab.begun()
    lab.ticks(2)
    release(lab.site, actor(BOB), booking.id, now=lab.now)
    setattr(lab.servers, what, "no room on the disk")
    lab.ticks()
    assert not lab.run(booking).state.is_over
    lab.now += TOLD_AFTER
    lab.ticks(3)
    assert len(told(lab.site, "outage")) == 1
    setattr(lab.servers, what, "")
    lab.ticks()
    assert not is_noted(lab.site, lab.servers.name)
    assert len(told(lab.site, "outage")) == 2


def test_nothing_begins_while_what_runs_cannot_be_seen(lab: Lab) -> None:
    lab.begun()
    lab.ticks(2)
    later = TONIGHT + timedelta(hours=2)
    wanted = replace(request(4, later, node="gpu-02"), job=TRAIN)
    booking = reserve(lab.site, actor(BOB), wanted, now=TONIGHT)
    lab.servers.unseen = "the folder of runs is away"
    tick(lab.site, later)
    lab.now = later
    lab.ticks(2)
    assert len(lab.servers.started) == 1
    waiting = lab.run(booking)
    assert (waiting.state, waiting.note) == (RunState.WANTED, "the folder of runs is away")
    lab.servers.unseen = ""
    lab.ticks()
    assert len(lab.servers.started) == 2


def test_copies_of_what_another_process_has_settled_are_dropped(lab: Lab) -> None:
    bookings = [reserve(lab.site, actor(BOB), _on(node), now=NOW) for node in ("gpu-01", "gpu-02")]
    tick(lab.site, TONIGHT)
    lab.ticks(2)
    over, open_one = (lab.run(booking).key for booking in bookings)
    lab.servers.end(over, RunState.SUCCEEDED)
    lab.ticks(3)
    # The last is of a booking that a restored database does not know.
    copies = Copied([over, open_one, "gpubot-b9999-1"])
    drop_copies(lab.site, copies)
    assert copies.dropped == [over]


def test_that_bookings_cannot_be_held_while_servers_are_away_is_no_failure(lab: Lab) -> None:
    lab.servers.away = "no answer"
    lab.keeper.hold(timedelta(days=1))

"""What every runner does: the same tests for all of them.

A runner joins with a `Lab`, which says how its runs are played, and a few lines:

    @pytest.fixture
    def lab(tmp_path): ...

    class TestLocal(RunnerContract): ...

Nothing here knows whether runs are real processes or played by a fake; `runners.program` is the
program that labs with real processes run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import Protocol

import pytest
from runners.waiting import eventually

from bot.domain.booking import Priority
from bot.domain.job import Job
from bot.domain.run import Observation, RunState, Worker, WorkOrder, run_key
from bot.runners.protocol import Refused, Runner, Unreachable

RECLAIM_AT = datetime(2030, 1, 1, 12, tzinfo=UTC)
#: Of the secret that every lab has under `SECRET_NAME`.
SECRET_NAME, SECRET_VALUE = "vault/password", "correct-horse-battery"
_numbers = count(1)


class Program(StrEnum):
    """How a run behaves. Each worker says "worker N is here" first, and goes on until it ends."""

    #: Says "warned" at a warning, and at a stop "saved", and ends with 0.
    ORDINARY = "ordinary"
    #: Takes no notice of a stop; only a kill ends it.
    STUBBORN = "stubborn"
    #: Knows nothing of warnings: a SIGUSR1 would end it.
    SIMPLE = "simple"
    #: It is not there: the program, or the image with it.
    MISSING = "missing"


class Lab(Protocol):
    """A runner, its servers, and power over the runs there."""

    #: The runner as it is now; another object after `restart`.
    runner: Runner
    #: The nodes that it runs on; one will do.
    nodes: Sequence[str]
    #: Whether its servers can be made unreachable (`cut`, `mend`).
    can_be_cut: bool
    #: Whether its runs' checkpoints are files that it can see.
    sees_checkpoints: bool

    def job(self, key: str, program: Program, grace: timedelta) -> Job:
        """A job that behaves like that; where `sees_checkpoints`, with a `checkpoint`."""

    def restart(self) -> None:
        """Do as when gpubot ends and starts: let go of the runner, and make another."""

    def finish(self, key: str, code: int, worker: int = 0) -> None:
        """Have a worker end by itself, with that exit status."""

    def say(self, key: str, line: str) -> None:
        """Have the first worker write a line."""

    def save(self, key: str) -> None:
        """Have the run write its checkpoint, where `sees_checkpoints`."""

    def times_started(self, key: str) -> int:
        """How often the first worker was really started."""

    def secret_of(self, key: str, variable: str) -> str:
        """The value that the first worker finds in that variable, once it is here."""

    def exposed(self, text: str) -> Sequence[str]:
        """Where others could read `text`: files, objects, commands; the runner's own log too."""

    def left_of(self, key: str) -> Sequence[str]:
        """What there still is of a run: folders, objects, processes."""

    def cut(self) -> None:
        """Make the servers unreachable."""

    def mend(self) -> None:
        """Make them reachable again."""


@dataclass
class Run:
    """One run in a lab, and what can be seen of it."""

    lab: Lab
    order: WorkOrder

    @property
    def key(self) -> str:
        """Its key."""
        return self.order.key

    def start(self) -> Run:
        """Start it, and see that its workers are here."""
        self.lab.runner.start(self.order)
        for worker in self.order.workers:
            self.writes(f"worker {worker.index} is here")
        return self

    def look(self) -> Observation:
        """How it stands; it has to be there."""
        return self.lab.runner.observe([self.key])[self.key]

    def comes_to(self, *states: RunState) -> Observation:
        """How it stands once it is in one of those states."""
        return eventually(
            lambda: seen if (seen := self.look()).state in states else None,
            lambda: f"{self.key} is not {'/'.join(states)} but {self.look()}: {self.words()}",
        )

    def words(self) -> str:
        """What its workers have written so far, one after the other."""
        files = self.lab.runner.logs(self.key)
        return "\n".join(file.read_bytes().decode(errors="replace") for file in files)

    def writes(self, text: str) -> None:
        """Wait until its logs hold `text`."""
        eventually(
            lambda: text in self.words(), lambda: f"{self.key} wrote no {text!r}: {self.words()}"
        )


def run_in(
    lab: Lab,
    program: Program = Program.ORDINARY,
    *,
    workers: int = 1,
    grace: timedelta = timedelta(seconds=20),
    secrets: tuple[tuple[str, str], ...] = (),
    env: tuple[tuple[str, str], ...] = (),
) -> Run:
    """A run that was not started yet."""
    booking = next(_numbers)
    key = run_key(booking, 1)
    job = lab.job(key, program, grace)
    shares = [Worker(n, lab.nodes[n % len(lab.nodes)], (n,)) for n in range(workers)]
    order = WorkOrder(
        key=key,
        booking=booking,
        first=booking,
        owner="U0ALICE",
        account="",
        team="vision",
        priority=Priority.P2,
        preemptible=True,
        job=Job(**{name: getattr(job, name) for name in Job.__slots__} | {"secrets": secrets}),
        workers=tuple(shares),
        ends_at=RECLAIM_AT + timedelta(hours=8),
        warning=timedelta(minutes=30),
        env=env,
    )
    return Run(lab, order)


def trouble_of(run: Run) -> str:
    """What is said of a run that cannot start: it is refused, or its note tells of the trouble."""
    try:
        run.lab.runner.start(run.order)
    except Refused as refusal:
        said = str(refusal)
        assert run.lab.runner.observe([run.key]) == {}
    else:
        seen = eventually(
            lambda: seen if (seen := run.look()).is_trouble else None,
            lambda: f"no trouble: {run.look()}",
        )
        assert seen.state in (RunState.FAILED, RunState.PENDING)
        said = seen.note
    assert "\n" not in said
    return said


class RunnerContract:
    """The tests; a subclass in a test module has them run."""

    def test_all_is_well(self, lab: Lab) -> None:
        assert lab.runner.problem() is None
        assert lab.runner.name in ("local", "slurm", "kubernetes")

    def test_a_run_that_nobody_started_is_left_out(self, lab: Lab) -> None:
        run = run_in(lab).start()
        assert set(lab.runner.observe([run.key, "gpubot-b9999-1"])) == {run.key}
        assert lab.runner.observe([]) == {}
        assert lab.runner.logs("gpubot-b9999-1") == []

    def test_what_nobody_started_can_be_stopped_warned_and_forgotten_without_harm(
        self, lab: Lab
    ) -> None:
        lab.runner.stop("gpubot-b9999-1", "over")
        lab.runner.warn("gpubot-b9999-1", RECLAIM_AT, "P0 work")
        lab.runner.forget("gpubot-b9999-1")
        assert lab.runner.observe(["gpubot-b9999-1"]) == {}

    def test_a_run_that_ends_well_has_succeeded(self, lab: Lab) -> None:
        run = run_in(lab).start()
        seen = run.comes_to(RunState.RUNNING)
        assert seen.started_at is not None
        assert (seen.ended_at, seen.exit_code) == (None, None)
        lab.finish(run.key, 0)
        seen = run.comes_to(RunState.SUCCEEDED)
        assert (seen.exit_code, seen.is_trouble) == (0, False)
        assert seen.started_at is not None
        assert seen.ended_at is not None
        assert seen.started_at <= seen.ended_at

    def test_a_run_that_ends_badly_has_failed_with_its_exit_status(self, lab: Lab) -> None:
        run = run_in(lab).start()
        lab.finish(run.key, 3)
        seen = run.comes_to(RunState.FAILED)
        assert seen.exit_code == 3
        assert "\n" not in seen.note

    def test_a_program_that_is_not_there_is_said_clearly(self, lab: Lab) -> None:
        assert trouble_of(run_in(lab, Program.MISSING))

    def test_starting_twice_starts_once(self, lab: Lab) -> None:
        run = run_in(lab).start()
        lab.runner.start(run.order)
        lab.runner.start(run.order)
        assert run.look().state is RunState.RUNNING
        assert lab.times_started(run.key) == 1

    def test_two_threads_start_once(self, lab: Lab) -> None:
        run = run_in(lab)
        _at_once(4, lambda: lab.runner.start(run.order))
        run.start()
        assert run.comes_to(RunState.RUNNING)
        assert lab.times_started(run.key) == 1

    def test_a_run_that_has_ended_is_not_started_again(self, lab: Lab) -> None:
        run = run_in(lab).start()
        lab.finish(run.key, 3)
        run.comes_to(RunState.FAILED)
        lab.runner.start(run.order)
        lab.restart()
        lab.runner.start(run.order)
        assert run.look().state is RunState.FAILED
        assert lab.times_started(run.key) == 1

    def test_several_workers_are_one_run(self, lab: Lab) -> None:
        run = run_in(lab, workers=2).start()
        assert len(lab.runner.logs(run.key)) == 2
        lab.finish(run.key, 0, worker=0)
        lab.finish(run.key, 0, worker=1)
        assert run.comes_to(RunState.SUCCEEDED).exit_code == 0

    def test_a_worker_that_fails_takes_the_others_with_it(self, lab: Lab) -> None:
        run = run_in(lab, workers=2).start()
        lab.finish(run.key, 5, worker=1)
        assert run.comes_to(RunState.FAILED).exit_code == 5

    def test_a_run_ends_when_it_is_asked_to(self, lab: Lab) -> None:
        run = run_in(lab, workers=2).start()
        lab.runner.stop(run.key, "its time is over")
        seen = run.comes_to(RunState.STOPPED)
        assert seen.ended_at is not None
        assert "kill" not in seen.note
        assert run.words().count("saved") == 2

    def test_a_run_that_takes_no_notice_is_killed(self, lab: Lab) -> None:
        run = run_in(lab, Program.STUBBORN, grace=timedelta(seconds=1)).start()
        lab.runner.stop(run.key, "its time is over")
        run.comes_to(RunState.STOPPED)
        assert "saved" not in run.words()

    def test_a_run_has_its_grace_and_is_stopping_meanwhile(self, lab: Lab) -> None:
        run = run_in(lab, Program.STUBBORN, grace=timedelta(seconds=600)).start()
        lab.runner.stop(run.key, "its time is over")
        run.comes_to(RunState.STOPPING)
        lab.finish(run.key, 0)
        run.comes_to(RunState.STOPPED)

    def test_stopping_twice_is_stopping_once(self, lab: Lab) -> None:
        run = run_in(lab).start()
        _at_once(2, lambda: lab.runner.stop(run.key, "its time is over"))
        lab.runner.stop(run.key, "really")
        run.comes_to(RunState.STOPPED)
        lab.runner.stop(run.key, "still")
        assert run.look().state is RunState.STOPPED
        assert run.words().count("saved") == 1

    def test_stopping_what_has_ended_changes_nothing(self, lab: Lab) -> None:
        run = run_in(lab).start()
        lab.finish(run.key, 3)
        before = run.comes_to(RunState.FAILED)
        lab.runner.stop(run.key, "its time is over")
        lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
        assert run.look() == before

    def test_a_warning_reaches_the_run(self, lab: Lab) -> None:
        run = run_in(lab, workers=2).start()
        lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
        eventually(lambda: run.words().count("warned") == 2, run.words)
        lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
        assert run.look().state is RunState.RUNNING

    def test_a_warning_does_no_harm_to_a_program_that_knows_none(self, lab: Lab) -> None:
        run = run_in(lab, Program.SIMPLE).start()
        lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
        lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
        lab.say(run.key, "still here")
        run.writes("still here")
        assert run.look().state is RunState.RUNNING

    def test_logs_are_there_while_it_runs_and_whole_once_it_is_over(self, lab: Lab) -> None:
        run = run_in(lab).start()
        lab.say(run.key, "epoch 1")
        run.writes("epoch 1")
        lab.say(run.key, "the last words")
        lab.finish(run.key, 0)
        run.comes_to(RunState.SUCCEEDED)
        assert run.words().endswith("the last words\n")

    def test_a_run_goes_on_while_gpubot_is_restarted(self, lab: Lab) -> None:
        run = run_in(lab).start()
        started_at = run.look().started_at
        lab.restart()
        seen = run.comes_to(RunState.RUNNING)
        assert seen.started_at == started_at
        lab.say(run.key, "after the restart")
        run.writes("after the restart")
        assert "worker 0 is here" in run.words()
        lab.runner.stop(run.key, "its time is over")
        run.comes_to(RunState.STOPPED)
        assert lab.times_started(run.key) == 1

    def test_how_a_run_ended_is_known_after_a_restart(self, lab: Lab) -> None:
        run, other = run_in(lab).start(), run_in(lab).start()
        lab.finish(run.key, 3)
        run.comes_to(RunState.FAILED)
        lab.restart()
        assert run.comes_to(RunState.FAILED).exit_code == 3
        assert other.comes_to(RunState.RUNNING)

    def test_a_stop_is_completed_although_gpubot_is_restarted(self, lab: Lab) -> None:
        run = run_in(lab, Program.STUBBORN, grace=timedelta(seconds=1)).start()
        lab.runner.stop(run.key, "its time is over")
        lab.restart()
        run.comes_to(RunState.STOPPED)

    def test_forgetting_removes_everything_of_that_run_and_of_no_other(self, lab: Lab) -> None:
        run, other = run_in(lab).start(), run_in(lab).start()
        lab.finish(run.key, 0)
        run.comes_to(RunState.SUCCEEDED)
        lab.runner.forget(run.key)
        eventually(lambda: not lab.left_of(run.key), lambda: str(lab.left_of(run.key)))
        assert set(lab.runner.observe([run.key, other.key])) == {other.key}
        assert other.look().state is RunState.RUNNING
        assert "worker 0 is here" in other.words()
        lab.runner.forget(run.key)

    def test_a_checkpoint_is_seen(self, lab: Lab) -> None:
        if not lab.sees_checkpoints:
            pytest.skip("this runner does not see its runs' files")
        run = run_in(lab).start()
        assert run.look().checkpoint is None
        lab.save(run.key)
        seen = eventually(lambda: run.look().checkpoint)
        assert seen.path == run.order.checkpoint_path()
        assert seen.at.tzinfo is not None
        lab.finish(run.key, 0)
        assert run.comes_to(RunState.SUCCEEDED).checkpoint == seen

    def test_a_secret_reaches_its_run_and_nobody_else(self, lab: Lab) -> None:
        run = run_in(lab, secrets=(("DB_PASSWORD", SECRET_NAME),), env=(("GPUBOT_TOKEN", "t0k3n"),))
        run.start()
        assert lab.secret_of(run.key, "DB_PASSWORD") == SECRET_VALUE
        assert lab.secret_of(run.key, "GPUBOT_TOKEN") == "t0k3n"
        assert SECRET_VALUE not in repr(run.look()) + repr(run.order)
        assert lab.exposed(SECRET_VALUE) == []

    def test_a_secret_that_is_not_there_is_named(self, lab: Lab) -> None:
        assert "vault" in trouble_of(run_in(lab, secrets=(("DB_PASSWORD", "vault/nothing"),)))

    def test_servers_that_cannot_be_reached_end_nothing(self, lab: Lab) -> None:
        if not lab.can_be_cut:
            pytest.skip("this runner has no servers that could be away")
        run = run_in(lab).start()
        lab.cut()
        eventually(lambda: lab.runner.problem() is not None)
        for call in (
            lambda: lab.runner.observe([run.key]),
            lambda: lab.runner.stop(run.key, "its time is over"),
            lambda: lab.runner.start(run_in(lab).order),
        ):
            with pytest.raises(Unreachable) as trouble:
                call()
            assert str(trouble.value)
            assert "\n" not in str(trouble.value)
        lab.mend()
        eventually(lambda: lab.runner.problem() is None, lambda: str(lab.runner.problem()))
        assert run.comes_to(RunState.RUNNING)
        lab.runner.stop(run.key, "its time is over")
        run.comes_to(RunState.STOPPED)


def _at_once(times: int, call: Callable[[], object]) -> None:
    """Call it from several threads that begin together; raise what any of them raises."""
    begin = threading.Barrier(times)

    def work() -> None:
        begin.wait()
        call()

    with ThreadPoolExecutor(times) as pool:
        for done in [pool.submit(work) for _ in range(times)]:
            done.result()

"""What is particular to runs in Slurm: its queue, its requeueing, its accounts, its accidents."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from runners.contract import RECLAIM_AT, Program, Run, run_in
from runners.waiting import eventually
from slurm.lab import SlurmLab

from bot.domain.job import Job
from bot.domain.run import RunState, Worker
from bot.runners.protocol import Refused, Unreachable
from bot.runners.slurm.runner import slurm_runner
from bot.runners.slurm.settings import SubmitAs


def shell_run(lab: SlurmLab, script: str, *workers: Worker) -> Run:
    """A run of a small shell script; one worker with one GPU of n1 unless said otherwise."""
    run = run_in(lab)
    workers = workers or (Worker(0, "n1", (0,)),)
    return replace(
        run, order=replace(run.order, job=Job(("/bin/sh", "-c", script)), workers=workers)
    )


def occupy(lab: SlurmLab, node: str, partition: str = "gpu") -> str:
    """Have somebody else's job take all GPUs of a node; its number."""
    return lab.cluster.command(
        "sbatch", "--parsable", f"--partition={partition}", f"--nodelist={node}", "--gres=gpu:4",
        "--output=/dev/null", "--wrap=sleep 600",
    ).strip()  # fmt: skip


def test_a_run_that_waits_in_the_queue_can_be_stopped(lab: SlurmLab) -> None:
    occupy(lab, "n1")
    run = shell_run(lab, "true")
    lab.runner.start(run.order)
    seen = eventually(lambda: seen if "waiting" in (seen := run.look()).note else None)
    assert (seen.state, seen.is_trouble, seen.started_at) == (RunState.PENDING, False, None)
    lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
    lab.runner.stop(run.key, "cancelled")
    assert run.comes_to(RunState.STOPPED).exit_code is None


def test_preemption_by_slurm_puts_a_warned_run_back_and_it_starts_again(lab: SlurmLab) -> None:
    run = run_in(lab).start()
    other = occupy(lab, "n1", "above")
    # Not by gpubot: Slurm itself sends the job's --signal ahead.
    run.writes("warned")
    seen = run.comes_to(RunState.PENDING)
    assert "put back in the queue by Slurm" in seen.note
    lab.cluster.command("scancel", other)
    eventually(lambda: lab.times_started(run.key) == 2)
    seen = run.comes_to(RunState.RUNNING)
    assert seen.note == "started again by Slurm"
    lab.finish(run.key, 0)
    assert run.comes_to(RunState.SUCCEEDED).exit_code == 0


def test_a_node_that_dies_is_told_and_stopping_still_works(lab: SlurmLab) -> None:
    run = run_in(lab).start()
    lab.cluster.command("scontrol", "update", "NodeName=n1", "State=DOWN", "Reason=test")
    try:
        assert "put back in the queue" in run.comes_to(RunState.PENDING).note
        lab.runner.stop(run.key, "its time is over")
        assert run.comes_to(RunState.STOPPED)
    finally:
        # It may be back by itself: its slurmd is alive, and says so.
        with suppress(AssertionError):
            lab.cluster.command("scontrol", "update", "NodeName=n1", "State=RESUME")


def test_a_job_that_somebody_cancels_in_slurm_is_lost_and_not_stopped(lab: SlurmLab) -> None:
    run = run_in(lab).start()
    lab.cluster.command("scancel", str(lab.job_number(run.key)))
    seen = run.comes_to(RunState.LOST)
    assert (seen.note, seen.is_trouble) == ("cancelled in Slurm", True)


def test_a_controller_that_is_killed_finds_its_runs_again(lab: SlurmLab) -> None:
    run = run_in(lab).start()
    state = lab.cluster.folder / "state" / "job_state"
    eventually(lambda: run.key.encode() in state.read_bytes())
    lab.cluster.kill("slurmctld")
    with pytest.raises(Unreachable, match="Slurm"):
        lab.new(timeout=1.0).observe([run.key])
    lab.mend()
    assert run.comes_to(RunState.RUNNING)
    lab.finish(run.key, 4)
    assert run.comes_to(RunState.FAILED).exit_code == 4


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"partition": "nowhere"}, "partition"),
        ({"nodes": {"n1": "n77"}}, "node name"),
        ({"arguments": ("--mem=99T",)}, "node configuration is not available"),
    ],
)
def test_what_slurm_refuses_is_told_in_its_words_and_leaves_nothing(
    lab: SlurmLab, settings: dict[str, object], reason: str
) -> None:
    run = shell_run(lab, "true")
    runner = lab.new(**settings)
    with pytest.raises(Refused, match=reason):
        runner.start(run.order)
    assert runner.observe([run.key]) == {}
    assert lab.left_of(run.key) == []


def test_a_lost_answer_starts_a_run_once(lab: SlurmLab, tmp_path: Path) -> None:
    binaries = tmp_path / "binaries"
    binaries.mkdir()
    for name in ("squeue", "scontrol", "scancel"):
        (binaries / name).symlink_to(shutil.which(name) or name)
    sbatch = binaries / "sbatch"
    sbatch.write_text(
        f'#!/bin/sh\n{shutil.which("sbatch")} "$@" > /dev/null\n'
        'echo "sbatch: error: Batch job submission failed: Socket timed out" >&2\nexit 1\n'
    )
    sbatch.chmod(0o755)
    run = run_in(lab)
    with pytest.raises(Unreachable, match="timed out"):
        lab.new(binaries=str(binaries)).start(run.order)
    run.start()
    assert lab.times_started(run.key) == 1
    named = lab.cluster.command("squeue", "-h", "-t", "all", f"--name={run.key}", "-o", "%A")
    assert len(named.split()) == 1


def test_a_job_of_that_name_by_somebody_else_is_not_the_run(lab: SlurmLab) -> None:
    run = run_in(lab)
    other = lab.cluster.command(
        "sbatch", "--parsable", "--uid=nobody", f"--job-name={run.key}", "--chdir=/tmp",
        "--output=/dev/null", "--wrap=sleep 600",
    ).strip()  # fmt: skip
    run.start()
    lab.runner.stop(run.key, "its time is over")
    run.comes_to(RunState.STOPPED)
    assert lab.cluster.command("squeue", "-h", "-j", other, "-o", "%T").strip() == "RUNNING"


def test_a_folder_that_is_not_mounted_is_no_sign_that_runs_are_gone(lab: SlurmLab) -> None:
    run = run_in(lab)
    away = slurm_runner(lab.settings, lab.kept.parent / "not-mounted" / "runs")
    for call in (
        lambda: away.observe([run.key]),
        lambda: away.start(run.order),
    ):
        with pytest.raises(Unreachable, match="No such file or directory"):
            call()


def test_workers_of_one_node_share_its_gpus_and_know_where_to_meet(lab: SlurmLab) -> None:
    workers = (Worker(0, "n1", (0, 1)), Worker(1, "n1", (2, 3)), Worker(2, "n2", (0, 1)))
    refused = shell_run(lab, "true", *workers)
    with pytest.raises(Refused, match="4 on n1, 2 on n2"):
        lab.runner.start(refused.order)
    workers = (*workers, Worker(3, "n2", (2, 3)))
    words = 'echo "$NODE_RANK of $NNODES at $MASTER_ADDR has $CUDA_VISIBLE_DEVICES"'
    run = shell_run(lab, words, *workers)
    lab.runner.start(run.order)
    run.comes_to(RunState.SUCCEEDED)
    assert [file.read_text() for file in lab.runner.logs(run.key)] == [
        "0 of 4 at n1 has 0,1\n",
        "1 of 4 at n1 has 2,3\n",
        "2 of 4 at n1 has 0,1\n",
        "3 of 4 at n1 has 2,3\n",
    ]


def test_a_run_belongs_to_its_owner_and_so_does_what_is_secret_of_it(lab: SlurmLab) -> None:
    # pytest's own folders are closed to other accounts.
    lab.kept = lab.cluster.folder / "runs"
    lab.settings = replace(lab.settings, submit_as=SubmitAs.OWNER)
    lab.restart()
    run = shell_run(lab, 'id -un; echo "$GPUBOT_TOKEN"; sleep 600')
    for account, reason in (("", "not known"), ("no-such-account", "no account no-such-account")):
        with pytest.raises(Refused, match=reason):
            lab.runner.start(replace(run.order, account=account))
    lab.runner.start(replace(run.order, account="nobody", env=(("GPUBOT_TOKEN", "t0k3n"),)))
    run.writes("nobody\nt0k3n\n")
    kept = lab.kept / run.key
    assert kept.owner() == "root"
    assert {path.owner() for path in kept.glob("*.env")} == {"nobody"}
    assert lab.exposed("t0k3n") == [str(kept / "worker-0.log")]
    lab.runner.stop(run.key, "its time is over")
    run.comes_to(RunState.STOPPED)
    assert list(kept.glob("*.env")) == []
    lab.runner.forget(run.key)


def test_slurm_itself_ends_a_run_whose_script_does_not(lab: SlurmLab) -> None:
    run = run_in(lab, Program.STUBBORN, grace=timedelta(hours=2)).start()
    number = lab.job_number(run.key)
    lab.runner.stop(run.key, "its time is over")
    said = lab.cluster.command("squeue", "-h", "-j", str(number), "-o", "%L")
    # Hours, minutes and seconds until the time limit: the grace and a minute, rounded up.
    assert said.strip().startswith(("2:00:", "2:01:", "2:02:"))


def test_a_stop_needs_no_right_to_move_time_limits(lab: SlurmLab, tmp_path: Path) -> None:
    binaries = tmp_path / "binaries"
    binaries.mkdir()
    for name in ("squeue", "scancel"):
        (binaries / name).symlink_to(shutil.which(name) or name)
    refusing = binaries / "scontrol"
    refusing.write_text('#!/bin/sh\necho "Access/permission denied for job" >&2\nexit 1\n')
    refusing.chmod(0o755)
    run = run_in(lab).start()
    lab.new(binaries=str(binaries)).stop(run.key, "its time is over")
    run.comes_to(RunState.STOPPED)
    assert "saved" in run.words()

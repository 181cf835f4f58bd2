"""What a run becomes for Slurm, and what Slurm's words become for people. No Slurm needed."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from patience import PATIENCE_S
from runners.contract import RECLAIM_AT
from runners.waiting import eventually

from bot.domain.booking import Priority
from bot.domain.job import Job
from bot.domain.run import RunState, Worker, WorkOrder
from bot.domain.window import Window
from bot.runners.protocol import Hold, Refused, Unreachable
from bot.runners.slurm.commands import JobRow, Slurm, error_of, plain_text
from bot.runners.slurm.observing import observation, outcome_of
from bot.runners.slurm.reservations import Changes, Reservation, changes, wanted_reservations
from bot.runners.slurm.runner import slurm_runner
from bot.runners.slurm.script import check_order, private_files, sbatch_words
from bot.runners.slurm.settings import SlurmSettings
from bot.runners.slurm.traces import Outcome, RunFolder, Trace

FOLDER = Path("/shared/gpubot-b142-1")
ROW = JobRow(12, "gpubot-b142-1", "alice", "RUNNING", "None", 0, 100, 200, 0, "n1")
MINUTE = timedelta(minutes=1)


def order(**others: object) -> WorkOrder:
    given = WorkOrder(
        key="gpubot-b142-1",
        booking=142,
        first=142,
        owner="U0ALICE",
        account="alice",
        team="vision",
        priority=Priority.P2,
        preemptible=True,
        job=Job(("python", "train.py", "--name", "it's $HOME"), env=(("API_KEY", "s3cret"),)),
        workers=(Worker(0, "gpu-01", (2, 3)),),
        ends_at=RECLAIM_AT,
        warning=30 * MINUTE,
        env=(("GPUBOT_TOKEN", "t0k3n"),),
    )
    return replace(given, **others)


def test_sbatch_is_told_what_everybody_may_see() -> None:
    settings = SlurmSettings(
        partition="gpu", account="lab", nodes={"gpu-01": "node17"}, arguments=("--mem-per-gpu=64G",)
    )
    words = sbatch_words(order(), settings, FOLDER, 3600, "gpubot_B142")
    assert words == [
        "--job-name=gpubot-b142-1",
        "--comment=gpubot B142, team vision",
        "--partition=gpu",
        "--account=lab",
        "--reservation=gpubot_B142",
        "--nodelist=node17",
        "--nodes=1",
        "--ntasks-per-node=1",
        "--gres=gpu:2",
        "--time=180",
        "--signal=B:USR1@1800",
        "--output=/shared/gpubot-b142-1/worker-0.log",
        "--open-mode=append",
        "--chdir=/shared/gpubot-b142-1",
        "--export=NONE",
        "--requeue",
        "--mem-per-gpu=64G",
        "/shared/gpubot-b142-1/job.sh",
        "/shared/gpubot-b142-1",
        "30",
        "0",
        "node17:0:1",
    ]


def test_a_booking_whose_end_has_passed_still_has_a_time_limit() -> None:
    words = sbatch_words(order(), SlurmSettings(overtime=timedelta()), FOLDER, -5, "")
    assert "--time=1" in words
    assert not any(word.startswith(("--reservation", "--partition")) for word in words)


def test_a_shell_reads_the_workers_file_as_it_was_meant() -> None:
    text = private_files(order(), SlurmSettings(), {"DB": "a'b\n$(c)"})["worker-0.env"]
    program = text.replace("exec python train.py", 'exec printf \'%s|\' "$DB" "$API_KEY"')
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "a'b\n$(c)|s3cret|--name|it's $HOME|"


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (Job(image="lab/yolo"), "no command"),
        (Job(("true",), folder="work"), "from / on"),
    ],
)
def test_what_can_be_no_slurm_job_is_refused(job: Job, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        check_order(order(job=job))


def test_a_controller_that_is_away_is_told_from_one_that_refuses() -> None:
    prefix = "sbatch: error: Batch job submission failed: "
    for said in (
        "Unable to contact slurm controller (connect failure)",
        "Socket timed out on send/recv operation",
        "Zero Bytes were transmitted or received",
        "Protocol authentication error",
    ):
        assert isinstance(error_of("sbatch", f"{prefix}{said}\n"), Unreachable)
    for said in ("Invalid node name specified", "Job violates accounting/QOS policy"):
        assert isinstance(error_of("sbatch", f"{prefix}{said}\n"), Refused)
    assert str(error_of("sbatch", "")) == "Slurm refuses: sbatch failed and did not say why"


def test_a_job_that_ends_before_it_is_told_to_needs_no_telling(tmp_path: Path) -> None:
    scancel = tmp_path / "scancel"
    slurm = Slurm(SlurmSettings(binaries=str(tmp_path)))
    for said in ("", "echo 'scancel: error: Kill job error: Invalid job id specified' >&2"):
        scancel.write_text(f"#!/bin/sh\n{said}\nexit 1\n")
        scancel.chmod(0o755)
        slurm.signal(7, "TERM")
        slurm.cancel(7)
    scancel.write_text("#!/bin/sh\necho 'Access/permission denied' >&2\nexit 1\n")
    with pytest.raises(Refused, match="permission denied"):
        slurm.cancel(7)
    scancel.write_text("#!/bin/sh\nkill -KILL $$\n")
    with pytest.raises(Unreachable, match="signal 9"):
        slurm.cancel(7)


def test_a_job_is_not_signalled_before_its_script_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = pwd.getpwuid(os.geteuid()).pw_name
    told: list[tuple[int, str]] = []
    monkeypatch.setattr(Slurm, "jobs", lambda _slurm, _names: [replace(ROW, user=me)])
    monkeypatch.setattr(Slurm, "signal", lambda _slurm, job, name: told.append((job, name)))
    runner = slurm_runner(SlurmSettings(), tmp_path)
    folder = RunFolder(tmp_path / ROW.name)
    folder.path.mkdir()
    folder.note("order.json", json.dumps({"user": me}))
    with pytest.raises(Unreachable, match="before its script has begun"):
        runner.warn(ROW.name, RECLAIM_AT, "P0 work")
    assert told == []
    folder.note("status", "100 started 12.0\n")
    runner.warn(ROW.name, RECLAIM_AT, "P0 work")
    assert told == [(12, "USR1")]


def test_a_warning_does_not_end_a_script_that_has_just_begun(tmp_path: Path) -> None:
    run, programs = tmp_path / "run", tmp_path / "bin"
    for folder in (run, programs):
        folder.mkdir()
    for name in ("job.sh", "worker.sh"):
        shutil.copy(files("bot.runners.slurm").joinpath(name), run)
    (run / "worker-0.env").write_text("exec true\n")
    # The script asks what time it is before it does anything else, and here it waits for that.
    date = programs / "date"
    date.write_text(
        f"#!/bin/sh\ntouch {tmp_path}/asked; until [ -e {tmp_path}/go ]; do sleep 0.01; done\n"
    )
    date.chmod(0o755)
    job = subprocess.Popen(
        ["bash", str(run / "job.sh"), str(run), "1", "0", "n1:0:1"],
        env={"PATH": f"{programs}:{os.environ['PATH']}", "SLURM_JOB_ID": "12"},
    )
    try:
        eventually((tmp_path / "asked").exists)
        job.send_signal(signal.SIGUSR1)
        (tmp_path / "go").touch()
        assert job.wait(PATIENCE_S) == 0
    finally:
        job.kill()
        job.wait()
    assert "ended 12.0 0" in (run / "status").read_text()


def test_what_slurm_complains_about_becomes_one_line() -> None:
    said = "sbatch: error: invalid partition specified: xx\nsbatch: error: Batch job failed\n\n"
    assert plain_text(said) == "invalid partition specified: xx; Batch job failed"


@pytest.mark.parametrize(
    ("state", "reason", "expected", "note"),
    [
        ("NODE_FAIL", "None", RunState.LOST, "its node failed"),
        ("TIMEOUT", "TimeLimit", RunState.STOPPED, "ended by Slurm at its time limit"),
        ("OUT_OF_MEMORY", "None", RunState.FAILED, "out of memory on the node"),
        ("PREEMPTED", "None", RunState.LOST, "ended by Slurm for other work"),
        ("FAILED", "BadConstraints", RunState.FAILED, "failed in Slurm: BadConstraints"),
        ("SOMETHING_NEW", "None", RunState.LOST, "ended in Slurm: SOMETHING_NEW"),
    ],
)
def test_every_end_in_slurm_has_its_meaning(
    state: str, reason: str, expected: RunState, note: str
) -> None:
    row = replace(ROW, state=state, reason=reason)
    outcome = outcome_of(row, Trace(job=12))
    assert outcome is not None
    seen = observation(None, Trace(job=12, outcome=outcome))
    assert seen is not None
    assert (seen.state, seen.note) == (expected, note)
    stopped = observation(None, Trace(job=12, outcome=outcome, stopped=True))
    assert stopped is not None
    assert (stopped.state, stopped.note) == (RunState.STOPPED, "")


@pytest.mark.parametrize("state", ["CONFIGURING", "RESIZING", "SUSPENDED", "COMPLETING"])
def test_a_job_that_has_its_gpus_goes_on(state: str) -> None:
    row = replace(ROW, state=state)
    assert outcome_of(row, Trace(job=12)) is None
    seen = observation(row, Trace(job=12, started=100, begun="12.0"))
    assert seen is not None
    assert seen.state is RunState.RUNNING


@pytest.mark.parametrize("state", ["CONFIGURING", "RUNNING"])
def test_a_job_whose_script_has_not_begun_still_waits(state: str) -> None:
    row = replace(ROW, state=state)
    seen = observation(row, Trace(job=12))
    assert seen is not None
    assert (seen.state, seen.is_trouble) == (RunState.PENDING, False)
    once_more = observation(replace(row, restarts=1), Trace(job=12, started=100, begun="12.0"))
    assert once_more == seen
    asked = observation(row, Trace(job=12, stopped=True))
    assert asked is not None
    assert asked.state is RunState.STOPPING


def test_a_job_that_slurm_has_forgotten_is_known_by_what_it_wrote(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "gpubot-b142-1")
    folder.path.mkdir()
    folder.note("job", "12")
    lost = observation(None, folder.trace())
    assert lost is not None
    assert (lost.state, lost.is_trouble) == (RunState.LOST, True)
    for lines, expected in (
        ("100 started 12.0\n160 ended 12.0 3\n", Outcome("FAILED", "None", 3, 100, 160)),
        ("100 started 12.0\n160 ended 12.0 0\n", Outcome("COMPLETED", "None", 0, 100, 160)),
        ("100 started 12.0\n160 ended 12.0 0 asked\n", Outcome("CANCELLED", "None", 0, 100, 160)),
        ("100 started 12.0\n160 ended 12.0 0 asked\n170 started 12.1\n", None),
        ("garbage\n100 started\nx ended 12.0 y\n", None),
    ):
        folder.note("status", lines)
        assert outcome_of(None, folder.trace()) == expected


def test_reasons_for_waiting_are_told_and_troubles_are_troubles() -> None:
    for reason, note, trouble in (
        ("Resources", "waiting for its GPUs to become free", False),
        ("JobHeldAdmin", "waiting in Slurm: JobHeldAdmin", True),
        ("launch failed requeued held", "waiting in Slurm: launch failed requeued held", True),
    ):
        seen = observation(replace(ROW, state="PENDING", reason=reason), Trace(job=12))
        assert seen is not None
        assert (seen.state, seen.note, seen.is_trouble) == (RunState.PENDING, note, trouble)
    again = observation(replace(ROW, restarts=3), Trace(job=12, started=100, begun="12.3"))
    assert again is not None
    assert again.note == "started again by Slurm, 3 times so far"


def test_a_log_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / "worker-0.log").write_text("mine")
    (tmp_path / "worker-1.log").symlink_to("/etc/passwd")
    (tmp_path / "worker-10.log").write_text("mine")
    (tmp_path / "worker-2.log").write_text("mine")
    assert [path.name for path in folder.logs()] == [
        "worker-0.log", "worker-2.log", "worker-10.log",
    ]  # fmt: skip


def test_only_what_differs_is_changed_and_a_start_that_has_passed_is_left() -> None:
    now = datetime(2030, 1, 1, 8, tzinfo=UTC)
    seconds = int(now.timestamp())
    hold = Hold(1, "alice", Window(now - MINUTE, now + 60 * MINUTE), (("n1", 2),))
    wanted = wanted_reservations([hold], SlurmSettings(), frozenset({"ops"}), now)
    one = wanted["gpubot_B1"]
    assert one.users == {"alice", "ops"}
    begun = replace(one, start=seconds - 60, end=one.end + 3)
    assert changes([begun], wanted, seconds) == Changes()
    longer = replace(begun, end=one.end - 600)
    assert changes([longer], wanted, seconds) == Changes(change=((one, False),))
    later = replace(begun, start=seconds + 600)
    assert changes([later], wanted, seconds) == Changes(change=((one, True),))
    gone = Reservation("gpubot_B2", 0, one.end, one.nodes, one.users)
    assert changes([begun, gone], wanted, seconds) == Changes(delete=("gpubot_B2",))

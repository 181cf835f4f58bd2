"""What is particular to runs on this host: processes, environments, accounts, lost supervisors."""

from __future__ import annotations

import json
import os
import pwd
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from runners.contract import RECLAIM_AT, Program, Run, run_in
from runners.local_lab import AROUND, LocalLab, local_lab
from runners.waiting import eventually

import bot
from bot.domain.job import Job
from bot.domain.run import RunState, Worker
from bot.runners.local import records
from bot.runners.local.processes import find, tell
from bot.runners.local.runner import LocalRunner, local_runner
from bot.runners.local.settings import LocalSettings
from bot.runners.protocol import Refused, Unreachable

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may run something as another")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LocalLab]:
    with local_lab(tmp_path) as lab:
        yield lab


def running(lab: LocalLab, *words: str, **job: object) -> Run:
    """A run of that command, which was not started yet."""
    run = run_in(lab)
    plain = {"command": words, "checkpoints": "", "checkpoint": ""}
    return Run(lab, replace(run.order, job=replace(run.order.job, **(plain | job))))


def started(run: Run) -> Run:
    run.lab.runner.start(run.order)
    return run


def shell(lab: LocalLab, script: str, **job: object) -> Run:
    return started(running(lab, "/bin/sh", "-c", script, **job))


def supervisor(lab: LocalLab, run: Run) -> int:
    found = records.started(lab.kept / run.key)
    assert found is not None
    return found.supervisor


def kill_supervisor(lab: LocalLab, run: Run) -> None:
    pid = supervisor(lab, run)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: find(pid) is None)


def test_a_run_sees_its_gpus_and_nothing_of_gpubots_own_environment(lab: LocalLab) -> None:
    run = run_in(lab)
    order = replace(run.order, workers=(Worker(0, "gpu-01", (1, 3)),))
    run = Run(lab, replace(order, job=replace(order.job, env=(("SEED", "7"),)))).start()
    found = lab.environment(run.key)
    assert found["CUDA_VISIBLE_DEVICES"] == "1,3"
    assert found["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert (found["SEED"], found["GPUBOT_BOOKING"]) == ("7", run.order.label)
    assert found["PATH"] == AROUND["PATH"]
    assert found["HOME"] == pwd.getpwuid(os.geteuid()).pw_dir
    assert not {"SLACK_BOT_TOKEN", "GPUBOT_CONFIG", "PYTHONPATH"} & set(found)


def test_what_is_kept_of_a_run_is_gpubots_alone(lab: LocalLab) -> None:
    run = run_in(lab).start()
    lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
    lab.runner.stop(run.key, "its time is over")
    run.comes_to(RunState.STOPPED)
    kept = [lab.kept / run.key, *(lab.kept / run.key).iterdir()]
    assert len(kept) > 5
    assert [path for path in kept if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"command": ("no-such-program",)}, "there is no program no-such-program"),
        ({"command": ("/etc/passwd",)}, "the program /etc/passwd may not be run"),
        ({"command": ()}, "there is no command to run"),
        ({"command": ("true", "a\0b")}, "a character that no program can be given"),
        ({"folder": "/no/such/folder"}, "there is no folder /no/such/folder"),
        ({"folder": "somewhere"}, "has to be named from / on"),
        ({"secrets": (("KEY", "../../etc/passwd"),)}, "is no secret's name"),
        ({"secrets": (("KEY", "vault/nothing"),)}, "there is no secret vault/nothing"),
    ],
)
def test_what_can_never_be_started_is_refused_and_leaves_nothing(
    lab: LocalLab, job: dict[str, object], said: str
) -> None:
    run = running(lab, "true", **job)
    with pytest.raises(Refused, match=said):
        lab.runner.start(run.order)
    assert lab.left_of(run.key) in ([], [str(lab.folder / run.key)])
    assert list(lab.kept.iterdir()) == []
    lab.runner.start(replace(run.order, job=Job(("true",))))
    run.comes_to(RunState.SUCCEEDED)


def test_one_worker_that_cannot_start_leaves_no_other(lab: LocalLab) -> None:
    order = run_in(lab, workers=2).order
    (lab.folder / "program-0").symlink_to("/bin/sh")
    job = Job((str(lab.folder / "program-{worker}"), "-c", "exec sleep 600"))
    run = Run(lab, replace(order, job=job))
    with pytest.raises(Refused, match="there is no program"):
        lab.runner.start(run.order)
    eventually(lambda: processes_of(lab, run) == [])


def test_a_node_that_is_another_server_is_refused(lab: LocalLab) -> None:
    run = run_in(lab)
    order = replace(run.order, workers=(Worker(0, "gpu-09", (0,)),))
    with pytest.raises(Refused, match="gpu-09 is another server; this one is gpu-01, gpu-02"):
        lab.runner.start(order)


def test_a_program_that_the_shell_does_not_find_is_told_of(lab: LocalLab) -> None:
    run = shell(lab, "no-such-program-of-ours")
    seen = run.comes_to(RunState.FAILED)
    assert (seen.exit_code, seen.note) == (127, "exit status 127: its program was not found")


def test_a_run_that_somebody_else_killed_has_failed_and_says_so(lab: LocalLab) -> None:
    run = shell(lab, "kill -9 $$")
    seen = run.comes_to(RunState.FAILED)
    assert seen.exit_code == 137
    assert "SIGKILL" in seen.note


def test_it_resumes_where_there_is_a_checkpoint(lab: LocalLab, tmp_path: Path) -> None:
    (tmp_path / "last.pt").touch()
    run = started(
        running(
            lab,
            *("echo", "anew"),
            resume=("echo", "from", "{checkpoint}"),
            checkpoints=str(tmp_path),
            checkpoint="{checkpoints}/last.pt",
        )
    )
    run.comes_to(RunState.SUCCEEDED)
    assert run.words() == f"from {tmp_path}/last.pt\n"


def test_a_training_is_warned_stopped_and_resumed(lab: LocalLab, tmp_path: Path) -> None:
    words = (
        *(sys.executable, "-m", "bot.demo_training", "--checkpoints", "{checkpoints}"),
        *("--epochs", "3", "--resume", "--seconds"),
    )
    job: dict[str, object] = {
        "checkpoints": str(tmp_path / "{first}"),
        "checkpoint": "{checkpoints}/last.json",
        "env": (("PYTHONPATH", str(Path(bot.__file__).parents[1])),),
    }
    run = running(lab, *words, "600", **job)
    folder = tmp_path / run.order.label
    folder.mkdir()
    (folder / "last.json").write_text('{"epoch": 1}')
    started(run).writes("resumed after epoch 1 on GPUs 0")
    lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
    run.writes("warned: checkpoint of epoch 1 saved")
    lab.runner.stop(run.key, "P0 work")
    seen = run.comes_to(RunState.STOPPED)
    assert seen.checkpoint is not None
    assert (seen.exit_code, seen.checkpoint.path) == (143, str(folder / "last.json"))
    again = running(lab, *words, "0", **job)
    again = started(Run(lab, replace(again.order, first=run.order.booking)))
    again.comes_to(RunState.SUCCEEDED)
    assert "resumed after epoch 1" in again.words()
    assert again.words().endswith("finished after 3 epochs\n")


def test_what_a_run_left_in_other_sessions_ends_with_it(lab: LocalLab) -> None:
    script = "setsid sleep 601 & (setsid sh -c 'sleep 602 & sleep 603' &) ; echo ready; sleep 1000"
    run = shell(lab, script)
    run.writes("ready")
    eventually(lambda: len(processes_of(lab, run)) >= 5, lambda: str(lab.left_of(run.key)))
    lab.runner.stop(run.key, "its time is over")
    run.comes_to(RunState.STOPPED)
    assert processes_of(lab, run) == []


def test_what_a_run_leaves_behind_when_it_ends_by_itself_ends_too(lab: LocalLab) -> None:
    run = shell(lab, "nohup setsid sleep 601 >/dev/null 2>&1 & echo done")
    run.comes_to(RunState.SUCCEEDED)
    assert processes_of(lab, run) == []


def processes_of(lab: LocalLab, run: Run) -> list[str]:
    return [left for left in lab.left_of(run.key) if "Process" in left]


FAMILY = """
import os, signal, sys, time
def heard(number, frame):
    os.write(1, b"%d heard by the %s\\n" % (number, who))
    if number == signal.SIGTERM:
        sys.exit(0)
who = b"parent"
signal.signal(signal.SIGUSR1, heard)
signal.signal(signal.SIGTERM, heard)
if os.fork() == 0:
    who = b"loader"
    os.write(1, b"ready\\n")
while True:
    time.sleep(0.05)
"""


def test_a_programs_own_helpers_are_left_to_it(lab: LocalLab) -> None:
    run = started(running(lab, sys.executable, "-S", "-c", FAMILY))
    run.writes("ready")
    lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
    run.writes("10 heard by the parent")
    lab.runner.stop(run.key, "its time is over")
    run.comes_to(RunState.STOPPED)
    # The loader is asked once its parent has gone: nobody else answers for it then.
    heard = ["ready", "10 heard by the parent", "15 heard by the parent", "15 heard by the loader"]
    assert run.words().splitlines() == heard


def test_a_later_warning_is_heard_as_well(lab: LocalLab) -> None:
    run = run_in(lab).start()
    lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
    run.writes("warned")
    lab.runner.warn(run.key, RECLAIM_AT + timedelta(minutes=10), "P0 work")
    eventually(lambda: run.words().count("warned") == 2, run.words)


def test_a_halted_run_can_be_ended(lab: LocalLab) -> None:
    run = run_in(lab).start()
    (pid,) = lab.pids(run.key)
    os.kill(pid, signal.SIGSTOP)
    lab.runner.stop(run.key, "its time is over")
    run.comes_to(RunState.STOPPED)
    assert "saved" in run.words()


def test_a_run_whose_supervisor_was_killed_is_watched_again(lab: LocalLab) -> None:
    run = run_in(lab, Program.STUBBORN, grace=timedelta(seconds=1)).start()
    before = supervisor(lab, run)
    kill_supervisor(lab, run)
    lab.restart()
    eventually(lambda: run.look().state is RunState.RUNNING and supervisor(lab, run) != before)
    lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
    run.writes("warned")
    lab.runner.stop(run.key, "its time is over")
    assert run.comes_to(RunState.STOPPED).note == "killed: it had not ended after 1 s"
    assert processes_of(lab, run) == []


def test_how_a_run_ended_that_nobody_watched_is_not_made_up(lab: LocalLab) -> None:
    run = run_in(lab).start()
    kill_supervisor(lab, run)
    lab.finish(run.key, 0)
    (pid,) = lab.pids(run.key)
    eventually(lambda: find(pid) is None)
    seen = run.comes_to(RunState.LOST)
    assert (seen.note, seen.exit_code) == ("it ended, and nobody saw how", None)


def test_a_stop_whose_supervisor_is_killed_is_completed_by_the_next(lab: LocalLab) -> None:
    run = run_in(lab, Program.STUBBORN, grace=timedelta(seconds=1)).start()
    lab.runner.stop(run.key, "its time is over")
    kill_supervisor(lab, run)
    run.comes_to(RunState.STOPPED)


def test_signals_for_a_whole_host_do_not_end_a_supervisor(lab: LocalLab) -> None:
    run = run_in(lab).start()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(supervisor(lab, run), number)
    lab.finish(run.key, 3)
    assert run.comes_to(RunState.FAILED).exit_code == 3


def test_a_run_is_lost_when_its_server_was_restarted(lab: LocalLab) -> None:
    run = run_in(lab).start()
    path = lab.kept / run.key / records.STATE
    whole = path.read_text()
    path.write_text(json.dumps(json.loads(whole) | {"boot": "another"}))
    seen = run.look()
    assert (seen.state, seen.note) == (RunState.LOST, "the server was restarted")
    lab.runner.stop(run.key, "its time is over")
    path.write_text(whole)
    assert run.look().state is RunState.RUNNING


def test_a_number_that_another_process_has_now_is_not_signalled() -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        found = find(process.pid)
        assert found is not None
        assert not tell(replace(found, start=found.start - 1), signal.SIGKILL)
        assert process.poll() is None
        assert tell(found, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not tell(found, signal.SIGKILL)


def test_a_folder_that_is_away_ends_nothing(lab: LocalLab) -> None:
    run = run_in(lab).start()
    away = lab.kept.rename(lab.kept.with_name("away"))
    assert lab.runner.problem() is None
    with pytest.raises(Unreachable, match="cannot read how runs stand"):
        lab.runner.observe([run.key])
    away.rename(lab.kept)
    assert run.look().state is RunState.RUNNING


def test_a_disk_without_room_is_told_and_tried_again(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=3", "none", str(full)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a disk without room cannot be made here")
    try:
        (tmp_path / "lab").mkdir()
        with local_lab(tmp_path / "lab") as lab:
            run = run_in(lab)
            runner = LocalRunner(lab.settings, full, None, AROUND)
            with pytest.raises(Unreachable, match="No space left on device"):
                runner.start(run.order)
            assert runner.observe([run.key]) == {}
            assert processes_of(lab, run) == []
    finally:
        subprocess.run(["umount", str(full)], check=True)


def test_a_folder_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "runs"
    runner = LocalRunner(LocalSettings(("gpu-01",)), folder, None, AROUND)
    assert runner.problem() == f"{folder}: Not a directory"
    with pytest.raises(Unreachable, match="Not a directory"):
        runner.observe(["gpubot-b1-1"])


def test_the_node_is_the_one_named_like_this_host_or_the_only_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "GPU-02.lab.example")

    def problem(*nodes: str, settings: LocalSettings | None = None) -> str | None:
        used = settings or LocalSettings()
        return local_runner(used, tmp_path / "runs", None, nodes, AROUND).problem()

    assert problem("gpu-01", "gpu-02") is None
    assert problem("gpu-07") is None
    assert "set runner.local.nodes" in str(problem("gpu-01", "gpu-03"))
    assert problem("gpu-01", "gpu-03", settings=LocalSettings(("gpu-03",))) is None


@root
def test_a_run_can_be_its_owners_own(tmp_path: Path) -> None:
    with local_lab(tmp_path, run_as="owner") as lab:
        run = running(lab, "/bin/sh", "-c", "id -un; echo $HOME $USER")
        with pytest.raises(Refused, match="which account of this server the owner has"):
            lab.runner.start(run.order)
        with pytest.raises(Refused, match="this server has no account nobody-here"):
            lab.runner.start(replace(run.order, account="nobody-here"))
        with pytest.raises(Refused, match="not started as root"):
            lab.runner.start(replace(run.order, account="root"))
        lab.runner.start(replace(run.order, account="nobody"))
        run.comes_to(RunState.SUCCEEDED)
        home = pwd.getpwnam("nobody").pw_dir
        assert run.words().splitlines() == ["nobody", f"{home} nobody"]


@root
def test_runs_of_another_account_are_warned_and_ended_too(tmp_path: Path) -> None:
    with local_lab(tmp_path, run_as="nobody") as lab:
        script = "trap 'echo warned' USR1; trap 'echo saved; exit' TERM; echo ready; "
        run = shell(lab, script + "while :; do sleep 0.1; done")
        run.writes("ready")
        lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
        run.writes("warned")
        lab.runner.stop(run.key, "its time is over")
        run.comes_to(RunState.STOPPED)
        assert run.words().splitlines() == ["ready", "warned", "saved"]


def test_times_are_the_machines_own(lab: LocalLab) -> None:
    before = datetime.now(UTC)
    run = shell(lab, "exit 0")
    seen = run.comes_to(RunState.SUCCEEDED)
    assert seen.started_at is not None
    assert seen.ended_at is not None
    assert before <= seen.started_at <= seen.ended_at <= datetime.now(UTC)


def test_what_was_left_half_removed_is_removed_when_asked_again(lab: LocalLab) -> None:
    left = lab.kept / ".gone-gpubot-b7-1"
    left.mkdir(parents=True)
    (left / "worker-0.log").write_text("what nobody is to keep\n")
    lab.runner.forget("gpubot-b7-1")
    assert not left.exists()


@pytest.mark.parametrize("damage", ['{"boot": "', "[]", '{"boot": 1}', ""])
def test_a_damaged_record_hides_neither_its_run_nor_the_others(lab: LocalLab, damage: str) -> None:
    run, other = run_in(lab).start(), run_in(lab).start()
    run.comes_to(RunState.RUNNING)
    (lab.kept / run.key / "state.json").write_text(damage)
    seen = lab.runner.observe({run.key, other.key})
    assert seen[run.key].state is RunState.RUNNING
    assert other.key in seen
    assert (lab.kept / run.key / "state.json.damaged").read_text() == damage
    lab.runner.stop(run.key, "its time is over")
    run.comes_to(RunState.STOPPED)

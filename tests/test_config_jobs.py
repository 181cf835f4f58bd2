"""`[[jobs]]` and `[runner]`: what is good is read, and what is bad is named."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from bot.config.problems import load_config, read_text
from bot.config.settings import ConfigError
from bot.domain.job import Job, JobTemplate, Volume, VolumeKind
from bot.domain.run_rules import RunnerKind
from bot.domain.yolo import SHIPPED, YOLO_TRAIN

GOOD = """
[cluster]
timezone = "Asia/Shanghai"
[policy]
host_paths = ["/mnt/data"]
[[nodes]]
name = "gpu-01"
gpus = 4
model = "V100"
[[teams]]
name = "vision"
channel = "C0VISION"
"""
FINE_TUNE = """
[[jobs]]
name = "fine-tune"
summary = "fine-tunes"
image = "lab/train:1"
command = ["python", "train.py", "--lr", "{lr0}", "--data", "{data}"]
resume = ["python", "train.py", "--resume", "{checkpoint}"]
required = ["data"]
parameters = { lr0 = 0.01 }
checkpoints = "/ck/{first}"
checkpoint = "{checkpoints}/last.pt"
env = { OMP_NUM_THREADS = 8 }
secrets = { WANDB_API_KEY = "wandb/api-key" }
volumes = [
  { claim = "data", mount = "/data", read_only = true },
  { host = "/mnt/data/x", mount = "/x" },
  { nfs = "nas:/export", mount = "/nas" },
]
workers = 2
folder = "/work"
grace = "90s"
"""


def problems_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read_text(text, "gpubot.toml")
    return "\n".join(caught.value.problems)


def test_templates_and_the_runner_are_read(tmp_path: Path) -> None:
    file = tmp_path / "gpubot.toml"
    runner = '[runner]\nkind = "slurm"\nfolder = "/srv/runs"\ncommands = "any"\n'
    file.write_text(f'{GOOD}{FINE_TUNE}{runner}users = {{ U0ALICE = "alice" }}\n')
    cluster, edges = load_config(file)
    assert cluster.jobs == (
        JobTemplate(
            name="fine-tune",
            summary="fine-tunes",
            parameters=(("data", None), ("lr0", "0.01")),
            job=Job(
                command=("python", "train.py", "--lr", "{lr0}", "--data", "{data}"),
                image="lab/train:1",
                resume=("python", "train.py", "--resume", "{checkpoint}"),
                checkpoints="/ck/{first}",
                checkpoint="{checkpoints}/last.pt",
                env=(("OMP_NUM_THREADS", "8"),),
                secrets=(("WANDB_API_KEY", "wandb/api-key"),),
                volumes=(
                    Volume(VolumeKind.CLAIM, "data", "/data", read_only=True),
                    Volume(VolumeKind.HOST, "/mnt/data/x", "/x"),
                    Volume(VolumeKind.NFS, "/export", "/nas", "nas"),
                ),
                workers=2,
                folder="/work",
                grace=timedelta(seconds=90),
            ),
        ),
        *SHIPPED,
    )
    assert cluster.runs.kind is RunnerKind.SLURM
    assert cluster.runs.own_commands
    assert cluster.runs.account("U0ALICE") == "alice"
    assert cluster.runs.checkpoints == "/srv/runs/checkpoints"
    assert edges.runner.folder == Path("/srv/runs")


def test_a_template_of_the_same_name_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    file = tmp_path / "gpubot.toml"
    file.write_text(f'{GOOD}[[jobs]]\nname = "YOLO-train"\ncommand = ["yolo"]\n')
    (found,) = load_config(file)[0].jobs
    assert found.job.command == ("yolo",)
    assert YOLO_TRAIN.name == "yolo-train"


@pytest.mark.parametrize(
    ("kind", "checkpoints"), [("off", "runs/checkpoints"), ("kubernetes", "/checkpoints")]
)
def test_where_jobs_are_off_there_are_none(tmp_path: Path, kind: str, checkpoints: str) -> None:
    file = tmp_path / "gpubot.toml"
    file.write_text(f'{GOOD}[runner]\nkind = "{kind}"\n')
    cluster, edges = load_config(file)
    assert edges.runner.kind == kind
    assert (cluster.jobs == ()) == (kind == "off")
    assert cluster.runs.checkpoints.endswith(checkpoints)


def test_the_template_in_the_readme_is_a_good_one() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (shown,) = (
        block
        for block in re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
        if "[[jobs]]" in block
    )
    rest = GOOD.replace('[policy]\nhost_paths = ["/mnt/data"]\n', "")
    (found,) = read_text(rest + shown, "README.md").jobs
    assert found.required == ("data",)


def test_a_parameter_may_stand_behind_a_script() -> None:
    good = """
[[jobs]]
name = "x"
command = ["bash", "-c", 'train --data "$1" --out {checkpoints} --gpus {gpus}', "train", "{data}"]
required = ["data"]
checkpoints = "{first}"
"""
    (found,) = read_text(GOOD + good, "gpubot.toml").jobs
    assert found.command[-1] == "{data}"


JOB = '\n[[jobs]]\nname = "x"\n'
WRONG = {
    JOB: "jobs[1]: found neither command nor image",
    JOB + 'command = ["{dat}"]': "jobs[1].command: found {dat}; allowed in braces: booking,",
    JOB + 'command = ["a"]\nrequired = ["data"]': 'found "data", which no word uses as {data}',
    JOB + 'command = ["{a}"]\nrequired = ["a"]\nparameters = { a = "1" }': "which has a default",
    JOB + 'command = ["{gpus}"]\nrequired = ["gpus"]': "a meaning of its own",
    JOB + 'command = ["sh", "-c", "x {a}"]\nrequired = ["a"]': "{a} in a shell's script",
    JOB + 'command = ["/bin/bash", "-e", "-uc", "x {a}"]\nrequired = ["a"]': "{a} in a shell's",
    JOB + 'command = ["bash", "-c", "ls {checkpoints}"]\nrequired = ["a"]\n'
    'checkpoints = "/x/{a}"': "found {checkpoints} in a shell's script",
    JOB + 'command = ["a"]\nresume = ["b"]': "jobs[1].resume: found words, but no checkpoint",
    JOB + 'image = "a"\nresume = ["b"]\ncheckpoint = "c"': "but no command",
    JOB + 'command = ["a"]\ncheckpoint = "{checkpoints}/x"': "but no such folder",
    JOB + 'command = ["a"]\nenv = { GPUBOT_X = "1" }': "which gpubot sets itself",
    JOB + 'command = ["a"]\nenv = { A = "1" }\nsecrets = { A = "b/c" }': "which env has too",
    JOB + 'command = ["a"]\nenv = { A = ["hidden"] }': "jobs[1].env.A (x): found something else",
    JOB + 'command = ["a"]\nsecrets = { A = "b" }': "jobs[1].secrets.A (x)",
    JOB + 'command = ["a"]\nvolumes = [{ mount = "/x" }]': "allowed: one of claim, host and nfs",
    JOB + 'command = ["a"]\nvolumes = [{ claim = "a", mount = "x" }]': "begins with /",
    JOB + 'command = ["a"]\nvolumes = [{ host = "/etc", mount = "/x" }]': "allowed: /mnt/data",
    JOB + 'command = ["a"]\nvolumes = [{ host = "/mnt/data/../../etc", mount = "/x" }]': "/mnt/da",
    JOB + 'command = ["a"]\nvolumes = [{ nfs = "x", mount = "/x" }]': "server:/data",
    JOB + 'command = ["a"]\nvolumes = [{ claim = "a", mount = "/x" },'
    ' { claim = "b", mount = "/x/" }]': "twice; allowed: a path of its own",
    JOB + 'command = ["a"]\ngrace = "1h"': 'a duration up to "30m"',
    JOB + 'command = ["a"]\nworkers = 0': "from 1 to 64",
    JOB + 'command = ["{B}"]\nparameters = { B = "1" }': "jobs[1].parameters",
    '\n[[jobs]]\nname = "None"\ncommand = ["a"]': "jobs[1].name: found a word that",
    JOB + 'command = ["a"]\nenv = { "A B" = "1" }': 'jobs[1].env.A B (x): found "A B"',
    JOB + 'comand = ["a"]': "did you mean command?",
    f'{JOB}command = ["a"]{JOB.replace("x", "X")}command = ["a"]': 'the name "x" 2 times',
    '[runner]\nkind = "docker"': '"local", "slurm", "kubernetes" or "off"',
    '[runner]\nusers = { U0A = "root" }': "runner.users.U0A",
    '[runner]\nusers = { alice = "alice" }': "runner.users",
    '[runner.local]\nnodes = ["gpu-99"]': 'nodes[1]: found "gpu-99"; allowed: gpu-01',
    '[runner]\ncommands = "all"': '"templates", or "any"',
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named(text: str) -> None:
    found = problems_of(GOOD + text)
    assert WRONG[text] in found
    assert len(set(found.splitlines())) == len(found.splitlines())
    assert "hidden" not in found

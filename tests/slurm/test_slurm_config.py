"""The table `[runner.slurm]` of the configuration file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.config.problems import load_config
from bot.config.settings import ConfigError
from bot.domain.run_rules import RunnerKind
from bot.runners.slurm.settings import SlurmSettings, SubmitAs

FILE = """
[cluster]
timezone = "UTC"
[[nodes]]
name = "gpu-01"
gpus = 4
model = "V100"
[[teams]]
name = "vision"
channel = "C0VISION"
[runner]
kind = "slurm"
"""
TABLE = """
[runner.slurm]
partition = "gpu"
account = "lab"
submit_as = "gpubot"
reserve = false
reserve_ahead = "2d"
users = ["ops"]
overtime = "30m"
arguments = ["--cpus-per-gpu=8"]
nodes = { "gpu-01" = "node17" }
binaries = "/opt/slurm/bin"
conf = "/etc/slurm/lab.conf"
timeout = 20
"""


def settings(folder: Path, text: str) -> SlurmSettings:
    file = folder / "gpubot.toml"
    file.write_text(text)
    edges = load_config(file)[1]
    assert edges.runner.kind is RunnerKind.SLURM
    return edges.runner.slurm


def test_every_key_has_its_meaning(tmp_path: Path) -> None:
    found = settings(tmp_path, FILE + TABLE)
    assert found == SlurmSettings(
        partition="gpu",
        account="lab",
        submit_as=SubmitAs.GPUBOT,
        reserve=False,
        reserve_ahead=timedelta(days=2),
        users=("ops",),
        overtime=timedelta(minutes=30),
        arguments=("--cpus-per-gpu=8",),
        nodes={"gpu-01": "node17"},
        binaries="/opt/slurm/bin",
        conf="/etc/slurm/lab.conf",
        timeout=20.0,
    )
    assert (found.node("gpu-01"), found.node("gpu-02")) == ("node17", "gpu-02")


def test_every_key_may_be_left_out(tmp_path: Path) -> None:
    assert settings(tmp_path, FILE) == SlurmSettings()


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ('partition = "a b"', 'a partition such as "gpu"'),
        ('submit_as = "root"', '"owner" or "gpubot"'),
        ('users = ["Ops Team"]', "a list of accounts on the servers"),
        ('nodes = { "gpu-01" = "n[1-2]" }', 'a table such as { "gpu-01" = "node17" }'),
        ("timeout = 0", "seconds, from 1 to 120"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, line: str, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, f"{FILE}[runner.slurm]\n{line}\n")
    (problem,) = caught.value.problems
    assert allowed in problem

"""`gpubot check` and Slurm: what is missing is said, with what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from slurm.cluster import SlurmCluster

from bot.domain.cluster import Node
from bot.runners.slurm.checking import look_at_slurm
from bot.runners.slurm.settings import SlurmSettings


def said(settings: SlurmSettings, *nodes: Node) -> list[tuple[bool | None, str]]:
    return list(look_at_slurm(settings, Path("/shared/runs"), nodes))


def test_a_cluster_as_configured_is_well(slurm: SlurmCluster) -> None:
    settings = SlurmSettings(conf=str(slurm.conf), partition="gpu", nodes={"gpu-02": "n2"})
    findings = said(settings, Node("n1", 4, "V100"), Node("gpu-02", 4, "V100"))
    assert [ok for ok, _ in findings] == [True, True, True]
    assert "2 nodes" in findings[1][1]


def test_what_slurm_lacks_is_said(slurm: SlurmCluster) -> None:
    settings = SlurmSettings(conf=str(slurm.conf), partition="fast")
    findings = said(settings, Node("n1", 8, "V100"), Node("gpu-02", 4, "V100"))
    assert [text for ok, text in findings if ok is False] == [
        "Slurm: there is no partition fast; there are: gpu, above",
        "Slurm: n1 has 4 GPUs (gres/gpu) there, and 8 here",
        "Slurm: there is no node gpu-02; runner.slurm.nodes can give gpu-02 another",
    ]


def test_commands_that_are_not_there_are_said() -> None:
    findings = said(replace(SlurmSettings(), binaries="/nowhere"), Node("n1", 4, "V100"))
    assert findings[-1] == (False, "Slurm: sinfo cannot be run: No such file or directory")


def test_who_runs_jobs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    finding = said(SlurmSettings(binaries="/nowhere"))[0]
    assert finding[0] is None
    assert "as its own account" in finding[1]

"""The Slurm runner does what every runner does, over a real controller and real nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from runners.contract import RunnerContract
from slurm.cluster import SlurmCluster
from slurm.lab import SlurmLab, slurm_lab


@pytest.fixture
def lab(slurm: SlurmCluster, tmp_path: Path) -> Iterator[SlurmLab]:
    with slurm_lab(slurm, tmp_path) as lab:
        yield lab


class TestSlurm(RunnerContract):
    """See the contract."""

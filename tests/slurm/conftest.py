"""The lab of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm.cluster import SlurmCluster

pytest.register_assert_rewrite("runners.contract")


@pytest.fixture
def lab(slurm: SlurmCluster, tmp_path: Path) -> Iterator[object]:
    from slurm.lab import slurm_lab

    with slurm_lab(slurm, tmp_path) as lab:
        yield lab

"""The Kubernetes runner does what every runner does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from runners.contract import RunnerContract
from runners.kubernetes_lab import KubernetesLab, kubernetes_lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[KubernetesLab]:
    with kubernetes_lab(tmp_path) as lab:
        yield lab


class TestKubernetes(RunnerContract):
    """See the contract."""

"""The local runner does what every runner does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from runners.contract import RunnerContract
from runners.local_lab import LocalLab, local_lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LocalLab]:
    with local_lab(tmp_path) as lab:
        yield lab


class TestLocal(RunnerContract):
    """See the contract."""

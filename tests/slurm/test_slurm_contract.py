"""The Slurm runner does what every runner does, over a real controller and real nodes."""

from __future__ import annotations

from runners.contract import RunnerContract


class TestSlurm(RunnerContract):
    """See the contract; the lab is in conftest.py."""

"""What the configuration says about the runner: the table `[runner]`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bot.domain.run_rules import RunnerKind
from bot.runners.kubernetes.settings import KubernetesSettings
from bot.runners.local.settings import LocalSettings
from bot.runners.slurm.settings import SlurmSettings


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """What starts jobs, and where it keeps what it needs."""

    kind: RunnerKind = RunnerKind.LOCAL
    #: Where the state and the logs of runs are kept.
    folder: Path = Path("runs")
    #: Where the values of secrets lie, in files called secret/key; None: there are none.
    secrets: Path | None = None
    local: LocalSettings = field(default_factory=LocalSettings)
    kubernetes: KubernetesSettings = field(default_factory=KubernetesSettings)
    slurm: SlurmSettings = field(default_factory=SlurmSettings)

"""The table `[runner]`: what starts the jobs of bookings, and where it keeps what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bot.config.runner_kubernetes import KubernetesTable, to_kubernetes_settings
from bot.config.runner_local import LocalTable, to_local_settings
from bot.config.runner_slurm import SlurmTable, to_slurm_settings
from bot.config.tables import Table
from bot.config.values import UserId
from bot.domain.run_rules import RunnerKind, RunRules, is_account
from bot.runners.settings import RunnerSettings

#: Where pods find the volume for checkpoints, unless the configuration says otherwise.
POD_CHECKPOINTS = "/checkpoints"


def _account(name: str) -> str:
    if not is_account(name):
        raise ValueError("not an account")
    return name


Account = Annotated[
    str, AfterValidator(_account), Field(json_schema_extra={"pattern": "^[a-z_][a-z0-9_-]{0,31}$"})
]


class RunnerTable(Table):
    """The table `[runner]`."""

    kind: RunnerKind = Field(
        default=RunnerKind.LOCAL,
        strict=False,
        description='"local", "slurm", "kubernetes" or "off"',
    )
    folder: str = Field(
        default="runs", min_length=1, description="a folder for the state and logs of runs"
    )
    checkpoints: str | None = Field(
        default=None, min_length=1, description="a folder that every node has, for checkpoints"
    )
    secrets: str | None = Field(
        default=None, min_length=1, description="a folder with a file for each secret/key"
    )
    commands: Literal["templates", "any"] = Field(
        default="templates", description='"templates", or "any" to let people run what they like'
    )
    users: dict[UserId, Account] = Field(
        default={}, description='a table of Slack user ids and accounts: { U0ALICE = "alice" }'
    )
    local: LocalTable = Field(default=LocalTable(), description="a table")
    kubernetes: KubernetesTable = Field(default=KubernetesTable(), description="a table")
    slurm: SlurmTable = Field(default=SlurmTable(), description="a table")

    @property
    def learns_nodes(self) -> bool:
        """Whether the nodes are those of a Kubernetes cluster, and not the file's."""
        return self.kind is RunnerKind.KUBERNETES and self.kubernetes.nodes == "cluster"


def to_run_rules(table: RunnerTable) -> RunRules:
    """What the rules need to know of it."""
    return RunRules(
        kind=table.kind,
        own_commands=table.commands == "any",
        users=dict(table.users),
        checkpoints=_checkpoints(table),
    )


def _checkpoints(table: RunnerTable) -> str:
    if table.checkpoints is None and table.kind is RunnerKind.KUBERNETES:
        return POD_CHECKPOINTS
    folder = table.checkpoints or str(Path(table.folder) / "checkpoints")
    return str(Path(folder).absolute())


def to_runner_settings(table: RunnerTable, host_paths: tuple[str, ...]) -> RunnerSettings:
    """What the runner itself needs; `host_paths` are folders of nodes that jobs may use."""
    return RunnerSettings(
        kind=table.kind,
        folder=Path(table.folder).absolute(),
        secrets=None if table.secrets is None else Path(table.secrets).absolute(),
        local=to_local_settings(table.local),
        kubernetes=to_kubernetes_settings(table.kubernetes, _checkpoints(table), host_paths),
        slurm=to_slurm_settings(table.slurm),
    )

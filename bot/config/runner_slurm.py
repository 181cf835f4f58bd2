"""The table `[runner.slurm]`: the Slurm cluster that jobs go to, and what is reserved there."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from bot.config.tables import Table
from bot.config.values import Longest, UpToADay, Word
from bot.runners.slurm.settings import SlurmSettings, SubmitAs

#: A name of Slurm's, which stands in its commands' words.
Name = Annotated[str, Field(pattern=r"^[\w.+-]*$", max_length=63)]
NodeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=253)]
UnixName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_.-]{0,31}\$?$")]
_DEFAULTS = SlurmSettings()


class SlurmTable(Table):
    """The table `[runner.slurm]`."""

    partition: Name = Field(default="", description='a partition such as "gpu"')
    account: Name = Field(default="", description='an account of Slurm such as "lab"')
    submit_as: SubmitAs = Field(
        default=_DEFAULTS.submit_as, strict=False, description='"owner" or "gpubot"'
    )
    reserve: bool = Field(default=_DEFAULTS.reserve, description="true or false")
    reserve_ahead: Longest = Field(
        default=_DEFAULTS.reserve_ahead, description='a duration such as "24h"'
    )
    users: tuple[UnixName, ...] = Field(
        default=(), strict=False, description="a list of accounts on the servers"
    )
    overtime: UpToADay = Field(default=_DEFAULTS.overtime, description='a duration up to "1d"')
    arguments: tuple[str, ...] = Field(
        default=(), strict=False, description='a list of words such as "--cpus-per-gpu=8"'
    )
    nodes: dict[Word, NodeName] = Field(
        default={}, description='a table such as { "gpu-01" = "node17" }'
    )
    binaries: str = Field(default="", description='a folder such as "/opt/slurm/bin"')
    conf: str = Field(default="", description='a path such as "/etc/slurm/slurm.conf"')
    timeout: int = Field(
        default=int(_DEFAULTS.timeout), ge=1, le=120, description="seconds, from 1 to 120"
    )


def to_slurm_settings(table: SlurmTable) -> SlurmSettings:
    """What the runner needs."""
    return SlurmSettings(
        partition=table.partition,
        account=table.account,
        submit_as=table.submit_as,
        reserve=table.reserve,
        reserve_ahead=table.reserve_ahead,
        users=table.users,
        overtime=table.overtime,
        arguments=table.arguments,
        nodes=MappingProxyType(dict(table.nodes)),
        binaries=table.binaries,
        conf=table.conf,
        timeout=float(table.timeout),
    )

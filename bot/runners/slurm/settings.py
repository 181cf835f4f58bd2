"""What gpubot has to know about a Slurm cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType


class SubmitAs(StrEnum):
    """As whom jobs run."""

    #: The booking's owner; takes a gpubot that runs as root.
    OWNER = "owner"
    #: The account that gpubot itself runs as.
    GPUBOT = "gpubot"


@dataclass(frozen=True, slots=True)
class SlurmSettings:
    """The table `[runner.slurm]`."""

    #: Slurm's partition; empty: Slurm's default one.
    partition: str = ""
    #: Slurm's account that jobs are charged to; empty: the user's default one.
    account: str = ""
    submit_as: SubmitAs = SubmitAs.OWNER
    #: Whether bookings' nodes are reserved in Slurm.
    reserve: bool = True
    #: Only bookings that begin within that time have a reservation: thousands slow Slurm down.
    reserve_ahead: timedelta = timedelta(hours=24)
    #: Unix accounts that may use every reservation, besides the booking's owner.
    users: tuple[str, ...] = ()
    #: How much longer than its booking a job may run for Slurm; gpubot itself ends it in time.
    overtime: timedelta = timedelta(hours=2)
    #: More words for sbatch, such as "--cpus-per-gpu=8".
    arguments: tuple[str, ...] = ()
    #: Slurm's name of a node, where it is not the one in `[[nodes]]`.
    nodes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    #: The folder of Slurm's commands; empty: they are found by PATH.
    binaries: str = ""
    #: slurm.conf; empty: where Slurm looks for it by itself.
    conf: str = ""
    #: Seconds after which a command of Slurm counts as unanswered.
    timeout: float = 15.0

    def node(self, name: str) -> str:
        """What Slurm calls one of the cluster's nodes."""
        return self.nodes.get(name, name)

"""The Slurm runner over a real cluster on this machine."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from runners.contract import SECRET_NAME, SECRET_VALUE
from runners.played import Played
from runners.waiting import eventually
from slurm.cluster import NODES, SlurmCluster

from bot.runners.slurm.runner import SlurmRunner, slurm_runner
from bot.runners.slurm.settings import SlurmSettings, SubmitAs


class SlurmLab(Played):
    """See `contract.Lab`."""

    nodes = NODES
    can_be_cut = True
    sees_checkpoints = True

    def __init__(self, cluster: SlurmCluster, folder: Path) -> None:
        super().__init__(folder / "played")
        self.cluster = cluster
        self.kept, self.secrets = folder / "runs", folder / "secrets"
        self.settings = SlurmSettings(
            submit_as=SubmitAs.GPUBOT, reserve=False, conf=str(cluster.conf)
        )
        secret = self.secrets / SECRET_NAME
        secret.parent.mkdir(parents=True)
        secret.write_text(f"{SECRET_VALUE}\n")
        self.runner = self.new()

    def new(self, **others: object) -> SlurmRunner:
        """Another runner of the same cluster and folder, maybe with other settings."""
        return slurm_runner(replace(self.settings, **others), self.kept, self.secrets)

    def at(self, instant: datetime) -> SlurmRunner:
        """Another runner, by whose clock it is then."""
        return slurm_runner(self.settings, self.kept, self.secrets, lambda: instant)

    def restart(self) -> None:
        self.runner.close()
        self.runner = self.new()

    def exposed(self, text: str) -> Sequence[str]:
        files = [path for path in self.kept.rglob("*") if path.is_file()]
        found = [str(path) for path in files if path.stat().st_mode & 0o077]
        found = [path for path in found if text in Path(path).read_text()]
        logs = [str(path) for path in self.kept.rglob("*.log") if text in path.read_text()]
        told = self.cluster.command("scontrol", "show", "job", "--details")
        commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
        return found + logs + [told] * (text in told) + [
            str(words) for words in commands if text.encode() in words
        ]  # fmt: skip

    def left_of(self, key: str) -> Sequence[str]:
        return [str(path) for path in self.kept.rglob("*") if key in str(path)]

    def cut(self) -> None:
        # Asked to end, it writes down all it knows first.
        self.cluster.kill("slurmctld", signal.SIGTERM)
        # Slurm's commands try for four seconds to reach it.
        self.runner = self.new(timeout=1.0)

    def mend(self) -> None:
        self.cluster.start_controller()
        self.restart()
        eventually(lambda: self.runner.problem() is None, lambda: str(self.runner.problem()))

    def job_number(self, key: str) -> int:
        """The job of a run."""
        said = self.cluster.command("squeue", "-h", "-t", "all", f"--name={key}", "-o", "%A")
        return int(said.split()[0])


@contextmanager
def slurm_lab(cluster: SlurmCluster, folder: Path) -> Iterator[SlurmLab]:
    """A lab whose jobs and reservations are gone after the block."""
    lab = SlurmLab(cluster, folder)
    try:
        yield lab
    finally:
        cluster.clear()

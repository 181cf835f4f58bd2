"""A Slurm cluster on this machine: a controller, two nodes of four GPUs, and their munge daemon.

The programs are Debian's (slurmctld, slurmd, slurm-client, munge). The GPUs are device files with
the numbers of NVIDIA's in a folder of ours: Slurm takes them for GPUs and hands them out, and no
driver answers behind them. On ordinary files Slurm would count GPUs too, but would not set
CUDA_VISIBLE_DEVICES. Making device files takes root.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from patience import PATIENCE_S

from benchmarks.ports import free_port

NODES = ("n1", "n2")
GPUS = 4
#: What has to be there, and the Debian package that brings it.
PROGRAMS = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "munged": "munge",
}

_CONF = """\
ClusterName=gpubot
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=2,batch_sched_delay=0,sched_min_interval=10000
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
ReturnToService=2
MinJobAge=5
KillWait=2
SlurmdTimeout=60
MessageTimeout=5
UnkillableStepTimeout=20
{nodes}
PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=2
PartitionName=above Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=9 PreemptMode=OFF
"""


class SlurmCluster:
    """The daemons, and what a test does to them and asks of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = folder / "slurm.conf"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Write the configuration, start everything, and wait until both nodes are idle."""
        self._write()
        self.start_munge()
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        self.wait_idle()

    def stop(self) -> None:
        """End the daemons of this cluster, nodes first, and nothing else."""
        for name in [*NODES, "slurmctld", "munged"]:
            self.kill(name, signal.SIGTERM)

    def start_munge(self) -> None:
        folder = self.folder / "munge"
        key = folder / "key"
        if not key.exists():
            folder.mkdir(mode=0o755)
            key.write_bytes(os.urandom(128))
            key.chmod(0o600)
        self._run(
            "munged", "--foreground", "--force", "--num-threads=2", f"--socket={folder}/socket",
            f"--key-file={key}", f"--log-file={folder}/log", f"--pid-file={folder}/pid",
            f"--seed-file={folder}/seed",
        )  # fmt: skip
        wait_until((folder / "socket").is_socket, "munged to listen")

    def start_controller(self) -> None:
        self._run("slurmctld", "-D", "-f", str(self.conf))

    def start_node(self, node: str) -> None:
        self._run(node, "-D", "-N", node, "-f", str(self.conf), program="slurmd")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a daemon ("n1", "slurmctld", "munged") a signal and wait for its end."""
        daemon = self._running.pop(name, None)
        if daemon is None:
            return
        daemon.send_signal(number)
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def command(self, *words: str) -> str:
        """What a command of Slurm prints; raises when it fails."""
        done = subprocess.run(
            words, env=self.env, capture_output=True, text=True, timeout=30, check=False
        )
        if done.returncode:
            raise AssertionError(f"{' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    @property
    def env(self) -> dict[str, str]:
        """The environment in which Slurm's commands talk to this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.conf)}

    def wait_idle(self, *nodes: str) -> None:
        """Wait until those nodes (all: none named) have nothing to do."""
        wanted = nodes or NODES

        def idle() -> bool:
            with suppress(AssertionError):
                said = self.command("sinfo", "-h", "-p", "gpu", "-N", "-o", "%N %T")
                states = dict(line.split() for line in said.splitlines())
                return all(states[node] == "idle" for node in wanted)
            return False

        wait_until(idle, f"{', '.join(wanted)} to be idle")

    def clear(self) -> None:
        """Cancel every job and delete every reservation, and wait until the nodes are free."""
        jobs = self.command("squeue", "-h", "-o", "%A").split()
        if jobs:
            self.command("scancel", *jobs)
        wait_until(lambda: not self.command("squeue", "-h").strip(), "the queue to be empty")
        for line in self.command("scontrol", "show", "reservation", "-o").splitlines():
            if line.startswith("ReservationName="):
                name = line.split()[0].partition("=")[2]
                self.command("scontrol", "delete", f"ReservationName={name}")
        self.wait_idle()

    def _write(self) -> None:
        for name in ("state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir()
        ports = [free_port() for _ in range(1 + len(NODES))]
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={port} "
            f"CPUs=16 RealMemory=1000 Gres=gpu:{GPUS} State=UNKNOWN"
            for node, port in zip(NODES, ports[1:], strict=True)
        )
        self.conf.write_text(
            _CONF.format(
                host=socket.gethostname(), controller=ports[0], folder=self.folder, nodes=nodes
            )
        )
        lines = []
        for node in NODES:
            devices = self.folder / f"devices-{node}"
            devices.mkdir()
            for number in range(GPUS):
                os.mknod(devices / f"nvidia{number}", 0o666 | stat.S_IFCHR, os.makedev(195, number))
            lines.append(f"NodeName={node} Name=gpu File={devices}/nvidia[0-{GPUS - 1}]")
        (self.folder / "gres.conf").write_text("\n".join(lines) + "\n")

    def _run(self, name: str, *arguments: str, program: str = "") -> None:
        path = find_program(program or name)
        with (self.folder / f"{name}.out").open("ab") as out:
            self._running[name] = subprocess.Popen(
                [path, *arguments], env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )


def find_program(name: str) -> str | None:
    """Where a program is; Debian keeps daemons out of people's PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def wait_until(condition: Callable[[], bool], what: str, timeout: float = PATIENCE_S) -> None:
    """Look again and again, until it is so; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout:.0f} s for {what}")
        time.sleep(0.05)


def missing() -> str | None:
    """Why there can be no cluster here; None: there can."""
    packages = sorted({package for name, package in PROGRAMS.items() if not find_program(name)})
    if packages:
        return f"needs Debian's {', '.join(packages)}"
    if os.geteuid() != 0:
        return "needs root, to make device files that Slurm takes for GPUs"
    return None


@contextmanager
def slurm_cluster() -> Iterator[SlurmCluster]:
    """A cluster for as long as the block runs; skips the test where there can be none."""
    if reason := missing():
        if os.environ.get("CI"):
            pytest.fail(f"Slurm {reason}")
        pytest.skip(f"Slurm {reason}")
    # Not pytest's own folder: Slurm's sockets need a short path that every account may enter.
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
    folder.chmod(0o755)
    cluster = SlurmCluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        # Nodes leave their jobs alone when they end.
        with suppress(AssertionError, OSError, subprocess.SubprocessError, pytest.fail.Exception):
            cluster.clear()
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)

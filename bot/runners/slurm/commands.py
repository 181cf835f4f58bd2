"""The one place that runs Slurm's commands: words in, what they print or a clear error out.

There is never a shell in between, and the environment holds nothing but what is set here: sbatch
would hand on what it finds in it. Times are read and written as seconds since 1970.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.runners.protocol import Refused, RunnerError, Unreachable
from bot.runners.slurm.reservations import FLAGS, PREFIX, Reservation
from bot.runners.slurm.settings import SlurmSettings

#: What Slurm's commands say when it is not them, but the way to the controller. Slurm gives all
#: of its errors the exit status 1.
_AWAY = re.compile(
    r"unable to contact|socket timed out|connection (refused|timed out|reset)|zero bytes|"
    r"standby mode|temporarily unable|temporarily unavailable|authentication|munge|"
    r"unable to establish|transport endpoint|unexpected message|no route to host|"
    r"could not establish a configuration source|slow down",
    re.IGNORECASE,
)
_BUSY = "is in use"
#: What a command is said to have said that has failed silently.
_SILENT = "failed and did not say why"
#: What they say when a job has ended, or its script has not begun; scancel may say nothing then.
_GONE = re.compile(
    r"invalid job id|already completing or completed|already finished|not running|"
    rf"not pending nor running|scancel {_SILENT}",
    re.IGNORECASE,
)
_COLUMNS = {
    "JobID": 20, "Name": 64, "UserName": 64, "State": 24, "Reason": 160, "exit_code": 12,
    "StartTime": 24, "EndTime": 24, "RestartCnt": 12, "NodeList": 200,
}  # fmt: skip
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class JobRow:
    """What the controller says about a job."""

    id: int
    name: str
    #: Whose it is. Anybody may give a job any name.
    user: str
    #: "PENDING", "RUNNING", "COMPLETING", "COMPLETED", "NODE_FAIL", ...
    state: str
    #: Why it waits, or why it ended like that; "None" for none.
    reason: str
    exit_code: int
    #: Seconds since 1970; None: not known yet.
    start: int | None
    end: int | None
    restarts: int
    nodes: str


class Slurm:
    """Slurm's commands, as its operator calls them."""

    def __init__(self, settings: SlurmSettings) -> None:
        self._settings = settings

    def submit(self, arguments: Sequence[str]) -> int:
        """Submit a batch job; its number. Raises Refused or Unreachable."""
        return int(self._run("sbatch", "--parsable", *arguments).split(";")[0])

    def jobs(self, names: Collection[str] = ()) -> Sequence[JobRow]:
        """The jobs of those names (none: all) that the controller still remembers."""
        columns = ",".join(f"{name}:{width}|" for name, width in _COLUMNS.items())
        chosen = [f"--name={','.join(sorted(names))}"] if names else []
        said = self._ask("squeue", "--noheader", "--states=all", *chosen, "-O", columns)
        return [_job_row(line) for line in said.splitlines() if line.strip()]

    def signal(self, job: int, name: str) -> None:
        """Send the batch script of a job a signal; nothing when the job is over."""
        self._unless_gone("scancel", f"--signal={name}", "--batch", str(job))

    def cancel(self, job: int) -> None:
        """End a job; nothing when it is over."""
        self._unless_gone("scancel", str(job))

    def set_end(self, job: int, end: int) -> None:
        """Change when a running job reaches its time limit; nothing when it is over."""
        self._unless_gone("scontrol", "update", f"JobId={job}", f"EndTime=uts{end}")

    def reservations(self) -> Sequence[Reservation]:
        """The reservations that are gpubot's own."""
        said = self._ask("scontrol", "show", "reservation", "--oneliner")
        own = f"ReservationName={PREFIX}"
        lines = [line for line in said.splitlines() if line.startswith(own)]
        return [self._reservation(_fields(line)) for line in lines]

    def reserve(self, wanted: Reservation) -> None:
        """Make a reservation. Raises Refused or Unreachable."""
        self._run(
            "scontrol", "create", "reservation", f"ReservationName={wanted.name}",
            f"StartTime={f'uts{wanted.start}' if wanted.start else 'now'}", *_parts(wanted),
            f"Flags={FLAGS}",
        )  # fmt: skip

    def change_reservation(self, wanted: Reservation, *, start: bool) -> None:
        """Change a reservation; its start only if asked to. Raises Refused or Unreachable."""
        starts = [f"StartTime=uts{wanted.start}"] if start else []
        self._run("scontrol", "update", f"ReservationName={wanted.name}", *starts, *_parts(wanted))

    def unreserve(self, name: str) -> bool:
        """Delete a reservation; False: a job still uses it."""
        try:
            self._run("scontrol", "delete", f"ReservationName={name}")
        except Refused as error:
            if "invalid" in str(error).casefold():
                return True
            if _BUSY in str(error):
                return False
            raise
        return True

    def ping(self) -> str | None:
        """Why the controller cannot be asked; None: it answers."""
        try:
            # It also proves that we are let in, which `scontrol ping` does not.
            self._ask("squeue", "--noheader", "--name=gpubot-nobody")
        except RunnerError as error:
            return str(error)
        return None

    def partitions(self) -> Sequence[str]:
        """The names of all partitions."""
        return self._ask("sinfo", "--noheader", "--all", "-o", "%R").split()

    def gpus(self) -> dict[str, int]:
        """How many GPUs each node has."""
        said = self._ask("sinfo", "--noheader", "--all", "-N", "-o", "%N|%G")
        rows = (line.partition("|") for line in said.splitlines())
        return {name.strip(): _gpus_in(gres) for name, _, gres in rows}

    def _reservation(self, fields: Mapping[str, str]) -> Reservation:
        users = fields.get("Users", "(null)")
        return Reservation(
            name=fields["ReservationName"],
            start=_seconds(fields.get("StartTime", "")) or 0,
            end=_seconds(fields.get("EndTime", "")) or 0,
            nodes=frozenset(self._node_names(fields.get("Nodes", "(null)"))),
            users=frozenset() if users == "(null)" else frozenset(users.split(",")),
        )

    def _node_names(self, nodes: str) -> Sequence[str]:
        """`n[1-2]` in full."""
        if nodes == "(null)":
            return ()
        if "[" not in nodes:
            return nodes.split(",")
        return self._ask("scontrol", "show", "hostnames", nodes).split()

    def _unless_gone(self, *words: str) -> None:
        try:
            self._run(*words)
        except Refused as error:
            if not _GONE.search(str(error)):
                raise

    def _ask(self, *words: str) -> str:
        """What a question is answered; an answer is always possible, so Unreachable else."""
        try:
            return self._run(*words)
        except Refused as error:
            raise Unreachable(str(error)) from None

    def _run(self, program: str, *words: str) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - words of ours, and no shell
                [self._path(program), *words],
                env=self._env(program),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._settings.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            seconds = f"{self._settings.timeout:g}"
            raise Unreachable(f"Slurm did not answer {program} within {seconds} s") from None
        except OSError as error:
            raise Unreachable(f"{program} cannot be run: {error.strerror}") from None
        if done.returncode < 0:
            raise Unreachable(f"{program} was ended by signal {-done.returncode}")
        if done.returncode:
            raise error_of(program, f"{done.stderr}\n{done.stdout}")
        return done.stdout

    def _path(self, program: str) -> str:
        folder = self._settings.binaries
        return str(Path(folder) / program) if folder else program

    def _env(self, program: str) -> dict[str, str]:
        given = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        conf = self._settings.conf or os.environ.get("SLURM_CONF", "")
        if conf:
            given["SLURM_CONF"] = conf
        if program == "sbatch":
            # It hands on what begins with SLURM, and the job's own commands are people's.
            return {**given, "LC_ALL": "C"}
        return {**given, "LC_ALL": "C", "SLURM_TIME_FORMAT": "%s"}


def error_of(program: str, said: str) -> RunnerError:
    """Unreachable or Refused, by what a command complained about."""
    text = plain_text(said) or f"{program} {_SILENT}"
    if _AWAY.search(text):
        return Unreachable(f"Slurm cannot be reached: {text}")
    return Refused(f"Slurm refuses: {text}")


def plain_text(said: str) -> str:
    """What a command complained about, in one line without the command's name before it."""
    lines = [re.sub(r"^\w+: (error|fatal): ", "", line.strip()) for line in said.splitlines()]
    return "; ".join(dict.fromkeys(line for line in lines if line))[:300]


def _parts(wanted: Reservation) -> Sequence[str]:
    return (
        f"EndTime=uts{wanted.end}",
        f"Nodes={','.join(sorted(wanted.nodes))}",
        f"Users={','.join(sorted(wanted.users))}",
    )


def _job_row(line: str) -> JobRow:
    places = dict(zip(_COLUMNS, (part.strip() for part in line.split("|")), strict=False))
    return JobRow(
        id=int(places["JobID"]),
        name=places["Name"],
        user=places["UserName"],
        state=places["State"],
        reason=places["Reason"],
        exit_code=int(places["exit_code"] or 0),
        start=_seconds(places["StartTime"]),
        end=_seconds(places["EndTime"]),
        restarts=int(places["RestartCnt"] or 0),
        nodes=places["NodeList"],
    )


def _fields(line: str) -> dict[str, str]:
    parts = (part.partition("=") for part in line.split() if "=" in part)
    return {name: value for name, _, value in parts}


def _seconds(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _gpus_in(gres: str) -> int:
    """The GPUs in `gpu:4`, `gpu:a100:4(S:0-1)`, `gpu:2,nic:1`."""
    found = re.findall(r"\bgpu:(?:[\w.+-]+:)?([0-9]+)", gres)
    return sum(int(number) for number in found)

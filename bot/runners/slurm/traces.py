"""A run's folder: what gpubot notes there, and what the job wrote.

The folder belongs to gpubot, and the job's account can write only the files that were made for
it. So nobody can have gpubot follow a link of theirs, and gpubot finds a run by its key again,
whatever it forgot.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from bot.domain.run import Checkpoint


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: what is kept once it was seen."""

    #: Slurm's word for it: "COMPLETED", "FAILED", "NODE_FAIL", ...
    state: str
    #: Slurm's reason; "None" for none.
    reason: str = "None"
    exit_code: int | None = None
    #: Seconds since 1970.
    started: int | None = None
    ended: int | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of a run without asking Slurm."""

    #: The job's number; None: it was never told.
    job: int | None = None
    #: Whether gpubot asked it to end.
    stopped: bool = False
    #: When its script began and ended, in seconds since 1970, and with which exit status.
    started: int | None = None
    ended: int | None = None
    exit_code: int | None = None
    #: Which start of which job that was, as `12.0`: Slurm may start one again.
    begun: str = ""
    #: Whether it was asked to end before, by whomever.
    asked: bool = False
    outcome: Outcome | None = None


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether the run was ever prepared; raises OSError when that cannot be seen."""
        try:
            self.path.stat()
        except FileNotFoundError:
            return False
        return True

    def prepare(
        self,
        shared: Mapping[str, str],
        private: Mapping[str, str],
        written: Sequence[str],
        owner: tuple[int, int],
    ) -> None:
        """Make the folder: files for all to read, files for the owner, files the owner writes.

        `owner` is the user's and the group's number.
        """
        self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.path.chmod(0o755)
        for name, text in shared.items():
            self._write(name, text, 0o644, None)
        for name, text in {**private, **dict.fromkeys(written, "")}.items():
            self._write(name, text, 0o600, owner)

    def clean(self) -> None:
        """Remove what holds secrets, once nothing needs it any more."""
        for path in self.path.glob("*.env"):
            path.unlink(missing_ok=True)

    def note(self, name: str, text: str) -> None:
        """Write a file of gpubot's own, whole or not at all."""
        self._write(name, text, 0o644, None)

    def read(self, name: str) -> str | None:
        """What stands in a file; None: there is none."""
        try:
            return (self.path / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None

    def order(self) -> Mapping[str, Any]:
        """What was kept of the order, without its secrets; empty: nothing."""
        found = json.loads(self.read("order.json") or "{}")
        return found if isinstance(found, dict) else {}

    @property
    def user(self) -> str:
        """The name of the account that the job runs as."""
        return str(self.order().get("user", ""))

    def trace(self) -> Trace:
        """What the files tell."""
        job = (self.read("claim") or "").strip() or (self.read("job") or "").strip()
        outcome = self.read("outcome.json")
        trace = Trace(
            job=int(job) if job.isdecimal() else None,
            stopped=self.read("stop") is not None,
            outcome=Outcome(**json.loads(outcome)) if outcome else None,
        )
        return _with_status(trace, self.read("status") or "")

    def keep(self, outcome: Outcome) -> None:
        """Keep how it ended: Slurm forgets it soon."""
        self.note("outcome.json", json.dumps(asdict(outcome)))
        self.clean()

    def checkpoint(self) -> Checkpoint | None:
        """The run's checkpoint, where it can be seen from here."""
        path = str(self.order().get("checkpoint", ""))
        if not path.startswith("/"):
            return None
        try:
            written = Path(path).stat().st_mtime
        except OSError:
            return None
        return Checkpoint(path, datetime.fromtimestamp(written, UTC))

    def logs(self) -> Sequence[Path]:
        """The workers' logs, in their order."""
        found = [*self.path.glob("worker-*.log")] if self.exists else []
        plain = [path for path in found if path.is_file() and not path.is_symlink()]
        return sorted(plain, key=lambda path: int(path.stem.partition("-")[2]))

    def remove(self) -> None:
        """Remove everything; twice does no harm."""
        if self.exists:
            shutil.rmtree(self.path)

    def _write(self, name: str, text: str, mode: int, owner: tuple[int, int] | None) -> None:
        """Write a file that nobody sees before it is complete and its rights are right."""
        # Open to gpubot alone; two threads may be writing the same.
        handle, draft = mkstemp(prefix=f".{name}.", dir=self.path)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(handle, mode)
            if owner and owner != (os.geteuid(), os.getegid()):
                os.fchown(handle, *owner)
        Path(draft).replace(self.path / name)


def _with_status(trace: Trace, text: str) -> Trace:
    """With when the job began last, and when and how it ended, by the lines of job.sh."""
    for line in text.splitlines():
        match line.split():
            case [at, "started", begun] if at.isdecimal():
                trace = replace(
                    trace, started=int(at), begun=begun, ended=None, exit_code=None, asked=False
                )
            case [at, "ended", _, code, *asked] if at.isdecimal() and code.isdecimal():
                trace = replace(trace, ended=int(at), exit_code=int(code), asked=bool(asked))
    return trace

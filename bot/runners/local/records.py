"""What is kept of a run in its folder, for whoever comes next: files that are whole or not there.

- `lock` is held by the supervisor for as long as it lives; the kernel lets go of it.
- `state.json`: the run was started. `ended.json`: it is over, and how.
- `stop`, `warn`: what it was asked. `worker-0.log`, …: what it wrote.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

STATE, ENDED, STOP, WARN, LOCK = "state.json", "ended.json", "stop", "warn", "lock"
#: What the supervisor itself has to say, which is nothing unless it broke.
SUPERVISOR_LOG = "supervisor.log"
#: A run's folder and files are gpubot's alone.
FOLDER_MODE, FILE_MODE = 0o700, 0o600


class Damaged(OSError):
    """A record that cannot be read, such as half of one after a crash of the host."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EIO, "damaged", str(path))


@dataclass(frozen=True, slots=True)
class Started:
    """A run that was started."""

    #: The host's start in which it was; see `processes.boot_id`.
    boot: str
    supervisor: int
    started_at: str
    #: Seconds between SIGTERM and SIGKILL.
    grace: float
    #: The file to resume from; empty: there is none.
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    #: "ended" by itself, "failed" in one worker and ended in the others, or "stopped".
    cause: str
    #: By worker; None: nobody saw it.
    codes: tuple[int | None, ...]
    #: What the first worker that failed gave; None: none did, or nobody saw it.
    failure: int | None
    #: Whether it had to be killed, since it did not end within its grace.
    killed: bool
    ended_at: str


def started(folder: Path) -> Started | None:
    """The record of the run's start; None: it was not started."""
    found = _read(folder / STATE)
    try:
        return None if found is None else Started(**found)
    except TypeError:
        raise Damaged(folder / STATE) from None


def ended(folder: Path) -> Ended | None:
    """The record of the run's end; None: there is none yet."""
    found = _read(folder / ENDED)
    try:
        return None if found is None else Ended(**{**found, "codes": tuple(found["codes"])})
    except (KeyError, TypeError):
        raise Damaged(folder / ENDED) from None


def set_aside(path: Path) -> Path:
    """Keep a damaged record out of the way, for people to look at. Raises OSError."""
    return path.replace(path.with_name(f"{path.name}.damaged"))


def keep(path: Path, record: Started | Ended) -> None:
    """Write a record, whole or not at all. Raises OSError."""
    write(path, json.dumps(asdict(record)))


def write(path: Path, text: str) -> None:
    """Write a file, whole or not at all. Raises OSError."""
    # Several threads may write the same file at once; the mode is FILE_MODE.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    except OSError:
        with suppress(OSError):
            made.unlink(missing_ok=True)
        raise


def take_lock(folder: Path) -> int | None:
    """The lock on the run's folder, as an open file; None: another one has it."""
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def log_file(folder: Path, worker: int) -> Path:
    """Where a worker's words go."""
    return folder / f"worker-{worker}.log"


def log_files(folder: Path) -> Sequence[Path]:
    """What the run's workers wrote, in their order."""
    found = folder.glob("worker-*.log")
    return sorted(found, key=lambda path: int(path.stem.rpartition("-")[2]))


def instant(text: str) -> datetime:
    """An instant as records hold it."""
    return datetime.fromisoformat(text)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        raise Damaged(path) from None
    if not isinstance(found, dict):
        raise Damaged(path)
    return found

"""The processes of a run, as Linux shows them in /proc.

A process number is used again after its process has ended, so a process is known by its number and
its start together, and signals are sent through a pidfd, which never means another process.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: The variable that marks what belongs to a run, wherever it went.
MARKER = "GPUBOT_RUN"
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A process that is alive."""

    pid: int
    #: When it started, in ticks since the host's start.
    start: int
    parent: int


def boot_id() -> str:
    """A name of the time since the host was started; another one after each restart."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def find(pid: int) -> Process | None:
    """The live process with that number; None: there is none (a zombie is none)."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in parentheses and may hold any character, those too (proc(5)).
    fields = text.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return Process(pid, int(fields[19]), int(fields[1]))


def members(key: str, supervisor: int) -> list[Process]:
    """The live processes of a run: all that descend from its supervisor or carry its marker.

    The supervisor adopts what its children leave behind, so a process only gets away from it
    when the supervisor was killed; and from the marker only when it cleared its environment too.
    """
    alive = {process.pid: process for process in _everybody()}
    mark = f"{MARKER}={key}".encode()
    known = {pid for pid in alive if supervisor in _ancestors(pid, alive)}
    marked = {pid for pid in alive.keys() - known if mark in _environment(pid)}
    return [alive[pid] for pid in sorted((known | marked) - {supervisor, os.getpid()})]


def uppermost(processes: Collection[Process], number: signal.Signals) -> list[Process]:
    """Those that no other process among them answers for by catching the signal.

    Who catches a signal tells its own children what to do; a training's loaders of data, ended
    by the same signal, would keep it from saving its checkpoint.
    """
    alive = {process.pid: process for process in processes}
    catching = {process.pid for process in processes if catches(process, number)}
    return [one for one in processes if not catching.intersection(_ancestors(one.pid, alive))]


def catches(process: Process, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal."""
    try:
        status = (_PROC / str(process.pid) / "status").read_text(errors="replace")
    except OSError:
        return False
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def tell(process: Process, number: signal.Signals) -> bool:
    """Send a signal to exactly that process; whether it was there."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        found = find(process.pid)
        if found is None or found.start != process.start:
            return False
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _everybody() -> Iterator[Process]:
    for path in _PROC.iterdir():
        if path.name.isdecimal() and (process := find(int(path.name))) is not None:
            yield process


def _ancestors(pid: int, alive: Mapping[int, Process]) -> Iterable[int]:
    """The parents of a process, upwards, as far as they are among `alive`."""
    found: list[int] = []
    process = alive.get(pid)
    while process is not None and process.parent not in found:
        found.append(process.parent)
        process = alive.get(process.parent)
    return found


def _environment(pid: int) -> Collection[bytes]:
    """The variables it was started with; none where it is somebody else's."""
    with suppress(OSError):
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    return ()

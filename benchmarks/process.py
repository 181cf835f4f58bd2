"""The program itself: how soon it is ready, what it takes, and what it does when nothing is due."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.laboratory import lab
from benchmarks.replica_group import Replica
from benchmarks.served import Served, served
from benchmarks.sites import Sites

GROUP = "process"
#: What is imported for the floor: the libraries that any such bot would need.
LIBRARIES = "fastapi, uvicorn, slack_bolt, sqlmodel, apscheduler.schedulers.background"
#: Seconds for things to settle after the start, and in which nothing is asked for.
SETTLE_S, IDLE_S = 8, 20
#: Messages that are still to be sent take less of a processor than this.
SETTLED_PERCENT = 10.0


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """Measure `gpubot serve` at 1,024 GPUs and 100,000 bookings."""
    tries = 1 if quick else 3
    path = sites.path(sites.large, now=quiet_instant())
    floors = [_libraries() for _ in range(tries)]
    starts: list[float] = []
    for attempt in range(tries):
        with served(path, lab()) as program:
            starts.append(program.ready_s)
            if attempt == tries - 1:
                time.sleep(SETTLE_S)
                memory = _memory_mib(program)
                busy = _busy_percent(program, IDLE_S / 4 if quick else IDLE_S)
    path.unlink()
    start_s, memory_mib = (min(one) for one in zip(*floors, strict=True))
    return [
        Figure(GROUP, "start-up to ready", min(starts), "s", 1.5, start_s),
        Figure(GROUP, "memory", memory, "MiB", 200, memory_mib),
        Figure(GROUP, "processor time when idle", busy, "%", 0.5),
    ]


def quiet_instant() -> datetime:
    """An instant near the present one for which bookings are made: the second, and no fraction."""
    return datetime.now(UTC).replace(microsecond=0)


def _libraries() -> tuple[float, float]:
    """Seconds and MiB for a Python that imports the libraries and ends."""
    show = "print(next(l for l in open('/proc/self/status') if l.startswith('VmRSS')).split()[1])"
    began = time.perf_counter()
    command = [sys.executable, "-c", f"import {LIBRARIES}; {show}"]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return time.perf_counter() - began, int(ran.stdout) / 1024


def _memory_mib(program: Served) -> float:
    status = Path(f"/proc/{program.pid}/status").read_text(encoding="utf-8")
    return (
        int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
        / 1024
    )


def _busy_percent(program: Served, seconds: float) -> float:
    """Processor time in a while, as a percentage of one processor."""
    before = processor_s(program)
    time.sleep(seconds)
    return (processor_s(program) - before) / seconds * 100


def wait_until_settled(program: Served) -> None:
    """Wait until it has made ready what it makes ready after its start."""
    for _ in range(SETTLE_S):
        if _busy_percent(program, 1.0) < SETTLED_PERCENT:
            return


def processor_s(program: Served | Replica) -> float:
    """Seconds that the program has had of a processor."""
    fields = (
        Path(f"/proc/{program.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    )
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

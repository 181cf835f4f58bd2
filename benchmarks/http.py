"""Slash commands over HTTP: signed, decided, durably written, and answered, by one process."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from benchmarks import load
from benchmarks.figures import Figure
from benchmarks.laboratory import TEAMS, lab, people
from benchmarks.process import processor_s, quiet_instant, wait_until_settled
from benchmarks.served import SECRET, beside, served
from benchmarks.sites import Sites

GROUP = "http"
CLIENTS = 16
BOOKED, MINE = "Booked", "gpu-"


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """Measure `gpubot serve` at 1,024 GPUs and 100,000 bookings."""
    many, few = (300, 100) if quick else (3000, 500)
    now = quiet_instant()
    path = sites.path(sites.large, now=now)
    reserve, mine = reserving(now), _looking()
    with served(path, lab()) as program:
        load.run(program.port, SECRET, CLIENTS, 100, reserve, BOOKED)
        wait_until_settled(program)
        alone = load.run(program.port, SECRET, 1, few, reserve, BOOKED)
        before = processor_s(program)
        crowd = load.run(program.port, SECRET, CLIENTS, many, reserve, BOOKED)
        between = processor_s(program)
        reads = load.run(program.port, SECRET, CLIENTS, many, mine, MINE)
        after = processor_s(program)
    with beside("benchmarks.floor", str(path), now.isoformat()) as port:
        floor = load.run(port, SECRET, CLIENTS, many, reserve, BOOKED)
        alone_floor = load.run(port, SECRET, 1, few, reserve, BOOKED)
    path.unlink()
    if any(one.others > few // 10 for one in (alone, crowd)):
        print(f"http: {alone.others} and {crowd.others} bookings did not fit or failed")
    rate, p50 = floor.per_second, alone_floor.times.p50
    return [
        Figure(GROUP, "bookings, 16 clients", crowd.per_second, "/s", 600, rate, more=True),
        Figure(GROUP, "booking, 16 clients, p99", crowd.times.p99, "ms", 50),
        Figure(GROUP, "booking, one client, p50", alone.times.p50, "ms", 2, p50),
        Figure(GROUP, "booking, one client, p99", alone.times.p99, "ms", 10),
        Figure(GROUP, "booking, processor time", (between - before) / many * 1000, "ms"),
        Figure(GROUP, "`mine`, 16 clients", reads.per_second, "/s", 1000, more=True),
        Figure(GROUP, "`mine`, processor time", (after - between) / many * 1000, "ms"),
    ]


def reserving(now: datetime) -> Callable[[int], tuple[str, str]]:
    """Bookings in the half-year that is not full."""
    rng = random.Random(8)  # noqa: S311 - no secret

    def command(_number: int) -> tuple[str, str]:
        at = now + timedelta(days=rng.randrange(250, 355))
        length = rng.choice(("2h", "4h", "12h"))
        return _somebody(rng), f"reserve 1 {at:%Y-%m-%d} {rng.randrange(0, 24, 2)}:00 {length}"

    return command


def _looking() -> Callable[[int], tuple[str, str]]:
    rng = random.Random(9)  # noqa: S311 - no secret
    return lambda _number: (_somebody(rng), "mine")


def _somebody(rng: random.Random) -> str:
    return rng.choice(people(rng.randrange(TEAMS)))

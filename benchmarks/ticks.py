"""What the clock's ticks cost when nothing is due."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from benchmarks.figures import Figure, repeated
from benchmarks.laboratory import NOW
from benchmarks.sites import Sites
from bot.services.keep_time import STEPS, keep_time
from bot.services.site import Site

GROUP = "ticks"


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """Measure at 1,024 GPUs and 100,000 bookings, nobody waiting."""
    with sites.site(sites.large) as site:
        assert keep_time(site, now=NOW) == 0, "something was due"
        times = repeated(lambda: keep_time(site, now=NOW), 50 if quick else 200)
        floor = _floor(site)
    return [
        Figure(GROUP, "a tick with nothing due, p50", times.p50, "ms", 2, floor),
        Figure(GROUP, "a tick with nothing due, p99", times.p99, "ms"),
    ]


def _floor(site: Site) -> float:
    """As many questions as there are steps, by the bare driver and an index, in one snapshot."""
    driver = sqlite3.connect(Path(site.database.engine.url.database or ""), isolation_level=None)

    def look() -> None:
        driver.execute("BEGIN")
        for _ in STEPS:
            driver.execute(
                "SELECT * FROM booking WHERE state = 'active' AND end_at <= ? LIMIT 1",
                (f"{NOW:%Y-%m-%d %H:%M:%S}.000000",),
            ).fetchall()
        driver.execute("ROLLBACK")

    found = repeated(look, 100).p50
    driver.close()
    return found

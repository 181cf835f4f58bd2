"""The earliest window, and alternatives to a window that is taken."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from benchmarks.figures import Figure, repeated, timed
from benchmarks.laboratory import HORIZON, NOW, TEAMS, people
from benchmarks.sites import Sites
from benchmarks.workload import LENGTH_WEIGHTS, LENGTHS, SIZE_WEIGHTS, SIZES
from bot.domain.actor import Actor
from bot.domain.booking import Placement, Priority, Shape
from bot.domain.placement import earliest
from bot.domain.request import BookingRequest
from bot.domain.window import Window
from bot.services.conflict import conflict_over
from bot.services.site import Site

HOUR = timedelta(hours=1)
#: Four that fit at once or almost, and four that the half-year has no room for.
EASY = (
    (Shape(1), 4 * HOUR, timedelta()),
    (Shape(2, model="V100"), 8 * HOUR, timedelta(days=3)),
    (Shape(4), 12 * HOUR, timedelta(days=30)),
    (Shape(1, model="H100"), 24 * HOUR, timedelta(days=90)),
)
HARD = (
    (Shape(8), 72 * HOUR, timedelta()),
    (Shape(8, node="gpu-007"), 168 * HOUR, timedelta()),
    (Shape(8, model="A100"), 168 * HOUR, timedelta(days=2)),
    (Shape(64), 24 * HOUR, timedelta()),
)
MIX = EASY + HARD
GROUP = "search"

Query = tuple[Shape, timedelta, timedelta]


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """Measure at 1,024 GPUs and 100,000 bookings, and how that grows."""
    times = 20 if quick else 60
    with sites.site(sites.large // 100) as site:
        few = _mix(site, times)
    with sites.site(sites.large // 16, gpus=64) as site:
        small = _mix(site, times)
    with sites.site(sites.large) as site:
        floor = _floor(site, times)
        mix = _mix(site, times)
        unasked = _unasked(site, 10)
        single = timed([_asking(site, *query) for query in _random(site, 500 if quick else 2000)])
        spread = repeated(_asking(site, Shape(200, spread=True), 48 * HOUR, timedelta()), times)
        taken = _alternatives(site, 50 if quick else 200)
    return [
        Figure(GROUP, "earliest window, mix of eight, mean", mix, "ms", 0.5, floor),
        Figure(GROUP, "the same, of lengths that nobody asked for before", unasked, "ms", 0.5),
        Figure(GROUP, "the same, against 1/100 of the bookings", mix / few, "×", 4),
        Figure(GROUP, "the same, against 1/16 of the GPUs", mix / small, "×", 2),
        Figure(GROUP, "earliest window, random requests, p50", single.p50, "ms", 0.1, floor),
        Figure(GROUP, "earliest window, random requests, p99", single.p99, "ms", 2),
        Figure(GROUP, "200 GPUs spread over nodes, past the half-year", spread.p50, "ms"),
        Figure(GROUP, "three alternatives to a window that is taken, p50", taken, "ms", 2, floor),
    ]


def find(site: Site, query: Query) -> Placement | None:
    """The earliest window in a calendar that is known to be fresh."""
    shape, length, ahead = query
    calendar = site.calendars.current(site.database, NOW)
    return earliest(
        calendar, shape, length, not_before=NOW + ahead, latest_start=NOW + HORIZON, now=NOW
    )


def _asking(site: Site, *query: object) -> Callable[[], object]:
    return lambda: find(site, query)  # type: ignore[arg-type]


def _mix(site: Site, times: int) -> float:
    """The mean of the eight medians."""
    shapes = [
        (s if s.node is None else Shape(8, node=site.cluster.nodes[-1].name), *rest)
        for s, *rest in MIX
    ]
    medians = [repeated(_asking(site, *query), times).p50 for query in shapes]
    return sum(medians) / len(medians)


def _unasked(site: Site, times: int) -> float:
    """The mean of the mix, each time for windows that are some slots longer."""
    slot = site.cluster.policy.slot
    runs = [
        _asking(site, shape, length + (1 + n) * slot, ahead)
        for n in range(times)
        for shape, length, ahead in MIX
    ]
    return timed(runs).mean


def _random(site: Site, count: int) -> list[Query]:
    rng = random.Random(4)  # noqa: S311 - no secret
    return [
        (
            Shape(
                rng.choices(SIZES, SIZE_WEIGHTS)[0], model=rng.choice((None, *site.cluster.models))
            ),
            rng.choices(LENGTHS, LENGTH_WEIGHTS)[0] * site.cluster.policy.slot,
            timedelta(hours=rng.randrange(24 * 360)),
        )
        for _ in range(count)
    ]


def _alternatives(site: Site, count: int) -> float:
    """For requests by whoever wants eight GPUs of a node in the dense half-year."""
    rng = random.Random(5)  # noqa: S311 - no secret
    grid, slot = site.cluster.grid, site.cluster.policy.slot
    runs = []
    for _ in range(count):
        start = grid.floor(NOW) + rng.randrange(24, 1800) * slot
        window = Window(start, start + rng.choice((2, 6, 12)) * slot)
        request = BookingRequest(
            Shape(8), window, Priority.P2, preemptible=True, team=None, purpose=""
        )
        actor = Actor(people(rng.randrange(TEAMS))[0])
        runs.append(lambda a=actor, r=request: conflict_over(site, a, r, now=NOW))
    runs[0]()
    return timed(runs).p50


def _floor(site: Site, times: int) -> float:
    """The bare driver reads the nodes' revisions, and each node's mask is looked at once."""
    driver = sqlite3.connect(Path(site.database.engine.url.database or ""), isolation_level=None)
    with site.database.snapshot() as connection:
        tracks = list(site.calendars.fresh(connection, NOW).calendar.tracks.values())
    near = (1 << 256) - 1

    def look() -> None:
        driver.execute("BEGIN")
        driver.execute("SELECT name, revision FROM node").fetchall()
        driver.execute("ROLLBACK")
        for track in tracks:
            if not track.taken[-1] & near:
                return

    found = repeated(look, times).p50
    driver.close()
    return found

"""Planning what urgent work takes from whom, without doing it."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import text

from benchmarks.figures import Figure, repeated, timed
from benchmarks.laboratory import NOW, TEAMS, people
from benchmarks.sites import Sites
from bot.domain.actor import Actor
from bot.domain.booking import Priority, Shape
from bot.domain.conflict import Conflict
from bot.domain.request import BookingRequest
from bot.domain.window import Window
from bot.services.preempt import preview_preemption
from bot.services.site import Site

GROUP = "preemption"
#: So many that somebody has to go most of the time, or some of it.
GANG, SPREAD = Shape(384, model="A100"), Shape(900, spread=True)
#: All of the bookings within a month, as close together as 100,000 are within a year.
CLAIMS = """
    SELECT claim.*, booking.* FROM claim JOIN booking ON booking.id = claim.holder
    WHERE claim.node = :node AND gone IS NULL AND end_s > :start AND start_s < :end
"""


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """Measure previews at 1,024 GPUs and 10,000 active or future bookings."""
    count = 40 if quick else 200
    with sites.site(10_000) as site:
        one_node = _previews(site, count, lambda rng: _shape(rng, None))
        named = _previews(site, count, lambda rng: _shape(rng, f"gpu-{rng.randrange(128):03}"))
        gang = _previews(site, count // 2, lambda _: GANG)
        spread = _previews(site, count // 2, lambda _: SPREAD)
        floor = _floor(site)
    return [
        Figure(GROUP, "a plan on a named node, p50", named[0], "ms", None, floor),
        Figure(GROUP, "a plan on a named node, p99", named[1], "ms", 3),
        Figure(GROUP, "a plan on any node, p50", one_node[0], "ms"),
        Figure(GROUP, "a plan on any node, p99", one_node[1], "ms", 3),
        Figure(GROUP, "a plan for 384 of 512 GPUs on whole nodes, p50", gang[0], "ms"),
        Figure(GROUP, "a plan for 384 of 512 GPUs on whole nodes, p99", gang[1], "ms"),
        Figure(GROUP, "a plan for 900 of 1,024 GPUs anywhere, p50", spread[0], "ms"),
        Figure(GROUP, "a plan for 900 of 1,024 GPUs anywhere, p99", spread[1], "ms"),
    ]


def _shape(rng: random.Random, node: str | None) -> Shape:
    return Shape(rng.choice((4, 8)), node)


def _previews(
    site: Site, count: int, shape: Callable[[random.Random], Shape]
) -> tuple[float, float]:
    rng = random.Random(10)  # noqa: S311 - no secret
    grid, slot = site.cluster.grid, site.cluster.policy.slot
    runs = []
    for _ in range(count):
        start = grid.floor(NOW) + rng.randrange(2, 1500) * slot
        window = Window(start, start + rng.choice((2, 6, 12)) * slot)
        actor = Actor(people(rng.randrange(TEAMS))[0])
        request = BookingRequest(
            shape(rng), window, Priority.P0, preemptible=False, team=None, purpose=""
        )
        runs.append(lambda a=actor, r=request: _preview(site, a, r))
    for run in runs[:20]:
        run()  # As in a process that has been asked before.
    times = timed(runs)
    return times.p50, times.p99


def _preview(site: Site, actor: Actor, request: BookingRequest) -> None:
    try:
        preview_preemption(site, actor, request, now=NOW)
    except Conflict:
        return  # Somebody who may not be evicted is in the way, which is found out all the same.


def _floor(site: Site) -> float:
    """Reading what lies on one node in a day."""
    start = int((NOW + timedelta(days=60)).timestamp())
    values = {"node": "gpu-007", "start": start, "end": start + 86400}

    def read() -> None:
        with site.database.snapshot() as connection:
            connection.execute(text(CLAIMS), values).all()

    return repeated(read, 100).p50

"""Seeded workloads: bookings by the hundred thousand, as the services would have written them.

Rows go in by bulk inserts, and keep what the services keep: no node is promised twice, each
booking has its claim, its audit records in the chain, and a card that was posted.
`tests/services/test_workload.py` holds the generator to that.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from benchmarks.laboratory import GPUS_A_NODE, NOW, TEAMS, people
from benchmarks.rows import Made, write, write_people, write_wishes
from bot.services.site import Site

#: Sizes of bookings on one node, and how often each is asked for.
SIZES, SIZE_WEIGHTS = (1, 2, 4, 8), (50, 28, 15, 7)
#: Lengths in slots, two hours to a week.
LENGTHS, LENGTH_WEIGHTS = (1, 2, 4, 6, 12, 24, 36, 84), (14, 18, 20, 18, 16, 9, 4, 1)
PRIORITIES, PRIORITY_WEIGHTS = (0, 1, 2), (2, 18, 80)
#: The part of the live bookings that lies thinly over the second half of the year.
LATER = 0.05
HALF_YEAR = timedelta(days=182)
#: What has ended had ended so many slots before the present one, so that what runs may have begun.
LAST_ENDED = 6


def fill(site: Site, live: int, *, now: datetime = NOW, seed: int = 1) -> None:
    """Write `live` bookings that are not over: most within half a year, evenly over the nodes.

    At 100,000 bookings on 1,024 GPUs that half-year is as good as full. Those whose window has
    begun are active and in use.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret
    slots = HALF_YEAR // site.cluster.policy.slot
    made: list[Made] = []
    for node, count in _shared_out(site, live):
        # Those at the front began before now, each at another time.
        busy = [-rng.randrange(LAST_ENDED) for _ in range(GPUS_A_NODE)]
        later = int(count * LATER)
        made += _ahead(rng, node, count - later, busy, slots)
        busy = [max(busy)] * GPUS_A_NODE
        made += _ahead(rng, node, later, busy, slots - slots // 8)
    # Ids say who was first; people do not book node by node.
    rng.shuffle(made)
    write_people(site, now=now)
    write(site, made, now=now)


def fill_past(
    site: Site, ended: int, *, years: int = 5, now: datetime = NOW, seed: int = 2
) -> None:
    """Write `ended` bookings that are over, within as many years before `now`."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    slots = years * 2 * HALF_YEAR // site.cluster.policy.slot
    made = (
        one for node, count in _shared_out(site, ended) for one in _behind(rng, node, count, slots)
    )
    write(site, made, now=now)


def fill_waiting(site: Site, entries: int, *, now: datetime = NOW, seed: int = 3) -> None:
    """Write `entries` wishes for GPUs within the next ten days, of all sizes and lengths."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    write_wishes(site, [(_gpus(rng), _length(rng), _who(rng)) for _ in range(entries)], now=now)


def _shared_out(site: Site, count: int) -> Iterator[tuple[str, int]]:
    nodes = site.cluster.nodes
    for index, node in enumerate(nodes):
        yield node.name, count * (index + 1) // len(nodes) - count * index // len(nodes)


def _ahead(
    rng: random.Random, node: str, count: int, busy: list[int], slots: int
) -> Iterator[Made]:
    """`count` bookings after what is `busy`, spread over `slots`, or as closely as they lie."""
    shapes = [(_gpus(rng), _length(rng)) for _ in range(count)]
    idle = slots * GPUS_A_NODE * 0.97 - sum(gpus * length for gpus, length in shapes)
    pause = idle / sum(gpus for gpus, _ in shapes) if shapes else 0
    limit = min(busy) + slots
    for gpus, length in shapes:
        ids = sorted(range(GPUS_A_NODE), key=busy.__getitem__)[:gpus]
        soonest = max(busy[i] for i in ids)
        begin = max(min(soonest + _pause(rng, pause), limit - length), soonest)
        end = max(begin + length, 1)
        for i in ids:
            busy[i] = end
        yield _made(rng, node, begin, end, ids)


def _behind(rng: random.Random, node: str, count: int, slots: int) -> Iterator[Made]:
    """`count` bookings over the `slots` before the present."""
    busy = [-LAST_ENDED] * GPUS_A_NODE
    longest = max(slots * GPUS_A_NODE // (2 * max(count, 1)), 1)
    for _ in range(count):
        gpus, length = _gpus(rng), rng.randint(1, longest)
        ids = sorted(range(GPUS_A_NODE), key=busy.__getitem__, reverse=True)[:gpus]
        end = min(busy[i] for i in ids)
        for i in ids:
            busy[i] = end - length
        yield _made(rng, node, end - length, end, ids)


def _made(rng: random.Random, node: str, begin: int, end: int, ids: list[int]) -> Made:
    team, person = _who(rng)
    priority = rng.choices(PRIORITIES, PRIORITY_WEIGHTS)[0]
    return Made(node, begin, end, tuple(sorted(ids)), team, person, priority)


def _who(rng: random.Random) -> tuple[str, str]:
    team = rng.randrange(TEAMS)
    return f"team-{team:02}", rng.choice(people(team))


def _gpus(rng: random.Random) -> int:
    return rng.choices(SIZES, SIZE_WEIGHTS)[0]


def _length(rng: random.Random) -> int:
    return rng.choices(LENGTHS, LENGTH_WEIGHTS)[0]


def _pause(rng: random.Random, mean: float) -> int:
    return int(rng.expovariate(1 / mean)) if mean > 0 else 0

"""Booking: from the words to the durable commit, and what the bare driver needs for its rows."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from benchmarks.figures import Figure, Times, repeated, timed
from benchmarks.laboratory import NOW, TEAMS, people
from benchmarks.sites import Sites
from bot.domain.actor import Actor
from bot.domain.conflict import Conflict
from bot.domain.request import parse_reserve
from bot.services.reserve import reserve
from bot.services.site import Site

GROUP = "reserve"
#: The tables into which one booking writes one row, each with its key.
WRITTEN = {"booking": "id", "claim": "id", "audit": "seq", "outbox": "id", "receipt": None}


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """Measure on SQLite with synchronous=FULL at 1,024 GPUs."""
    count = 200 if quick else 1000
    with sites.site(sites.large // 100) as site:
        few = booked(site, count)
    with sites.site(sites.large) as site:
        many = booked(site, count)
        floor = bare(site, count // 2).p50
    return [
        Figure(GROUP, "words to durable commit, p50", many.p50, "ms", 4 * floor, floor),
        Figure(GROUP, "words to durable commit, p99", many.p99, "ms", 10),
        Figure(GROUP, "the same, against 1/100 of the bookings", many.p50 / few.p50, "×", 1.2),
    ]


def booked(site: Site, count: int) -> Times:
    """How long bookings take that fit; those that do not are another matter."""
    rng = random.Random(6)  # noqa: S311 - no secret
    took: list[float] = []
    _warm(site)
    for number in range(count):
        book = booking(site, rng, f"command:{number}")
        try:
            took += timed([book]).all
        except Conflict:
            continue
    return Times(tuple(took))


def _warm(site: Site) -> None:
    rng = random.Random(7)  # noqa: S311 - no secret
    for number in range(5):
        booking(site, rng, f"warm:{number}")()


def booking(site: Site, rng: random.Random, key: str) -> Callable[[], object]:
    """A booking in the half-year that is not full, as somebody would type it."""
    actor = Actor(rng.choice(people(rng.randrange(TEAMS))))
    at = NOW + timedelta(days=rng.randrange(280, 340))
    words = f"{rng.choice((1, 1, 2, 4))} {at:%Y-%m-%d} {rng.randrange(0, 24, 2)}:00 " + rng.choice(
        ("2h", "4h", "12h", "1d")
    )

    def book() -> None:
        request = parse_reserve(
            words, now=NOW, zone=site.cluster.zone, cluster=site.cluster, month_first=True
        )
        reserve(site, actor, request, now=NOW, key=key)

    return book


def bare(site: Site, count: int) -> Times:
    """How long sqlite3 takes to write what one booking wrote, as durably."""
    with closing(connect(site)) as driver:
        return repeated(bare_writer(driver), count)


def connect(site: Site) -> sqlite3.Connection:
    """The bare driver on the site's file, as durable as the site."""
    path = Path(site.database.engine.url.database or "")
    driver = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    driver.execute("PRAGMA synchronous=FULL")
    return driver


def bare_writer(driver: sqlite3.Connection) -> Callable[[], None]:
    """What writes the rows of the last booking once more, with new keys."""
    inserts, number = [], 0
    for table, key in WRITTEN.items():
        newest = f"SELECT * FROM {table} ORDER BY {key or 'at'} DESC LIMIT 1"  # noqa: S608
        cursor = driver.execute(newest)
        values = dict(zip((c[0] for c in cursor.description), cursor.fetchone(), strict=True))
        if key is not None:
            number = max(number, values[key])
            values[key] = None
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        inserts.append((f"INSERT INTO {table} ({names}) VALUES ({marks})", values))  # noqa: S608
    written = 0

    def write() -> None:
        nonlocal written
        written += 1
        driver.execute("BEGIN IMMEDIATE")
        driver.execute("UPDATE node SET revision = revision + 1 WHERE name = 'gpu-000'")
        for statement, values in inserts:
            for unique in ("dedupe_key", "key"):
                if unique in values:
                    values[unique] = f"bare:{written}"
            driver.execute(statement, tuple(values.values()))
        driver.execute("COMMIT")

    return write

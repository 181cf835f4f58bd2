"""How long the server takes for a week of the calendar at 1,024 GPUs and 10,000 bookings.

`python benchmarks/calendar_data.py [weeks of history]` fills a database in a temporary folder and
prints the median and the worst of 20 answers in milliseconds.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from bot.domain.access import EVERYTHING
from bot.domain.cluster import Cluster, Node, Team
from bot.domain.window import Window
from bot.services.nodes import sync_nodes
from bot.services.recent_tracks import RecentTracks
from bot.services.site import Site
from bot.services.tracks import tracks
from bot.store import models
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.web.access import Viewer
from bot.web.calendar import calendar_json

NOW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
NODES, GPUS, SLOT_S, WEEK_S = 128, 8, 7200, 7 * 86400
#: Bookings of a week on one node.
A_WEEK = 80


def cluster() -> Cluster:
    """A large cluster with ten teams."""
    nodes = tuple(Node(f"gpu-{n:03}", GPUS, "A100") for n in range(NODES))
    teams = tuple(
        Team(f"team-{n}", f"C0T{n}", members=frozenset({f"U0P{n}"}), leads=frozenset({f"U0L{n}"}))
        for n in range(10)
    )
    return Cluster("Large", UTC, "UTC", nodes, teams)


def week(node: str, start_s: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """A week's bookings of one node, as many as fit, each free of the others by count."""
    busy = [start_s] * GPUS
    for _ in range(A_WEEK):
        gpus = rng.choice((1, 1, 2, 2, 4))
        free = sorted(range(GPUS), key=busy.__getitem__)[:gpus]
        begin = max(busy[index] for index in free)
        end = begin + SLOT_S * rng.randint(1, 6)
        for index in free:
            busy[index] = end
        yield {"node": node, "start": begin, "end": end, "gpus": gpus, "ids": free}


def fill(site: Site, weeks: int) -> int:
    """Write the week around NOW and `weeks` before it; return how many bookings there are."""
    rng, first = random.Random(7), int(NOW.timestamp()) - 2 * 86400  # noqa: S311 - no secret
    starts = [first - WEEK_S * back for back in range(weeks + 1)]
    rows = [
        row for start in starts for n in range(NODES) for row in week(f"gpu-{n:03}", start, rng)
    ]
    with site.database.transaction() as connection:
        connection.execute(insert(models.Booking), [booking(n, row) for n, row in enumerate(rows)])
        connection.execute(insert(models.Claim), [claim(n, row) for n, row in enumerate(rows)])
    return len(rows)


def booking(number: int, row: dict[str, Any]) -> dict[str, Any]:
    """A booking's row."""
    start, end = (datetime.fromtimestamp(row[name], UTC) for name in ("start", "end"))
    state = "reserved" if start > NOW else "ended" if end <= NOW else "active"
    ids = json.dumps([[row["node"], row["ids"]]])
    return {
        "id": number + 1, "owner": f"U0P{number % 10}", "team": f"team-{number % 10}",
        "start_at": start, "end_at": end, "gpus": row["gpus"],
        "shares": json.dumps([[row["node"], row["gpus"]]]), "priority": 2, "preemptible": True,
        "purpose": f"training number {number}", "state": state, "created_at": NOW,
        "created_by": f"U0P{number % 10}", "gpu_ids": None if state == "reserved" else ids,
    }  # fmt: skip


def claim(number: int, row: dict[str, Any]) -> dict[str, Any]:
    """Its claim."""
    return {
        "node": row["node"], "start_s": row["start"], "end_s": row["end"], "gpus": row["gpus"],
        "kind": "booking", "holder": number + 1, "born": 1,
    }  # fmt: skip


def measure(name: str, run: Callable[[], object]) -> None:
    """Print how long `run` takes."""
    run()
    took = []
    for _ in range(20):
        began = time.perf_counter()
        run()
        took.append((time.perf_counter() - began) * 1000)
    print(f"{name:32} median {statistics.median(took):6.1f} ms, worst {max(took):6.1f} ms")


def changed(site: Site, viewer: Viewer, recent: RecentTracks, window: Window) -> None:
    """A node is touched, as a change of a claim does, and the week is asked for again."""
    with site.database.transaction() as connection:
        connection.execute(
            update(models.Node)
            .where(models.Node.name == "gpu-007")
            .values(revision=models.Node.revision + 1)
        )
    calendar_json(site, viewer, recent.get(window, now=NOW))


def main(weeks: int) -> None:
    """Fill and measure."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'large.db'}"
        upgrade(url)
        site = Site.open(Database(url), cluster())
        sync_nodes(site, now=NOW)
        count = fill(site, weeks)
        start = NOW - timedelta(days=2)
        window = Window(start, start + timedelta(days=7))
        found = tracks(site, window, now=NOW)
        print(f"{count} bookings, {len(found.bookings)} of them in the week")
        gc.collect()
        gc.freeze()  # as `gpubot serve` does when it has started
        viewer = Viewer("U0P1", EVERYTHING)
        measure("reading and laying out", lambda: tracks(site, window, now=NOW))
        measure("as JSON", lambda: calendar_json(site, viewer, found))
        measure(
            "the first answer of a week",
            lambda: calendar_json(site, viewer, tracks(site, window, now=NOW)),
        )
        recent = RecentTracks(site)
        measure(
            "an answer when nothing changed",
            lambda: calendar_json(site, viewer, recent.get(window, now=NOW)),
        )
        measure("an answer after a change", lambda: changed(site, viewer, recent, window))
        site.database.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)

"""How long a report takes over a year of 10,000 bookings, and over four weeks of it.

Run it with `python benchmarks/report.py`. The aim: a year in under two seconds.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from bot.domain.cluster import Cluster, Node, Team
from bot.domain.report_period import parse_period
from bot.services.report import report
from bot.services.site import Site
from bot.store import models
from bot.store.database import Database
from bot.store.migrate import upgrade

NOW = datetime(2026, 11, 25, 2, 37, tzinfo=UTC)
NODES, GPUS, BOOKINGS, DAYS = 32, 8, 10_000, 730
TEAMS = ("vision", "nlp", "robotics", "speech")


def lab() -> Cluster:
    """32 nodes of 8 GPUs, four teams."""
    return Cluster(
        name="Large Lab",
        zone=ZoneInfo("Asia/Shanghai"),
        zone_name="Asia/Shanghai",
        nodes=tuple(Node(f"gpu-{n:02}", GPUS, "V100" if n % 2 else "A100") for n in range(NODES)),
        teams=tuple(Team(name, f"C0{name.upper()}") for name in TEAMS),
    )


def fill(site: Site) -> None:
    """Two years: twice BOOKINGS, each with what the audit would have of it."""
    chance = random.Random(1)  # noqa: S311
    bookings, claims, records = [], [], []
    for number in range(1, 2 * BOOKINGS + 1):
        start = (NOW - timedelta(hours=chance.randrange(2, DAYS * 24))).replace(microsecond=0)
        end, gpus = start + timedelta(hours=chance.randrange(4, 30)), chance.choice((1, 2, 4, 8))
        node, team = f"gpu-{chance.randrange(NODES):02}", chance.choice(TEAMS)
        state = {"start": start.isoformat(), "end": end.isoformat(), "gpus": gpus, "team": team}
        bookings.append(
            {
                "id": number, "owner": f"U{number % 50}", "team": team, "start_at": start,
                "end_at": end, "gpus": gpus, "shares": json.dumps([[node, gpus]]), "priority": 2,
                "preemptible": True, "purpose": "", "state": "ended", "spread": False,
                "created_at": start - timedelta(hours=9), "created_by": "U", "revision": 3,
                "asked": 0, "queued": False,
            }
        )  # fmt: skip
        claims.append(
            {
                "node": node, "start_s": int(start.timestamp()), "end_s": int(end.timestamp()),
                "gpus": gpus, "kind": "booking", "holder": number, "born": number,
            }
        )  # fmt: skip
        for at, action in ((start, "reserved"), (start, "started"), (end, "ended")):
            records.append(
                {
                    "seq": len(records) + 1, "at": at, "actor": "gpubot", "action": action,
                    "booking": number, "reason": "", "before": json.dumps(state),
                    "after": json.dumps(state), "previous_hash": "", "hash": "",
                }
            )  # fmt: skip
    with site.database.transaction() as connection:
        connection.execute(insert(models.Booking), bookings)
        connection.execute(insert(models.Claim), claims)
        connection.execute(insert(models.Audit), records)


def main() -> None:
    """Print what it takes."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'gpubot.db'}"
        upgrade(url)
        site = Site.open(Database(url), lab())
        fill(site)
        for words in ("28d", "365d"):
            period = parse_period(words, now=NOW, zone=site.cluster.zone)
            began = time.perf_counter()
            report(site, period)
            print(f"{words}: {time.perf_counter() - began:.2f} s")
        site.database.close()


if __name__ == "__main__":
    main()

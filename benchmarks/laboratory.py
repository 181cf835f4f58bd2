"""The cluster that is measured: nodes of eight GPUs, twenty teams, three hundred people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.domain.cluster import Cluster, Node, Policy, Team
from bot.services.nodes import sync_nodes
from bot.services.site import Site
from bot.store.database import Database
from bot.store.migrate import upgrade

#: Wednesday 25 November 2026, 10:37 in Shanghai: between two lines of the grid.
NOW = datetime(2026, 11, 25, 2, 37, tzinfo=UTC)
ZONE = "Asia/Shanghai"
GPUS_A_NODE = 8
MODELS = ("A100", "A100", "H100", "V100")
TEAMS, MEMBERS = 20, 15
HORIZON = timedelta(days=365)
ADMIN = "U0ADMIN"


def lab(gpus: int = 1024) -> Cluster:
    """A cluster of `gpus` GPUs whose people may book a year ahead."""
    teams = tuple(
        Team(
            f"team-{team:02}",
            f"C0TEAM{team:02}",
            members=frozenset(people(team)),
            leads=frozenset(people(team)[:1]),
        )
        for team in range(TEAMS)
    )
    return Cluster(
        name="Large Lab",
        zone=ZoneInfo(ZONE),
        zone_name=ZONE,
        nodes=tuple(
            Node(f"gpu-{number:03}", GPUS_A_NODE, MODELS[number % len(MODELS)])
            for number in range(gpus // GPUS_A_NODE)
        ),
        teams=teams,
        policy=Policy(horizon=HORIZON),
        admins=frozenset({ADMIN}),
        urgent=frozenset(people(team)[0] for team in range(TEAMS)),
    )


def people(team: int) -> list[str]:
    """The members of a team, by its number."""
    return [f"U0T{team:02}P{person:02}" for person in range(MEMBERS)]


@contextmanager
def opened(path: Path, cluster: Cluster, now: datetime = NOW) -> Iterator[Site]:
    """A site over the database file at `path`, which is made if it is not there."""
    url = f"sqlite:///{path}"
    upgrade(url)
    site = Site.open(Database(url), cluster)
    try:
        sync_nodes(site, now=now)
        yield site
    finally:
        site.database.close()

"""Three replicas on one PostgreSQL: bookings a second, and answers while everything goes wrong."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime

from benchmarks.balancer import Balancer
from benchmarks.crowd import Crowd
from benchmarks.figures import Figure, Times
from benchmarks.http import BOOKED, reserving
from benchmarks.laboratory import TEAMS, lab, people
from benchmarks.load import slash_command
from benchmarks.postgres_server import NotInstalled, PostgresServer
from benchmarks.process import processor_s, quiet_instant
from benchmarks.replica_group import Replica, replicas
from benchmarks.served import SECRET, yes_slack
from benchmarks.sites import Sites
from benchmarks.trouble import Trouble
from bot.services.audit import verify
from bot.services.site import Site
from bot.store.copying import copy_database
from bot.store.database import Database

GROUP = "replicas"
REPLICAS, CLIENTS = 3, 24
#: Most seconds that each of 300 people thinks between an answer and the next command.
THINKS_S = 4.0


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """Measure at 1,024 GPUs and 10,000 bookings; PostgreSQL writes to the disk (fsync)."""
    many, between = (300, 100) if quick else (5000, 1500)
    now = quiet_instant()
    try:
        with _server() as server:
            _fill(sites, server, now)
            with yes_slack() as api, replicas(
                REPLICAS, sites.folder, lab(), _environment(server, api)
            ) as group:  # fmt: skip
                rate, processor_ms = asyncio.run(_bookings(group, now, many))
                crowd = _through_trouble(group, server, now, between)
            _check(server)
    except NotInstalled as error:
        print(f"replicas: {error}")
        return []
    print(f"replicas: {dict(crowd.outcomes)}")
    for trouble in crowd.troubles[:3]:
        print(f"replicas: not answered in words: {trouble}")
    times = Times(tuple(1000 * took_s for took_s, _, _ in crowd.answers))
    not_done = sum(crowd.outcomes[kind] for kind in ("busy", "late", "away", "unsure"))
    return [
        Figure(GROUP, "bookings, 3 replicas, 24 clients", rate, "/s", 800, more=True),
        Figure(GROUP, "booking, processor time of the replicas", processor_ms, "ms"),
        Figure(GROUP, "answers to 300 people through it all, p50", times.p50, "ms"),
        Figure(GROUP, "answers to 300 people through it all, p99", times.p99, "ms", 1000),
        Figure(GROUP, "of them “please try again”", 100 * not_done / len(crowd.answers), "%"),
        Figure(GROUP, "not answered in words", len(crowd.troubles), "", 0),
    ]


@contextmanager
def _server() -> Iterator[PostgresServer]:
    server = PostgresServer(durable=True)
    try:
        server.execute("CREATE DATABASE gpubot")
        yield server
    finally:
        server.remove()


def _fill(sites: Sites, server: PostgresServer, now: datetime) -> None:
    path = sites.path(sites.large // 10, now=now)
    copy_database(f"sqlite:///{path}", server.url("gpubot"))
    path.unlink()
    # As every few minutes: a crash has to replay what people did, not the copy.
    server.execute("CHECKPOINT")


def _environment(server: PostgresServer, api: str) -> dict[str, str]:
    return {
        "SLACK_BOT_TOKEN": "xoxb-benchmarks",
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": api,
        "GPUBOT_DATABASE_URL": server.url("gpubot"),
        "GPUBOT_LOG_LEVEL": "ERROR",
    }


async def _bookings(group: list[Replica], now: datetime, many: int) -> tuple[float, float]:
    """Bookings a second by all replicas together, and milliseconds of a processor for each."""
    balancer = Balancer([replica.port for replica in group], SECRET, CLIENTS)
    make = reserving(now)
    bodies = iter([slash_command(*make(number)) for number in range(many + 10 * CLIENTS)])
    booked = 0

    async def client(count: int | None) -> None:
        nonlocal booked
        for body in bodies:
            answer = await balancer.send(body)
            booked += BOOKED in answer.body
            count = None if count is None else count - 1
            if count == 0:
                return

    # Before it counts, everybody's profile has been asked for and every cache is filled.
    await asyncio.gather(*(client(10) for _ in range(CLIENTS)))
    booked, began, busy_s = 0, time.perf_counter(), sum(map(processor_s, group))
    await asyncio.gather(*(client(None) for _ in range(CLIENTS)))
    took_s, busy_s = time.perf_counter() - began, sum(map(processor_s, group)) - busy_s
    await balancer.close()
    return booked / took_s, 1000 * busy_s / booked


def _through_trouble(
    group: list[Replica], server: PostgresServer, now: datetime, between: int
) -> Crowd:
    everybody = [user for team in range(TEAMS) for user in people(team)]
    random.Random(3).shuffle(everybody)  # noqa: S311 - no secret
    balancer = Balancer([replica.port for replica in group], SECRET, CLIENTS)
    crowd = Crowd(balancer, everybody, now, THINKS_S)
    asyncio.run(Trouble(group, server, crowd, between).happen(seed=1))
    return crowd


def _check(server: PostgresServer) -> None:
    with closing(Database(server.url("gpubot"))) as database:
        verdict = verify(Site.open(database, lab()))
    if not verdict.ok:
        raise RuntimeError(f"the audit log is not whole: {verdict.why}")

"""Booking on PostgreSQL by several writers at once, and what the bare driver needs for the rows."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figure, Times
from benchmarks.laboratory import GPUS_A_NODE, NOW, TEAMS, lab, people
from benchmarks.rows import number_on
from benchmarks.sites import Sites
from benchmarks.workload import fill, fill_past
from bot.domain.actor import Actor
from bot.domain.conflict import Conflict
from bot.domain.request import build_request
from bot.services.nodes import sync_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store.database import Database
from bot.store.migrate import upgrade

if TYPE_CHECKING:
    import psycopg

    from benchmarks.postgres_server import PostgresServer

GROUP = "postgresql"
#: Each process has as many threads as make so many writers.
WRITERS = 8
#: Seconds that count, and seconds before them in which everything gets warm.
COUNTED_S, WARM_S = 5.0, 1.0
#: Tables into which one booking writes a row.
WRITTEN = ("booking", "claim", "audit", "outbox", "receipt")

#: Seconds of each turn, by the clock on the wall: a writer mostly waits for others.
Took = list[float]


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """Measure `reserve` on a PostgreSQL of one's own that syncs its log to the disk."""
    with server_for(GROUP) as server:
        if server is None:
            return []
        url = server.url("postgres")
        fill_database(url, sites.large // 10)
        counted = COUNTED_S / 5 if quick else COUNTED_S
        alone = _per_second(url, _services, 1, counted)
        apart = _per_second(url, _services, 2, counted)
        floor = _per_second(url, _bare, 1, counted)
    (one, times), (two, _), (bare, _) = alone, apart, floor
    name = f"bookings, {WRITERS} writers"
    return [
        Figure(GROUP, f"{name} in one process", one, "/s", 1500, bare, more=True),
        Figure(GROUP, f"{name} in two processes", two, "/s", 1500, bare, more=True),
        Figure(GROUP, "one of them, one process, p99", times.p99, "ms"),
    ]


@contextmanager
def server_for(group: str) -> Iterator[PostgresServer | None]:
    """A server; None where there can be none, and a word about why, for `group`."""
    try:
        from benchmarks.postgres_server import NotInstalled, PostgresServer  # noqa: PLC0415
    except ModuleNotFoundError:
        print(f"{group}: skipped, PostgreSQL's driver is missing: pip install 'gpubot[postgresql]'")
        yield None
        return
    try:
        server = PostgresServer(durable=True)
    except NotInstalled as error:
        print(f"{group}: skipped, {error}")
        yield None
        return
    try:
        yield server
    finally:
        server.remove()


def fill_database(url: str, live: int, ended: int = 0) -> None:
    """Make the tables, with so many live bookings, and so many that ended."""
    import psycopg  # noqa: PLC0415 - the driver is an extra

    upgrade(url)
    with closing(Database(url)) as database:
        site = Site.open(database, lab())
        sync_nodes(site, now=NOW)
        fill_past(site, ended)
        fill(site, live)
        with database.transaction(patient=True) as connection:
            number_on(connection)
    with psycopg.connect(url, autocommit=True) as connection:
        # Autovacuum would come to it, but while something is measured.
        connection.execute("VACUUM ANALYZE")


def _per_second(
    url: str, work: Callable[[str, int, int, float, Any, Any], None], processes: int, counted: float
) -> tuple[float, Times]:
    """How many turns a second all writers took together, and how long one took."""
    context = multiprocessing.get_context("spawn")
    gathered, ready = context.Queue(), context.Barrier(processes)
    threads = WRITERS // processes
    began = [
        context.Process(
            target=work, args=(url, number * threads, threads, counted, ready, gathered)
        )
        for number in range(processes)
    ]
    for process in began:
        process.start()
    found = [gathered.get(timeout=40) for _ in began]
    for process in began:
        process.join()
    took = [one for part in found for one in part]
    return len(took) / counted, Times(tuple(one * 1000 for one in took))


def _services(
    url: str, first: int, threads: int, counted: float, ready: Any, gathered: Any
) -> None:
    """What one process does: its threads share a site, as in `gpubot serve`."""
    with closing(Database(url)) as database:
        site = Site.open(database, lab())
        turns = [_booking(site, random.Random(first + n)) for n in range(threads)]  # noqa: S311
        gathered.put(_at_once(turns, counted, ready))


def _bare(url: str, first: int, threads: int, counted: float, ready: Any, gathered: Any) -> None:
    import psycopg  # noqa: PLC0415 - the driver is an extra

    connections = [psycopg.connect(url, autocommit=True) for _ in range(threads)]
    turns = [_bare_writer(one, first + n) for n, one in enumerate(connections)]
    gathered.put(_at_once(turns, counted, ready))
    for one in connections:
        one.close()


def _at_once(turns: list[Callable[[], None]], counted: float, ready: Any) -> Took:
    """How long each turn took that ended within the seconds that count."""
    took: Took = []
    turns[0]()
    ready.wait()
    begin = time.perf_counter() + WARM_S

    def work(turn: Callable[[], None]) -> None:
        while (at := time.perf_counter()) < begin + counted:
            turn()
            if begin <= time.perf_counter() < begin + counted:
                took.append(time.perf_counter() - at)

    threads = [threading.Thread(target=partial(work, turn)) for turn in turns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def _booking(site: Site, rng: random.Random) -> Callable[[], None]:
    """Books in the half-year that is not full."""

    def book() -> None:
        actor = Actor(rng.choice(people(rng.randrange(TEAMS))))
        at = NOW + timedelta(days=rng.randrange(200, 340))
        request = build_request(
            gpus=rng.choice((1, 1, 2, 4)),
            start=at.replace(hour=rng.randrange(0, 24, 2), minute=0),
            length=timedelta(hours=rng.choice((2, 4, 12, 24))),
            now=NOW,
            cluster=site.cluster,
        )
        with suppress(Conflict):
            reserve(site, actor, request, now=NOW, key=f"{rng.random()}")

    return book


def _bare_writer(connection: psycopg.Connection, number: int) -> Callable[[], None]:
    """What writes the rows of the last booking once more, with new keys, at a time of its own."""
    found = {name: _last_row(connection, name) for name in WRITTEN}
    inserts = [(_insert(name, row), row) for name, row in found.items()]
    node, written = f"gpu-{number:03}", 0

    def write() -> None:
        nonlocal written
        written += 1
        unique = f"bare:{number}:{written}"
        found["claim"].update(
            node=node, start_s=10**10 + written * 7200, end_s=10**10 + (written + 1) * 7200,
            gpus=GPUS_A_NODE,
        )  # fmt: skip
        found["outbox"]["dedupe_key"] = found["receipt"]["key"] = unique
        found["audit"]["seq"] = 10**9 + number * 10**6 + written
        with connection.transaction():
            connection.execute("UPDATE node SET revision = revision + 1 WHERE name = %s", [node])
            for statement, row in inserts:
                connection.execute(statement, row)

    return write


def _insert(table: str, row: dict[str, Any]) -> str:
    marks = ", ".join(f"%({column})s" for column in row)
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608


def _last_row(connection: psycopg.Connection, table: str) -> dict[str, Any]:
    """The last row of a table, without the number that the database gives it."""
    order = {"audit": "seq", "receipt": "at"}.get(table, "id")
    cursor = connection.execute(f"SELECT * FROM {table} ORDER BY {order} DESC LIMIT 1")  # noqa: S608
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    row = dict(zip(names, cursor.fetchone() or (), strict=True))
    row.pop("id", None)
    return row

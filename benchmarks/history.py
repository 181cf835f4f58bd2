"""A million ended bookings: whether they slow down what people do now."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from itertools import islice, repeat

from benchmarks import calendar_data, reserve, search, waitlist
from benchmarks.figures import Figure, Stopwatch
from benchmarks.laboratory import NOW, TEAMS, lab, people
from benchmarks.postgresql import fill_database, server_for
from benchmarks.sites import Sites
from benchmarks.workload import fill_waiting
from bot.domain.conflict import Conflict
from bot.domain.window import Window
from bot.services.keep_time import keep_time
from bot.services.nodes import sync_nodes
from bot.services.own_bookings import page_of_bookings
from bot.services.site import Site
from bot.services.tracks import tracks
from bot.store.database import Database
from bot.web.calendar import calendar_json

GROUP = "history"
#: A week that is ahead: one that has begun shows what has ended of it, which is no slower for that.
WEEK = Window(NOW, NOW + timedelta(days=7))
#: How many list what they have booked.
LISTED = 8

#: A site → things to try, one after another, each of which is timed by itself.
Tries = Callable[[Site], Iterator[Callable[[], object]]]


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """The same with and without five years of history, at 1,024 GPUs and 100,000 bookings."""
    part = 4 if quick else 1
    with (
        sites.site(sites.large) as without,
        sites.site(sites.large, ended=sites.history) as with_it,
    ):
        both = (without, with_it)
        found = [_compared(name, *both, times // part) for name, times in TIMES.items()]
        for site in both:
            fill_waiting(site, waitlist.WAITING)
        found.append(_compared("a cancellation, 1,000 wait", *both, 40 // part))
    return [*found, *_on_postgresql(sites, part)]


def _on_postgresql(sites: Sites, part: int) -> list[Figure]:
    """The same with a tenth of everything, by the clock: most of the work is the server's."""
    with ExitStack() as stack:
        server = stack.enter_context(server_for(f"{GROUP} on PostgreSQL"))
        if server is None:
            return []
        opened: list[Site] = []
        for name, ended in (("without", 0), ("with_it", sites.history // 10)):
            server.execute(f"CREATE DATABASE {name}")
            fill_database(server.url(name), sites.large // 10, ended)
            database = stack.enter_context(closing(Database(server.url(name))))
            opened.append(Site.open(database, lab()))
        return [
            _compared(name, *opened, max(TIMES[name] // part, 20), where=" on PostgreSQL",
                      read=time.perf_counter)
            for name in ON_POSTGRESQL
        ]  # fmt: skip


def _compared(
    name: str,
    without: Site,
    with_it: Site,
    times: int,
    *,
    where: str = "",
    read: Callable[[], float] | None = None,
) -> Figure:
    """The median with history against that without; the two take turns, and the first is warm."""
    read = read or Stopwatch.read
    took: tuple[list[float], list[float]] = ([], [])
    tries = zip(TRIES[name](without), TRIES[name](with_it), strict=False)
    for number, pair in enumerate(islice(tries, times + 1)):
        for which in (0, 1) if number % 2 else (1, 0):
            began = read()
            with suppress(Conflict):
                pair[which]()
                took[which].append(read() - began)
    ratio = statistics.median(took[1][1:]) / statistics.median(took[0][1:])
    return Figure(GROUP, f"{name}{where}, with history against without", ratio, "×", 1.1)


def _windows(site: Site) -> Iterator[Callable[[], object]]:
    return repeat(lambda: search.find(site, search.EASY[2]))


def _mine(site: Site) -> Iterator[Callable[[], object]]:
    users = [people(team)[1] for team in range(TEAMS)][:LISTED]
    return repeat(lambda: [page_of_bookings(site, user, 0, 5, now=NOW) for user in users])


def _ticks(site: Site) -> Iterator[Callable[[], object]]:
    return repeat(lambda: keep_time(site, now=NOW))


def _weeks(site: Site) -> Iterator[Callable[[], object]]:
    viewer, reader = calendar_data.VIEWER, calendar_data.READER
    return repeat(lambda: calendar_json(site, viewer, reader, tracks(site, WEEK, now=NOW)))


def _starts(site: Site) -> Iterator[Callable[[], object]]:
    """What a start reads: the nodes, their calendar, and what is promised on them."""
    return repeat(lambda: sync_nodes(Site.open(site.database, site.cluster), now=NOW))


def _bookings(site: Site) -> Iterator[Callable[[], object]]:
    rng = random.Random(6)  # noqa: S311 - no secret
    for number in range(10_000):
        yield reserve.booking(site, rng, f"command:{number}")


def _cancellations(site: Site) -> Iterator[Callable[[], object]]:
    yield from waitlist.cancellations(site, 100)


TRIES: dict[str, Tries] = {
    "earliest window": _windows,
    "`mine`": _mine,
    "a tick": _ticks,
    "a week of the calendar": _weeks,
    "what a start reads": _starts,
    "a booking": _bookings,
    "a cancellation, 1,000 wait": _cancellations,
}
#: How often each is tried, before anybody waits.
TIMES = {
    "earliest window": 200,
    "`mine`": 60,
    "a tick": 100,
    "a week of the calendar": 20,
    "what a start reads": 10,
    "a booking": 150,
}
#: What is also tried on PostgreSQL.
ON_POSTGRESQL = ("`mine`", "a tick", "what a start reads", "a booking")

"""What a cancellation costs when a thousand wait: the pass over the waitlist, until the commit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select
from sqlmodel import col

from benchmarks.figures import Figure, Times, repeated, timed
from benchmarks.laboratory import ADMIN, NOW
from benchmarks.sites import Sites
from benchmarks.workload import fill_waiting
from bot.domain.actor import Actor
from bot.services.cancel import cancel
from bot.services.site import Site
from bot.store import models, wait_queries

GROUP = "waitlist"
WAITING = 1000


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """Measure at 1,024 GPUs and 100,000 bookings."""
    count = 10 if quick else 40
    with sites.site(sites.large) as site:
        without = _cancelled(site, count)
        fill_waiting(site, WAITING)
        _cancelled(site, 1)  # Whoever has room at once is served by the first.
        floor = repeated(lambda: _read(site), 20).p50
        with_them = _cancelled(site, count)
    return [
        Figure(GROUP, "a cancellation, nobody waits, p50", without.p50, "ms"),
        Figure(GROUP, "a cancellation, 1,000 wait, p50", with_them.p50, "ms", 20, floor),
        Figure(GROUP, "a cancellation, 1,000 wait, worst", with_them.p99, "ms"),
    ]


def _cancelled(site: Site, count: int) -> Times:
    return timed(cancellations(site, count))


def cancellations(site: Site, count: int) -> list[Callable[[], object]]:
    """Cancel bookings of one GPU of the next ten days, in which all of them wait."""
    booking = models.Booking
    found = (
        select(col(booking.id))
        .where(
            col(booking.state) == "reserved",
            col(booking.gpus) <= 2,
            col(booking.start_at) > NOW + timedelta(days=1),
            col(booking.start_at) < NOW + timedelta(days=8),
        )
        .order_by(col(booking.id))
        .limit(count)
    )
    with site.database.snapshot() as connection:
        ids = list(connection.execute(found).scalars())
    return [_cancelling(site, number) for number in ids]


def _cancelling(site: Site, number: int | None) -> Callable[[], object]:
    assert number is not None
    return lambda: cancel(site, Actor(ADMIN), number, reason="benchmark", now=NOW)


def _read(site: Site) -> None:
    with site.database.snapshot() as connection:
        wait_queries.waiting(connection)

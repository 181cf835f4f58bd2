"""A million ended bookings: whether they slow down what people do now."""

from __future__ import annotations

from benchmarks import calendar_data, reserve, search
from benchmarks.figures import Figure, repeated
from benchmarks.laboratory import NOW
from benchmarks.sites import Sites
from bot.services.keep_time import keep_time
from bot.services.look import bookings_of
from bot.services.site import Site

GROUP = "history"


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """The same with and without five years of history, at 1,024 GPUs and 100,000 bookings."""
    times = 10 if quick else 50
    with sites.site(sites.large) as site:
        without = _present(site, times)
    with sites.site(sites.large, ended=sites.history) as site:
        with_it = _present(site, times)
    return [
        Figure(GROUP, f"{name}, with history against without", with_it[name] / took, "×", 1.1)
        for name, took in without.items()
    ]


def _present(site: Site, times: int) -> dict[str, float]:
    """Milliseconds for things that are about the present, the least of many."""
    keep_time(site, now=NOW)
    return {
        "earliest window": repeated(lambda: search.find(site, search.EASY[2]), times).least,
        "`mine`": repeated(lambda: bookings_of(site, "U0T01P01", now=NOW), times).least,
        "tick": repeated(lambda: keep_time(site, now=NOW), times).least,
        "calendar week": repeated(lambda: calendar_data.first_answer(site), times // 5).least,
        "booking": reserve.booked(site, times).least,
    }

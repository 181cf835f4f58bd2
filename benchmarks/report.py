"""Reports over four weeks and over a year, of a history of 50,000 bookings in five years."""

from __future__ import annotations

import gc

from benchmarks.figures import Figure, repeated
from benchmarks.laboratory import NOW, lab, opened
from benchmarks.sites import Sites
from benchmarks.workload import fill_past
from bot.domain.report_period import parse_period
from bot.services.report import report
from bot.services.site import Site

GROUP = "report"


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """Measure at 256 GPUs and 10,000 bookings a year."""
    with opened(sites.folder / "report.db", lab(256)) as site:
        fill_past(site, 5_000 if quick else 50_000)
        gc.collect()
        gc.freeze()  # As `gpubot serve` does when it has started.
        month, year = _took(site, "28d"), _took(site, "365d")
    gc.unfreeze()
    return [
        Figure(GROUP, "four weeks", month, "ms"),
        Figure(GROUP, "a year of 10,000 bookings", year, "ms", 2000),
    ]


def _took(site: Site, words: str) -> float:
    period = parse_period(words, now=NOW, zone=site.cluster.zone)
    return repeated(lambda: report(site, period), 3).p50

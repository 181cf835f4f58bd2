"""A week of the calendar as the page gets it: everything on 1,024 GPUs, as JSON."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update
from sqlmodel import col

from benchmarks.figures import Figure, Times, repeated, timed
from benchmarks.laboratory import NOW
from benchmarks.sites import Sites
from bot.domain.access import EVERYTHING
from bot.domain.window import Window
from bot.services.recent_tracks import RecentTracks
from bot.services.site import Site
from bot.services.tracks import tracks
from bot.store import models
from bot.web.access import Viewer
from bot.web.calendar import calendar_json
from bot.web.plain import Plain

GROUP = "calendar"
VIEWER = Viewer("U0T01P01", EVERYTHING)
READER = Plain()
WEEK = Window(NOW - timedelta(days=2), NOW + timedelta(days=5))


def measure(sites: Sites, *, quick: bool) -> list[Figure]:
    """Measure at 1,024 GPUs and 100,000 bookings."""
    times = 5 if quick else 20
    with sites.site(sites.large) as site:
        first = repeated(lambda: first_answer(site), times).p50
        recent = RecentTracks(site)
        after_change = _after_changes(site, recent, times).p50
        same = repeated(
            lambda: calendar_json(site, VIEWER, READER, recent.get(WEEK, now=NOW)), times
        ).p50
        floor = repeated(_floor(site), times).p50
    return [
        Figure(GROUP, "a week, first answer", first, "ms", None, floor),
        Figure(GROUP, "a week, after a change", after_change, "ms", 30, floor),
        Figure(GROUP, "a week, when nothing changed", same, "ms", 30, floor),
    ]


def first_answer(site: Site) -> bytes:
    """The document, of a week that nobody has asked for."""
    return calendar_json(site, VIEWER, READER, tracks(site, WEEK, now=NOW))


def _after_changes(site: Site, recent: RecentTracks, times: int) -> Times:
    """How long the answer takes each time that a node was touched, as a change of a claim does."""
    took: list[float] = []
    for _ in range(times):
        with site.database.transaction() as connection:
            connection.execute(
                update(models.Node)
                .where(col(models.Node.name) == "gpu-007")
                .values(revision=col(models.Node.revision) + 1)
            )
        again = timed([lambda: calendar_json(site, VIEWER, READER, recent.get(WEEK, now=NOW))])
        took += again.all
    return Times(tuple(took))


def _floor(site: Site) -> Callable[[], object]:
    """The bare driver reads the bookings of the week, and the encoder writes the document."""
    driver = sqlite3.connect(Path(site.database.engine.url.database or ""))
    document = json.loads(first_answer(site))
    span = (int(WEEK.start.timestamp()), int(WEEK.end.timestamp()))
    rows = """
        SELECT booking.* FROM claim JOIN booking ON booking.id = claim.holder
        WHERE claim.node = ? AND gone IS NULL AND end_s > ? AND start_s < ?
    """

    def read_and_write() -> None:
        for node in site.cluster.nodes:
            driver.execute(rows, (node.name, *span)).fetchall()
        json.dumps(document)

    return read_and_write

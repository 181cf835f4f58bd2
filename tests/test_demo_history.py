"""The demo's past: made by the bot's own services, whole, and over when the demo begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from databases import new_database
from sqlalchemy import text

from bot.demo import cluster
from bot.demo_history import DAYS, History
from bot.domain.report_definitions import FigureName
from bot.domain.report_period import parse_period
from bot.domain.report_reading import reading
from bot.services import audit
from bot.services.nodes import sync_nodes
from bot.services.report import report
from bot.services.site import Site
from bot.store.database import Database

NOW = datetime(2026, 11, 25, 2, 37, tzinfo=UTC)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The sample lab with its past; nothing changes any more."""
    site = Site.open(Database(new_database(tmp_path_factory.mktemp("history"))), cluster())
    sync_nodes(site, now=NOW)
    History(site, NOW).live()
    yield site
    site.database.close()


def count(site: Site, question: str) -> int:
    with site.database.snapshot() as connection:
        return int(connection.execute(text(question), {"now": NOW}).scalar_one())


def test_it_is_over_when_the_demo_begins(site: Site) -> None:
    assert count(site, "SELECT count(*) FROM booking WHERE state IN ('reserved', 'active')") == 0
    assert count(site, "SELECT count(*) FROM waitlistentry WHERE state = 'waiting'") == 0
    assert count(site, "SELECT count(*) FROM outbox WHERE state = 'pending'") == 0
    with site.database.snapshot() as connection:
        last = connection.execute(text("SELECT max(at) FROM audit")).scalar_one()
    assert last < f"{NOW - timedelta(days=1):%Y-%m-%d %H:%M}"


def test_its_audit_chain_is_whole(site: Site) -> None:
    assert audit.verify(site).ok


def test_reports_have_something_to_tell_of_everything(site: Site) -> None:
    found = report(site, parse_period(f"{DAYS}d", now=NOW, zone=site.cluster.zone))
    for name in (
        FigureName.BEGUN, FigureName.CANCELLED, FigureName.NO_SHOWS, FigureName.REFUSALS,
        FigureName.WISHES, FigureName.YIELDED, FigureName.EARLY_RATE, FigureName.EXTENSION_RATE,
    ):  # fmt: skip
        assert found.cluster.value(name), name
    assert 0.2 < (found.cluster.value(FigureName.UTILISATION) or 0) < 0.9
    assert found.shortages
    assert len(reading(found, found.cluster)) > 3

"""A site on a real database: each test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import builders
import pytest

from bot.domain.cluster import Cluster
from bot.services.nodes import sync_nodes
from bot.services.site import Site
from bot.store.database import Database


@pytest.fixture
def open_site(database_url: str) -> Iterator[Callable[[Cluster], Site]]:
    """A function that opens a site over one database, as a process would at its start."""
    databases = []

    def opened(cluster: Cluster) -> Site:
        database = Database(database_url)
        databases.append(database)
        site = Site.open(database, cluster)
        sync_nodes(site, now=builders.NOW)
        return site

    yield opened
    for database in databases:
        database.close()


@pytest.fixture
def site(open_site: Callable[[Cluster], Site]) -> Site:
    """A site with the sample cluster."""
    return open_site(builders.cluster())

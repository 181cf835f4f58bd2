"""A site on a real SQLite file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import builders
import pytest
from databases import new_database

from bot.domain.cluster import Cluster
from bot.services.nodes import sync_nodes
from bot.services.site import Site
from bot.store.database import Database


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Callable[[Cluster], Site]]:
    """A function that opens a site over one database file, as a process would at its start."""
    url = new_database(tmp_path)
    databases = []

    def opened(cluster: Cluster) -> Site:
        database = Database(url)
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

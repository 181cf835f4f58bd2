"""A site on a real SQLite file, and people who talk to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import builders
import pytest
from databases import new_database
from talk import Talk

from bot.domain.cluster import Cluster
from bot.services.nodes import sync_nodes
from bot.services.site import Site
from bot.store.database import Database


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """A function that opens a site of its own for a cluster."""
    databases = []

    def opened(cluster: Cluster, address: str = "") -> Site:
        databases.append(Database(new_database(tmp_path, f"gpubot-{len(databases)}.db")))
        site = Site.open(databases[-1], cluster, lambda: address)
        sync_nodes(site, now=builders.NOW)
        return site

    yield opened
    for database in databases:
        database.close()


@pytest.fixture
def site(open_site: Callable[[Cluster], Site]) -> Site:
    """A site with the sample cluster."""
    return open_site(builders.cluster())


@pytest.fixture
def alice(site: Site) -> Talk:
    """A lead of team vision."""
    return Talk(site, builders.ALICE)


@pytest.fixture
def bob(site: Site) -> Talk:
    """A member of team vision."""
    return Talk(site, builders.BOB)


@pytest.fixture
def admin(site: Site) -> Talk:
    """An admin."""
    return Talk(site, builders.ADMIN)

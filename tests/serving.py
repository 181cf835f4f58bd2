"""Routes that listen on this machine, over a site of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import httpx
from builders import NOW, cluster
from clients import client
from fastapi import APIRouter, FastAPI
from patience import PATIENCE_S

from bot.domain.cluster import Cluster
from bot.services.nodes import sync_nodes
from bot.services.site import Site
from bot.store.database import Database
from bot.web import problems
from bot.web.server import WebServer


@dataclass
class Served:
    """A site, its clock, and a client of its web side."""

    site: Site
    web: httpx.Client
    now: datetime = NOW


@contextmanager
def served(
    url: str,
    routes: Callable[[Site, Callable[[], datetime]], APIRouter],
    of: Cluster | None = None,
) -> Iterator[Served]:
    """Have `routes` answer over the database at `url` for as long as the block runs."""
    site = Site.open(Database(url), of or cluster(), lambda: "http://gpubot.example.com")
    sync_nodes(site, now=NOW)
    lab = Served(site, client())
    web = FastAPI(openapi_url=None)
    problems.install(web)
    web.include_router(routes(site, lambda: lab.now))
    server = WebServer(web, "127.0.0.1", 0)
    server.start()
    lab.web.base_url = httpx.URL(server.address)
    try:
        yield lab
    finally:
        lab.web.close()
        server.stop(PATIENCE_S)
        site.database.close()

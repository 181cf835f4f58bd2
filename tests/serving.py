"""Routes that listen on this machine, over a site in a temporary folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from builders import NOW, cluster
from fastapi import APIRouter, FastAPI

from bot.domain.cluster import Cluster
from bot.main import WebServer
from bot.services.nodes import sync_nodes
from bot.services.site import Site
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.web import problems


@dataclass
class Served:
    """A site, its clock, and a client of its web side."""

    site: Site
    web: httpx.Client
    now: datetime = NOW


@cache
def empty_database() -> bytes:
    """A database file with every table and no row; migrating takes longer than most tests."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "gpubot.db"
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()


@contextmanager
def served(
    folder: Path,
    routes: Callable[[Site, Callable[[], datetime]], APIRouter],
    of: Cluster | None = None,
) -> Iterator[Served]:
    """Have `routes` answer for as long as the block runs."""
    (folder / "gpubot.db").write_bytes(empty_database())
    url = f"sqlite:///{folder / 'gpubot.db'}"
    site = Site.open(Database(url), of or cluster(), lambda: "http://gpubot.example.com")
    sync_nodes(site, now=NOW)
    lab = Served(site, httpx.Client(trust_env=False))
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
        server.stop(5)
        site.database.close()

"""The whole web side of a site that listens on this machine, and clients with tokens of people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from builders import NOW, actor, cluster
from clients import client
from patience import PATIENCE_S

from bot.domain.access import Scope, TokenKind
from bot.domain.cluster import Cluster
from bot.services.nodes import sync_nodes
from bot.services.site import Site
from bot.services.tokens import create_token
from bot.store.database import Database
from bot.web.app import build_web
from bot.web.server import WebServer
from bot.web.sessions import COOKIE, new_session, seal_session

PROBLEM = "application/problem+json"
ADDRESS = "http://gpubot.example.com"


@dataclass
class ApiLab:
    """A site, its clock, and who asks it over HTTP."""

    site: Site
    now: datetime = NOW
    address: str = ""
    _clients: list[httpx.Client] = field(default_factory=list)

    def client(self, **headers: str) -> httpx.Client:
        """Somebody with those headers."""
        made = client(f"{self.address}/api/v1", headers=headers)
        self._clients.append(made)
        return made

    def token(
        self,
        user: str,
        *scopes: Scope,
        team: str | None = None,
        lasts: timedelta = timedelta(days=9),
    ) -> str:
        """The secret of a new token; `read` and `book` where no scope is named."""
        _, secret = create_token(
            self.site,
            actor(user),
            kind=TokenKind.PIPELINE if team else TokenKind.PERSON,
            name="nightly",
            scopes=scopes or (Scope.READ, Scope.BOOK),
            team=team,
            expires_at=self.now + lasts,
            now=self.now,
        )
        return secret

    def by(self, user: str, *scopes: Scope, team: str | None = None) -> httpx.Client:
        """A program with a token of `user`."""
        return self.client(Authorization=f"Bearer {self.token(user, *scopes, team=team)}")

    def signed_in(self, user: str, *, csrf: bool = True) -> httpx.Client:
        """Somebody on the page, whose script repeats the session's secret (or not)."""
        session = new_session(user, now=self.now)
        headers = {"X-CSRF-Token": session.csrf} if csrf else {}
        made = self.client(**headers)
        made.cookies.set(COOKIE, seal_session(self.site, session))
        return made

    def close(self) -> None:
        """Close all clients."""
        for one in self._clients:
            one.close()


@contextmanager
def api_lab(url: str, of: Cluster | None = None) -> Iterator[ApiLab]:
    """A lab over the database at `url` that answers for as long as the block runs."""
    site = Site.open(Database(url), of or cluster(), lambda: ADDRESS)
    sync_nodes(site, now=NOW)
    lab = ApiLab(site)
    server = WebServer(build_web(None, list, site, lambda: lab.now), "127.0.0.1", 0)
    server.start()
    lab.address = server.address
    try:
        yield lab
    finally:
        lab.close()
        server.stop(PATIENCE_S)
        site.database.close()


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body of a problem, which has to have that status and code."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM), answer.text
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["detail"]
    return body

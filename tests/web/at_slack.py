"""A gpubot in the embedded Slack, and a browser of sorts, for the tests of signing in."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import builders
import httpx
from clients import client
from patience import PATIENCE_S

from bot.domain.cluster import Cluster
from bot.sandbox import Sandbox, SandboxChannel, SandboxClock, SandboxUser
from bot.services.nodes import sync_nodes
from bot.services.site import Site
from bot.store.database import Database
from bot.web.app import build_web
from bot.web.open_id import OpenId
from bot.web.server import WebServer
from bot.web.sign_in import CALLBACK

MANIFEST = Path(__file__).parents[2] / "manifest.yml"
TEAM = "T0LAB"
PEOPLE = [
    SandboxUser(builders.ALICE, "alice", "Alice Martin", tz="Asia/Shanghai"),
    SandboxUser(builders.BOB, "bob", "Bob Keller", tz="Europe/Berlin"),
]


@dataclass
class Lab:
    """A site whose web side listens, a workspace that signs people in, and who was welcomed."""

    site: Site
    slack: Sandbox
    #: The workspace that the bot believes to be its own.
    team: str | None = TEAM
    #: The public address, where it is another one than where the web side listens.
    public: str = ""
    now: datetime = builders.NOW
    welcomed: list[str] = field(default_factory=list)
    server: WebServer | None = None

    @property
    def address(self) -> str:
        assert self.server is not None
        return self.public or self.server.address

    def browser(self) -> httpx.Client:
        """A browser: it keeps cookies, and follows a redirect when it is told to."""
        assert self.server is not None
        return client(self.server.address)

    def begin_anew(self) -> Lab:
        """The lab as it was, but for its database; for tests that share one."""
        self.team, self.public, self.now = TEAM, "", builders.NOW
        self.welcomed.clear()
        self.slack.faults.clear()
        return self


@contextmanager
def lab(url: str, cluster: Cluster | None = None, *, open_id: bool = True) -> Iterator[Lab]:
    """A lab over the database at `url`; with `open_id` people sign in with Slack."""
    database = Database(url)
    slack = Sandbox(
        manifest=MANIFEST,
        users=PEOPLE,
        channels=[SandboxChannel("C0VISION", "vision", members=[builders.ALICE])],
        clock=SandboxClock(builders.NOW, speed=0),
        team_id=TEAM,
        ack_timeout=PATIENCE_S,
    )
    with slack:
        site = Site.open(
            database, cluster or builders.cluster(), lambda: made.address, open_id=open_id
        )
        sync_nodes(site, now=builders.NOW)
        made = Lab(site, slack)
        signing = OpenId(
            slack.client_id,
            slack.client_secret,
            slack.api_url,
            redirect=lambda: made.address + CALLBACK,
            team=lambda: made.team,
        )
        web = build_web(
            None,
            list,
            site,
            lambda: made.now,
            open_id=signing if open_id else None,
            welcome=made.welcomed.append,
        )
        made.server = WebServer(web, "127.0.0.1", 0)
        made.server.start()
        slack.allow_redirect(made.address + CALLBACK)
        try:
            yield made
        finally:
            made.server.stop(PATIENCE_S)
            site.database.close()


def allow(slack_page: str, user: str) -> str:
    """Press *Allow* at Slack as `user`; the address that Slack sends the browser back to."""
    return answered(slack_page, user=user, allow="1")


def answered(slack_page: str, **pressed: str) -> str:
    """Answer Slack's question; the address that Slack sends the browser back to."""
    with client() as browser:
        answer = browser.post(slack_page, data=pressed)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def query(address: str) -> dict[str, str]:
    """The query of an address."""
    return dict(parse_qsl(urlsplit(address).query))


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


def said(answer: httpx.Response) -> str:
    """What the page says between its tags, in one line."""
    main = re.search(r"<main.*?</main>", answer.text, re.DOTALL)
    assert main is not None, answer.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main[0])).split())

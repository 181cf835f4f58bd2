"""Every proof at every route of a whole gpubot, and no route that is not in the table."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from builders import ADMIN, BOB, NOW, actor
from clients import client
from doors import BODIES, DOORS, SIGNING_IN, Proof
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from patience import PATIENCE_S
from rights import DEEDS
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from town_of_roles import Town, build, site_of_town

from bot.domain.access import Scope, TokenKind
from bot.runners.archive import FolderArchive
from bot.runners.run_logs import RunLogs
from bot.services.feed import FeedKind, FeedTarget
from bot.services.notice import notice_token
from bot.services.site import Site
from bot.services.subscribe import subscribe
from bot.services.tokens import create_token
from bot.slack.incoming import Incoming
from bot.web.app import build_web
from bot.web.run_logs import ShownLogs
from bot.web.server import WebServer
from bot.web.sessions import COOKIE, new_session, seal_session
from bot.web.slack_requests import PATH as SLACK_PATH

SIGNING, GITHUB, ALERTS = "s" * 32, "g" * 32, "a" * 32


@dataclass
class Lab:
    """A web side that listens, with Bob's things behind it, and every secret that opens them."""

    site: Site
    web: FastAPI
    address: str
    town: Town
    bearers: dict[Proof, str]

    def knocks(self, route: str, proof: Proof) -> tuple[int, str]:
        """The status and the beginning of what is answered."""
        method, path = route.split()
        things = self.town.bob
        place = path.format(
            booking=things.reserved, wish=things.wish, offer=things.offer, key="gpubot-b1-1"
        )
        body = json.dumps(BODIES.get(route, {})).encode()
        query = {"token": self.bearers[proof]} if proof is Proof.FEED else {}
        with client(self.address, cookies=self._cookies(proof)) as web:
            headers = {"Content-Type": "application/json", **self._headers(proof, body)}
            with web.stream(method, place, content=body, params=query, headers=headers) as answer:
                if route == "GET /api/v1/events":
                    return answer.status_code, ""
                return answer.status_code, answer.read().decode(errors="replace")

    def _cookies(self, proof: Proof) -> dict[str, str]:
        if proof not in (Proof.SESSION, Proof.NO_CSRF):
            return {}
        self.session = new_session(BOB, now=NOW)
        return {COOKIE: seal_session(self.site, self.session)}

    def _headers(self, proof: Proof, body: bytes) -> dict[str, str]:
        stamp = str(int(time.time()) - (301 if proof is Proof.OLD_SLACK else 0))
        of_slack = _signed(SIGNING, f"v0:{stamp}:".encode() + body)
        match proof:
            case Proof.SESSION:
                return {"X-CSRF-Token": self.session.csrf}
            case Proof.SLACK | Proof.OLD_SLACK:
                return {
                    "X-Slack-Request-Timestamp": stamp,
                    "X-Slack-Signature": f"v0={of_slack}",
                }
            case Proof.GITHUB:
                signature = f"sha256={_signed(GITHUB, body)}"
                return {"X-Hub-Signature-256": signature, "X-GitHub-Event": "ping"}
            case _ if proof in self.bearers:
                return {"Authorization": f"Bearer {self.bearers[proof]}"}
            case _:
                return {}


def _signed(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def _web(site: Site, logs: FolderArchive) -> FastAPI:
    """The web side with everything that there can be."""
    bolt = App(
        client=WebClient(), signing_secret=SIGNING, process_before_response=True,
        authorize=lambda: AuthorizeResult(enterprise_id=None, team_id=None),
    )  # fmt: skip
    return build_web(
        Incoming(bolt, SIGNING).answer, list, site, lambda: NOW, github_secret=GITHUB,
        alerts_token=ALERTS,
        logs=ShownLogs(RunLogs(None, logs), lambda _: 2, lambda _: "gpubot-b1-1"),
    )  # fmt: skip


def _bearers(site: Site, town: Town) -> dict[Proof, str]:
    """The secret of each proof that is a token."""

    def token(*scopes: Scope, user: str = BOB, team: str | None = None) -> str:
        kind = TokenKind.PIPELINE if team else TokenKind.PERSON
        _, secret = create_token(
            site, actor(user), kind=kind, name="t", scopes=scopes, team=team, now=NOW
        )
        return secret

    working = (Scope.READ, Scope.BOOK)
    made = subscribe(site, actor(BOB), FeedTarget(FeedKind.TEAM, "nlp"), now=NOW)
    assert made.url is not None
    return {
        Proof.MADE_UP: "gpubot_x",
        Proof.READ: token(Scope.READ),
        Proof.BOOK: token(Scope.BOOK),
        Proof.AUDIT: token(Scope.AUDIT),
        Proof.REPORT: token(Scope.REPORT),
        Proof.FEED: made.url.partition("token=")[2],
        Proof.PIPELINE: token(*working, team="vision"),
        Proof.OTHER_PIPELINE: token(*working, user=ADMIN, team="nlp"),
        Proof.BOOKING: notice_token(site, town.bob.reserved),
        Proof.ALERTS: ALERTS,
    }


@pytest.fixture(scope="module")
def lab(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("doors")
    town = build(module_database_url)
    site = site_of_town(module_database_url)
    logs = FolderArchive(folder / "logs", lambda: "http://lab")
    (folder / "worker-0.log").write_bytes(b"epoch 1\n")
    logs.keep("gpubot-b1-1", [folder / "worker-0.log"])
    web = _web(site, logs)
    server = WebServer(web, "127.0.0.1", 0)
    server.start()
    yield Lab(site, web, server.address, town, _bearers(site, town))
    server.stop(PATIENCE_S)
    site.database.close()


#: What pages show to those who are let in; others are told how to sign in.
SHOWN = {"GET /": 'id="board"', "GET /report": "GPU-hours", "GET /runs/{key}/log": "epoch 1"}


@pytest.mark.parametrize("route", DOORS)
def test_a_route_opens_to_the_proofs_in_the_table_and_to_no_other(lab: Lab, route: str) -> None:
    found = set()
    for proof in Proof:
        status, text = lab.knocks(route, proof)
        assert status < 500, (proof, text)
        shut = status in (401, 403) or (status == 404 and route == "GET /calendar.ics")
        if not shut and SHOWN.get(route, "") in text:
            found.add(proof)
    assert found == DOORS[route]


def test_every_route_that_there_is_has_a_row(lab: Lab) -> None:
    there_are = {
        f"{method} {route.path}"
        for route in iter_route_contexts(lab.web.routes)
        for method in route.methods or ()
        if method != "HEAD"
    }
    # Slack's stands before the routes.
    assert there_are | {f"POST {SLACK_PATH}"} == set(DOORS) | SIGNING_IN


def test_what_people_may_do_over_http_is_in_both_tables() -> None:
    of_people = {deed.name for deed in DEEDS if deed.name.split()[0].isupper()}
    for_programs = {"POST /slack/events", "POST /hooks/github", "POST /alerts", "GET /calendar.ics",
                    "POST /api/v1/bookings/{booking}/checkpoint", "GET /api/v1/events"}  # fmt: skip
    everybodys = {route for route, proofs in DOORS.items() if Proof.NOTHING in proofs}
    assert of_people == set(DOORS) - for_programs - everybodys

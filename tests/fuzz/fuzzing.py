"""A whole gpubot that is sent what nobody should send, and what it has to do about it.

`corpus/` keeps what once broke something, or leads to a branch that little else leads to: a JSON
file a case, replayed each time. `FUZZ_EXAMPLES=20000 pytest tests/fuzz` looks for more.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from builders import BOB, NOW, actor
from clients import client
from hypothesis import Phase, settings
from hypothesis import strategies as st
from patience import PATIENCE_S
from sqlalchemy import func, select
from sqlmodel import col
from town_of_roles import ROLES, Town, build, town

from bot.config.edges import Edges
from bot.config.settings import Settings
from bot.domain.access import Scope, TokenKind
from bot.domain.booking import Shape
from bot.domain.cluster import Cluster
from bot.domain.pipelines import Trigger
from bot.domain.run_rules import RunnerKind, RunRules
from bot.domain.yolo import SHIPPED
from bot.main import Bot
from bot.runners.settings import RunnerSettings
from bot.sandbox import Sandbox, SandboxChannel, SandboxClock, SandboxUser
from bot.sandbox.payloads import response_url
from bot.services.tokens import create_token
from bot.store import models

CORPUS = Path(__file__).parent / "corpus"
#: How many cases are tried of each kind; the gate tries few, a night may try many.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20"))
#: Making a case smaller takes longer than finding it: see the message, and keep it in the corpus.
fuzz = settings(max_examples=EXAMPLES, phases=[Phase.generate])
#: For all tests with it: a second a case is plenty.
FUZZED = pytest.mark.timeout(120 + EXAMPLES)
SIGNING, GITHUB, ALERTS = "s" * 32, "g" * 32, "a" * 32
#: Answers that are right for what cannot be used; 503 where another writer was in the way.
FINE = {200, 201, 202, 204, 303, 304, 400, 401, 403, 404, 405, 409, 413, 415, 422, 503}


@dataclass
class At:
    """A clock that stands still until it is set."""

    at: datetime = NOW

    def now(self) -> datetime:
        """That instant."""
        return self.at


@dataclass
class Lab:
    """The town of roles, a gpubot that listens there, somebody who sends it things, its log."""

    bot: Bot
    clock: At
    town: Town
    workspace: Sandbox
    web: httpx.Client
    token: str
    troubles: list[str] = field(default_factory=list)

    def slack(self, body: bytes, kind: str = "application/x-www-form-urlencoded") -> httpx.Response:
        """A request that Slack signed."""
        stamp = str(int(time.time()))
        signature = hmac.new(SIGNING.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256)
        headers = {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={signature.hexdigest()}",
        }
        return self._checked(self.web.post("/slack/events", content=body, headers=headers))

    def payload(self, payload: object) -> httpx.Response:
        """An interaction, or a command, as Slack sends it."""
        if isinstance(payload, dict) and "command" in payload:
            text = {name: v if isinstance(v, str) else json.dumps(v) for name, v in payload.items()}
            return self.slack(urlencode(text, errors="replace").encode())
        if isinstance(payload, dict) and payload.get("type") == "event_callback":
            return self.slack(json.dumps(payload).encode(), "application/json")
        return self.slack(urlencode({"payload": json.dumps(payload)}).encode())

    def github(self, body: bytes) -> httpx.Response:
        """A delivery that GitHub signed."""
        signature = hmac.new(GITHUB.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Event": "workflow_run"}
        return self._checked(self.web.post("/hooks/github", content=body, headers=headers))

    def alerts(self, body: bytes) -> httpx.Response:
        """A webhook of Alertmanager's."""
        headers = {"Authorization": f"Bearer {ALERTS}"}
        return self._checked(self.web.post("/alerts", content=body, headers=headers))

    def api(
        self, method: str, path: str, body: object = None, key: str = "", **query: Any
    ) -> httpx.Response:
        """A request of a program of Bob's; `key` lets it be sent twice."""
        headers = {b"Authorization": f"Bearer {self.token}".encode()}
        if key:
            headers[b"Idempotency-Key"] = key.encode("latin-1")
        answer = self.web.request(method, path, json=body, params=query, headers=headers)
        return self._checked(answer)

    def rows(self) -> int:
        """How many changes there have been, but those that gpubot makes by the clock."""
        audit = models.Audit
        made = select(func.count()).select_from(audit).where(col(audit.actor) != "gpubot")
        with self.bot.site.database.snapshot() as connection:
            return int(connection.execute(made).scalar_one())

    def given_to(self, user: str) -> dict[str, str]:
        """What Slack gives with each request: what opens a window, and where to answer."""
        slack = self.workspace.workspace
        here = slack.conversations["C0VISION"]
        return {
            "trigger_id": slack.triggers.issue(user),
            "response_url": response_url(slack, "commands", user, here),
        }

    def is_told(self) -> None:
        """Have everything that is to be told go to Slack, which refuses what it could not show."""
        assert self.bot.deliver(PATIENCE_S)
        self._no_troubles()

    def goes_on(self) -> None:
        """Let a week go by, and have told what becomes due: reminders, offers, digests, ends."""
        for hours in (0, 1, 6, 12, 13, 24, 36, 7 * 24):
            self.clock.at = NOW + timedelta(hours=hours)
            self.bot.run_ticks()
            self.is_told()

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        assert answer.status_code in FINE, (answer.status_code, answer.text, self.troubles)
        self._no_troubles()
        return answer

    def _no_troubles(self) -> None:
        troubles, self.troubles[:] = self.troubles[:], []
        assert not troubles, troubles


#: What Slack says of messages and windows that it cannot show.
REFUSED = ("invalid_blocks", "invalid_arguments", "msg_too_long", "too_many", "no_text")


class _Listens(logging.Handler):
    """Notes every traceback, and whatever Slack refused to show."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        """Note it."""
        said = logging.Formatter().format(record)
        if record.exc_info or any(word in said for word in REFUSED):
            self._found.append(said)


def cluster() -> Cluster:
    """The town, where everything is on that people can use."""
    there = town(lena=False)
    trigger = Trigger(
        repository="lab/yolo", workflow="train.yml", team="vision", user=BOB,
        shape=Shape(1, model="V100"), length=timedelta(hours=20), purpose="nightly",
        within=timedelta(hours=24),
    )  # fmt: skip
    return replace(
        there, github=(trigger,), jobs=(*there.jobs, *SHIPPED), runs=RunRules(own_commands=True),
        ops_channel="C0OPS",
    )  # fmt: skip


def _workspace() -> Sandbox:
    people = [SandboxUser(user, user.lower(), user) for user in set(ROLES.values())]
    channels = [
        SandboxChannel(f"C0{name.upper()}", name, members=[one.id for one in people])
        for name in ("vision", "nlp", "ops")
    ]
    return Sandbox(
        manifest=Path(__file__).parents[2] / "manifest.yml", users=people, channels=channels,
        clock=SandboxClock(NOW, speed=0), team_id="T0LAB", trigger_lifetime=3600,
    )  # fmt: skip


@contextmanager
def fuzzed(url: str) -> Iterator[Lab]:
    """A lab over the new database at `url`."""
    there = build(url)
    with _workspace() as slack:
        settings = Settings(
            bot_token=slack.bot_token, signing_secret=SIGNING, slack_api_url=slack.api_url,
            database_url=url, port=0, base_url="", github_secret=GITHUB, alerts_token=ALERTS,
        )  # fmt: skip
        # What is typed here is run nowhere.
        nothing = Edges(runner=RunnerSettings(kind=RunnerKind.OFF))
        clock = At()
        bot = Bot(settings, cluster(), clock, edges=nothing, pace=timedelta(0))
        scopes = [Scope.READ, Scope.BOOK, Scope.AUDIT, Scope.REPORT]
        _, token = create_token(
            bot.site, actor(BOB), kind=TokenKind.PERSON, name="fuzz", scopes=scopes, now=NOW
        )
        bot.start()
        web = client(bot.address)
        made = Lab(bot, clock, there, slack, web, token)
        listens = _Listens(made.troubles)
        logging.getLogger().addHandler(listens)
        try:
            yield made
        finally:
            logging.getLogger().removeHandler(listens)
            web.close()
            bot.stop()


def cases(folder: str) -> list[Path]:
    """The kept cases of one kind."""
    return sorted((CORPUS / folder).glob("*.json"))


#: What stands in the place of what was sent.
ODD = st.sampled_from([
    None, True, 0, -1, 10**30, 1e308, "", "x" * 5000, "<!channel> <@U0BOB> <https://e.example|x>",
    "\u202e\u200b\x00\x1b[31m", "é" * 300, "\ud7ff\uffff", "99999999999999999999", "B1", "1:2:3",
    "-5", "gpubot", "../../etc/passwd", "{}", "[" * 1500, '{"n":1}', [], {}, [[]], {"": {}},
    {"value": None}, ["x"] * 50, "U0BOB", "U" + "A" * 99,
])  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, base: Any) -> Any:
    """`base` with one to three of its parts gone or replaced by something odd."""
    made = json.loads(json.dumps(base))
    for _ in range(draw(st.integers(1, 3))):
        paths = list(_paths(made))
        if not paths:
            break
        *front, last = draw(st.sampled_from(paths))
        place = made
        for step in front:
            place = place[step]
        if draw(st.booleans()) and isinstance(place, dict):
            del place[last]
        else:
            place[last] = deepcopy(draw(ODD))
    return made


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in nested JSON."""
    if not isinstance(value, dict | list):
        return
    for step, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield (*before, step)
        yield from _paths(inner, (*before, step))

"""SIGTERM and SIGKILL while people book: a real process, and what it has acknowledged.

Death at every single step of a story is tested in tests/restart, several processes on one
PostgreSQL that are killed under load in tests/replicas.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from builders import ALICE, BOB
from clients import client
from databases import database_of
from faulty import VISION, eventually, label_in
from services.promises import check_promises
from sqlalchemy import text

from bot import main
from bot.config.example import EXAMPLE
from bot.config.problems import load_cluster
from bot.sandbox import Sandbox
from bot.sandbox.signedhttp import signature
from bot.services.audit import verify
from bot.services.site import Site
from bot.store.database import Database

ROOT = Path(__file__).parents[2]
CLIENTS, ENOUGH = 4, 24

Process = subprocess.Popen[bytes]


@dataclass
class Crowd:
    """People who book as fast as they are answered, until nobody answers."""

    address: str
    secret: str
    hours: Iterator[int]
    booked: set[int] = field(default_factory=set)
    #: Requests that got another answer than "Booked", or half of one.
    odd: list[str] = field(default_factory=list)

    def book(self, user: str) -> None:
        with client(self.address) as web:
            while True:
                hour = next(self.hours)
                asked = {"command": "/gpu", "text": f"reserve 1 in {2 * hour}h 2h", "user_id": user}
                more = {"trigger_id": f"{user}.{hour}", "channel_id": VISION}
                body = urlencode(asked | more).encode()
                headers = {
                    **signature(self.secret, body),
                    "Content-Type": "application/x-www-form-urlencoded",
                }
                try:
                    answer = web.post("/slack/events", content=body, headers=headers)
                except httpx.HTTPError:
                    return
                label = label_in(answer.json().get("text", "")) if answer.is_success else None
                if label is None:
                    self.odd.append(answer.text)
                    return
                self.booked.add(label)


@contextmanager
def serving(
    slack: Sandbox, folder: Path, url: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`gpubot serve`, and its address once it listens."""
    log = folder / "log"
    settings = {
        "GPUBOT_PORT": "0",
        "GPUBOT_DATABASE_URL": url,
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
    }
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve"], stderr=stream, cwd=folder, env=settings
        )
    try:
        found = eventually(lambda: re.search(r"gpubot runs at (http://\S+),?", log.read_text()), 60)
        yield process, found[1].rstrip(",")
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_what_was_acknowledged_is_there_after_the_restart_and_is_announced_once(
    slack: Sandbox, tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "gpubot.toml").write_text(EXAMPLE)
    with database_of("SQLite", tmp_path) as url:
        with serving(slack, tmp_path, url) as (process, address):
            crowd = Crowd(address, slack.signing_secret, itertools.count(2))
            people = itertools.islice(itertools.cycle((ALICE, BOB)), CLIENTS)
            threads = [threading.Thread(target=crowd.book, args=(user,)) for user in people]
            for thread in threads:
                thread.start()
            eventually(lambda: len(crowd.booked) >= ENOUGH, 60)
            process.send_signal(number)
            code = process.wait(60)
            for thread in threads:
                thread.join(60)
            log = (tmp_path / "log").read_text()
        assert crowd.odd == []
        if number == signal.SIGTERM:
            assert code == 0
            # Step by step to the last, with nothing cut off.
            said = re.findall("gpubot has ended|stopped with jobs waiting", log)
            assert said == ["gpubot has ended"]
        with serving(slack, tmp_path, url), closing(Database(url)) as database:
            site = Site.open(database, load_cluster(tmp_path / "gpubot.toml"))
            there = _numbers(site, "SELECT id FROM booking")
            assert crowd.booked <= there
            # SIGTERM lets every answer out; of a kill those under way are left without one.
            lost = len(there - crowd.booked)
            assert lost <= (CLIENTS if number == signal.SIGKILL else 0)
            assert verify(site).ok
            check_promises(site)
            _announced(slack, site, there, at_most_twice=number == signal.SIGKILL)


def test_the_steps_of_an_end_take_no_longer_than_whoever_asks_for_it_waits() -> None:
    """Whoever sends SIGTERM kills after ten seconds."""
    after_the_web = main.STOP_TICKS_S + main.STOP_REPLIES_S + main.STOP_OUTBOX_S
    assert main.STOP_HTTP_S + after_the_web < 10
    assert main.STOP_SOCKET_S + main.STOP_WEB_S + after_the_web < 10


def _numbers(site: Site, statement: str) -> set[int]:
    with site.database.snapshot() as connection:
        return set(connection.execute(text(statement)).scalars())


def _announced(slack: Sandbox, site: Site, booked: set[int], *, at_most_twice: bool) -> None:
    """Every booking has its card, and what waits is on its way in order, a second for each."""
    with site.database.transaction() as connection:
        connection.execute(text("UPDATE outbox SET retry_at = NULL WHERE state = 'pending'"))

    def cards() -> list[int]:
        posts = [m.text for m in slack.messages(VISION, ALICE) if not m.ephemeral]
        return [int(found) for post in posts for found in re.findall(r"\bB(\d+)\b", post)[:1]]

    # A second each: the first few tell that it goes on where it was.
    before = len(cards())
    eventually(lambda: len(cards()) >= min(before + 2, len(booked)), 60)
    told = cards()
    assert told == sorted(told)
    assert set(told) == set(sorted(booked)[: len(set(told))])
    assert len(told) - len(set(told)) <= int(at_most_twice)

"""A running gpubot to which something happens, and the people who use it meanwhile."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import builders
from builders import ADMIN, ALICE, BOB, CHEN, DANA
from clients import client
from patience import PATIENCE_S, soon_given_up
from services.promises import check_promises
from sqlalchemy import text

from bot.clock import Clock
from bot.config.settings import Settings
from bot.domain.cluster import Cluster
from bot.main import Bot
from bot.sandbox import Sandbox, SandboxChannel, SandboxUser
from bot.services.audit import verify
from bot.slack.outbox import Deliverer
from bot.store.errors import Busy

MANIFEST = Path(__file__).parents[2] / "manifest.yml"
ZONE = "Asia/Shanghai"
PEOPLE = (ALICE, BOB, CHEN, DANA, ADMIN)
VISION, NLP, OPS = "C0VISION", "C0NLP", "C0OPS"


def workspace() -> Sandbox:
    """A Slack with the people of the sample cluster."""
    users = [SandboxUser(user, user[2:].lower(), user[2:].title(), tz=ZONE) for user in PEOPLE]
    channels = [
        SandboxChannel(channel, channel[2:].lower(), members=list(PEOPLE))
        for channel in (VISION, NLP, OPS)
    ]
    # On a busy machine an answer may take longer than the three seconds that Slack gives.
    return Sandbox(manifest=MANIFEST, users=users, channels=channels, ack_timeout=PATIENCE_S)


def settings(slack: Sandbox, url: str) -> Settings:
    """How gpubot runs in that workspace, over HTTP."""
    return Settings(
        bot_token=slack.bot_token,
        signing_secret=slack.signing_secret,
        slack_api_url=slack.api_url,
        database_url=url,
        base_url="",
        port=0,
    )


class Lab:
    """A running gpubot, and shorthands for what people do with it."""

    def __init__(self, slack: Sandbox, bot: Bot) -> None:
        self.slack, self.bot, self.site = slack, bot, bot.site

    def types(self, user: str, what: str) -> str:
        """The text that answers `/gpu what`; there is always exactly one."""
        result = self.slack.command(user, VISION, f"/gpu {what}")
        assert result.ok, result.error
        (answer,) = result.messages
        return str(answer.text)

    def books(self, user: str, what: str) -> int:
        """The booking that `/gpu reserve what` makes."""
        answer = self.types(user, f"reserve {what}")
        found = label_in(answer)
        assert found is not None, answer
        return found

    def ready(self) -> tuple[int, str]:
        """What `/readyz` says: its status, and the problems as one text."""
        with client(self.bot.address) as web:
            answer = web.get("/readyz")
        return answer.status_code, "; ".join(answer.json()["problems"])

    def rows(self, statement: str) -> list[Any]:
        """What stands in the database."""
        with self.site.database.snapshot() as connection:
            return list(connection.execute(text(statement)).all())

    def check(self, booked: set[int]) -> None:
        """Exactly `booked` are booked, all of it fits together, and nobody was told twice."""
        assert {row.id for row in self.rows("SELECT id FROM booking")} == booked
        check_promises(self.site)
        verdict = verify(self.site)
        assert verdict.ok, verdict.why

    def cards(self, booking: int, channel: str = VISION) -> list[Any]:
        """The posts about a booking in its team's channel."""
        posts = self.slack.messages(channel, ALICE)
        return [m for m in posts if not m.ephemeral and re.search(rf"\bB{booking}\b", m.text)]

    def told(self, booked: set[int]) -> None:
        """Wait until there is a card about each booking; there is never a second one."""
        eventually(lambda: all(self.cards(booking) for booking in booked))
        assert [len(self.cards(booking)) for booking in booked] == [1] * len(booked)


def label_in(answer: str) -> int | None:
    """The booking that an answer says was made."""
    found = re.search(r"Booked.*?\*B(\d+)\*", answer, re.S)
    return None if found is None else int(found[1])


@contextmanager
def running(
    slack: Sandbox, url: str, *, clock: Clock | None = None, of: Cluster | None = None, **more: Any
) -> Iterator[Lab]:
    """A gpubot over HTTP in a workspace that runs."""
    bot = Bot(settings(slack, url), of or builders.cluster(), clock, **more)
    bot.set_pace(bot.site.cluster.policy.slot * 0)
    bot.start()
    slack.request_url = f"{bot.address}/slack/events"
    try:
        yield Lab(slack, bot)
    finally:
        bot.stop()


@contextmanager
def hurried(lab: Lab) -> Iterator[None]:
    """Nobody waits for the database for more than a moment.

    Nor does anybody who began before, with all the patience of tests: one of those would wait in
    front of everybody, and who waits behind it does not meet what is wrong with the database.
    """
    with soon_given_up():
        eventually(lambda: _wrote(lab))
        yield


def _wrote(lab: Lab) -> bool:
    """Whether it is given the database to write."""
    with suppress(Busy), lab.site.database.transaction():
        return True
    return False


def eventually(what: Callable[[], Any], within: float = PATIENCE_S) -> Any:
    """Wait until something is so."""
    deadline = time.monotonic() + within
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return found


def warnings(records: list[logging.LogRecord], name: str = "bot") -> list[str]:
    """What the log says that somebody should look at."""
    return [
        record.getMessage()
        for record in records
        if record.levelno >= logging.WARNING and record.name.startswith(name)
    ]


def deliverer(bot: Bot) -> Deliverer:
    """What sends the messages of a bot."""
    return bot._deliverer

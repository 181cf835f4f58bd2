"""An outbox, its deliverer, and an embedded Slack at the other end."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import builders
from sqlalchemy import insert

from bot.sandbox import Sandbox
from bot.services.delivery import Delivery
from bot.services.site import Site
from bot.slack.clients import Client
from bot.slack.context import Message
from bot.slack.outbox import Deliverer
from bot.slack.pictures import Pictures
from bot.store import models, queries

START = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Wall:
    """Real time that passes only when a test says so."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def now(self) -> datetime:
        return self.at

    def advance(self, **length: float) -> None:
        self.at += timedelta(**length)


def say_what_it_is_about(delivery: Delivery, _now: datetime) -> Message | None:
    """A renderer for tests: living for cards; what it says can be set by the row's data."""
    text = str(delivery.data.get("text", delivery.subject))
    if delivery.topic == "card":
        return Message(text, living=True)
    thread = delivery.subject if delivery.topic == "event" else None
    return Message(text, thread_of=thread)


@dataclass
class Post:
    """An outbox with its deliverer, and Slack at the other end."""

    site: Site
    slack: Sandbox
    wall: Wall
    render: Callable[[Delivery, datetime], Message | None] = say_what_it_is_about
    written: int = 0

    def write(
        self,
        recipient: str,
        text: str,
        *,
        topic: str = "notice",
        subject: str = "booking:1",
        held_until: datetime | None = None,
    ) -> int:
        """Write one row; return its id."""
        self.written += 1
        with self.site.database.transaction() as connection:
            result = connection.execute(
                insert(models.Outbox).values(
                    dedupe_key=f"row {self.written}",
                    topic=topic,
                    recipient=recipient,
                    subject=subject,
                    data=json.dumps({"text": text}),
                    created_at=self.wall.at,
                    held_until=held_until,
                )
            )
        return int(result.inserted_primary_key[0])

    def deliverer(
        self,
        *,
        pace: timedelta = timedelta(),
        timeout: float = 5,
        clock: Wall | None = None,
        api: str | None = None,
        pictures: Pictures | None = None,
    ) -> Deliverer:
        """A process's deliverer; its retries come at the longest pause that chance allows.

        `api`: another place than Slack.
        """
        client = Client(
            token=self.slack.bot_token,
            base_url=api or self.slack.api_url,
            timeout=timeout,  # type: ignore[arg-type]
            retry_handlers=[],
        )
        client.proxy = None
        chance = random.Random(1)
        chance.uniform = lambda _low, high: high  # type: ignore[method-assign]
        return Deliverer(
            self.site,
            client,
            self.render,
            clock or self.wall,
            wall=self.wall,
            pace=pace,
            chance=chance,
            pictures=pictures,
        )

    def deliver_all(self) -> None:
        """Deliver what is due, until nothing is."""
        deliverer = self.deliverer()
        while deliverer.run_once():
            pass

    def texts(self, channel: str) -> list[str]:
        """What stands in a channel."""
        return [message.text for message in self.slack.messages(channel, builders.ALICE)]

    def row(self, row_id: int) -> Any:
        """A row of the outbox as it is now."""
        with self.site.database.snapshot() as connection:
            statement = queries.columns(models.Outbox).where(models.Outbox.id == row_id)
            return connection.execute(statement).one()

    def states(self) -> list[str]:
        """The state of each row, by id."""
        with self.site.database.snapshot() as connection:
            rows = connection.execute(queries.columns(models.Outbox).order_by(models.Outbox.id))
            return [row.state for row in rows]

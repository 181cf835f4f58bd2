"""What the outbox would tell people and channels, rendered now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from talk import Talk

from bot.sandbox.blocks import checked_blocks
from bot.services import delivery as box
from bot.services.delivery import Outcome
from bot.services.site import Site
from bot.slack.announcements import render
from bot.slack.context import Message
from bot.store import models, queries


@dataclass
class Row:
    recipient: str
    subject: str
    data: dict[str, Any]


def told(site: Site, talk: Talk) -> list[tuple[str, str, Message | None]]:
    """All outbox rows so far, rendered now: topic, recipient, message."""
    with site.database.snapshot() as connection:
        rows = connection.execute(queries.columns(models.Outbox)).all()
    found = []
    for row in rows:
        spoken = Row(row.recipient, row.subject, json.loads(row.data))
        message = render(row.topic, spoken, site, talk.now)
        if message is not None:
            checked_blocks(list(message.blocks))
        found.append((row.topic, row.recipient, message))
    return found


def last(site: Site, talk: Talk, topic: str, recipient: str) -> Message:
    """The last message of that kind to that channel or person."""
    messages = [m for t, r, m in told(site, talk) if (t, r) == (topic, recipient)]
    assert messages
    assert messages[-1] is not None
    return messages[-1]


def delivered(site: Site, talk: Talk) -> None:
    """Have all that was written so far reach Slack now."""
    while heads := box.heads(site, now=talk.now):
        for recipient in heads:
            row = box.claim(site, recipient, now=talk.now, wall=talk.now, lease=timedelta(0))
            assert row is not None
            box.settle(site, row, Outcome.SENT, now=talk.now)

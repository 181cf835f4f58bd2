"""What the outbox would tell people and channels, rendered now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from talk import Talk

from bot.sandbox.blocks import checked_blocks
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

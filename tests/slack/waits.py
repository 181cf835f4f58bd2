"""What tests of the waitlist share."""

from __future__ import annotations

from datetime import datetime

import builders
from sqlalchemy import update
from talk import Talk
from told import last

from bot.services.site import Site
from bot.slack.context import Message, Reply
from bot.store import models

MENTION_OF_BOB = f"<@{builders.BOB}>"
WAITS = "wait 8 8h from tonight by tomorrow 04:00 model A100"


def shown(message: Message) -> Reply:
    """A message of the outbox, as something that can be pressed; it is there for everybody."""
    return Reply(message.text, message.blocks)


def offered(site: Site, taken: Talk, bob: Talk) -> Reply:
    """Bob's direct message with an offer of what Alice gave up, which was B1."""
    bob.types(WAITS)
    taken.types("cancel B1")
    return shown(last(site, bob, "offer", builders.BOB))


def delivered(site: Site, at: datetime) -> None:
    """Have everything in the outbox reach Slack at that instant."""
    table = models.Outbox
    with site.database.transaction() as connection:
        connection.execute(update(table).values(state="sent", settled_at=at))

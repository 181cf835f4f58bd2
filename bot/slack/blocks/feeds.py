"""Calendar feeds in words."""

from __future__ import annotations

from bot.domain.access import Token
from bot.domain.errors import N_
from bot.services.feed import FeedKind, FeedTarget
from bot.slack.reader import Mrkdwn, Reader


def feed_name(reader: Reader, token: Token) -> Mrkdwn:
    """What the feed of one's own `token` shows, as the middle of a sentence says it."""
    target = FeedTarget.parse(token.target or "")
    match target.kind:
        case FeedKind.PERSON:
            return reader.text(N_("your own bookings"))
        case FeedKind.TEAM:
            return reader.text(N_("the bookings of team *{team}*"), team=target.name)
        case FeedKind.NODE:
            return reader.text(N_("the bookings on *{node}*"), node=target.name)

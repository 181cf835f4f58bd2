"""Calendar feeds of a person: made, replaced, and taken away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.access import Scope, Token, TokenKind
from bot.domain.actor import Actor
from bot.domain.errors import N_, NotAllowed, NotFound
from bot.domain.notes import Note
from bot.domain.shape_rules import known_node, known_team
from bot.services.feed import FeedKind, FeedTarget
from bot.services.site import Site
from bot.services.tokens import create_token, revoke_token, tokens_of


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed, and its address where that is known: it is told once, when it is made."""

    token: Token
    url: str | None


def subscription(site: Site, user: str, target: FeedTarget, *, now: datetime) -> Token | None:
    """The feed of `target` that `user` has; None when they have none."""
    return next(
        (one for one in subscriptions(site, user, now=now) if one.target == str(target)), None
    )


def subscriptions(site: Site, user: str, *, now: datetime) -> tuple[Token, ...]:
    """The feeds of `user` that open something, the newest first."""
    found = tokens_of(site, user, now=now)
    return tuple(token for token in found if token.kind is TokenKind.FEED)


def subscribe(
    site: Site, actor: Actor, target: FeedTarget, *, again: bool = False, now: datetime
) -> Subscription:
    """Make a feed of `target`; where there is one already, it stays as it is, unless `again`.

    `again` makes a new address and has the old one open nothing any more. Raises UnknownName, or
    NotAllowed for somebody else's own bookings.
    """
    target = _checked(site, actor, target)
    before = subscription(site, actor.name, target, now=now)
    if before is not None and not again:
        return Subscription(before, None)
    token, secret = create_token(
        site,
        actor,
        kind=TokenKind.FEED,
        name=target.name,
        scopes=[Scope.FEED],
        target=str(target),
        now=now,
    )
    if before is not None:
        revoke_token(site, actor, before.id, now=now)
    return Subscription(token, f"{site.address()}/calendar.ics?token={secret}")


def unsubscribe(site: Site, actor: Actor, token_id: int, *, now: datetime) -> Token:
    """Have a feed's address open nothing any more; only feeds are found here."""
    found = subscriptions(site, actor.name, now=now)
    if all(token.id != token_id for token in found):
        raise NotFound(what=Note(N_("such calendar address")))
    return revoke_token(site, actor, token_id, now=now)


def _checked(site: Site, actor: Actor, target: FeedTarget) -> FeedTarget:
    """The target as it is spelt, if it exists and the actor may see it there."""
    match target.kind:
        case FeedKind.TEAM:
            return FeedTarget(target.kind, known_team(site.cluster, target.name))
        case FeedKind.NODE:
            return FeedTarget(target.kind, known_node(site.cluster, target.name).name)
        case FeedKind.PERSON if target.name == actor.name:
            return target
    rule = Note(N_("A feed of one's own bookings is for oneself."))
    raise NotAllowed(rule=rule, who=Note(N_("Take the feed of your team.")))

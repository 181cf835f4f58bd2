"""Tokens of programs and calendar feeds: made once, shown once, kept as a hash, revoked at will."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, update
from sqlmodel import col

from bot.domain import policy
from bot.domain.access import Scope, Token, TokenKind
from bot.domain.actor import Actor
from bot.domain.cluster import Cluster
from bot.domain.errors import N_, NotFound, WrongState
from bot.domain.words import clean_text
from bot.services import receipts
from bot.services.changing import changing
from bot.services.record import record
from bot.services.site import Site
from bot.store import models, queries
from bot.store.errors import Busy


class NoSuchToken(NotFound):
    """Fields: `id` as asked for."""

    template = N_("You have no token {id}. `/gpu token` lists yours.")


class ShownBefore(WrongState):
    """The request came twice. Fields: `id` of the token that the first one made."""

    template = N_(
        "Token {id} is made already, and its secret was shown then. If you did not see it, revoke "
        "it with `/gpu token revoke {id}` and make a new one."
    )


#: What every secret begins with, so that scanners find those that leaked.
PREFIX = "gpubot_"
#: Random bytes of a secret.
STRENGTH = 32
#: `used_at` is not written more often than this.
USE_NOTED_EVERY = timedelta(hours=1)


def create_token(
    site: Site,
    actor: Actor,
    *,
    kind: TokenKind,
    name: str,
    scopes: Collection[Scope],
    team: str | None = None,
    target: str | None = None,
    expires_at: datetime | None = None,
    now: datetime,
    key: str | None = None,
) -> tuple[Token, str]:
    """Make a token that acts for `actor`; return it and its secret, which is never seen again.

    Raises UnknownName for a team that does not exist, NotAllowed for one that the actor may not
    book for and for people without any, and ShownBefore when `key` made one already: its secret
    is not known any more.
    """
    check_standing(site.cluster, actor.name)
    secret, key = PREFIX + secrets.token_urlsafe(STRENGTH), receipts.scoped(key, actor, "token")
    with changing(site, now) as change:
        if (done := receipts.find(change, key)) is not None:
            raise ShownBefore(id=done)
        values = {
            "kind": kind.value,
            "name": clean_text(name),
            "user": actor.name,
            "team": policy.team_for(site.cluster, actor.name, team).name if team else None,
            "scopes": " ".join(sorted(scopes)),
            "target": target,
            "hash": _hash(secret),
            "created_at": change.now,
            "expires_at": expires_at,
        }
        token_id = change.insert(insert(models.Token).values(**values))
        token = _find(change.connection, token_id)
        assert token is not None, "it was written just now"
        record(change, actor, "token_made", after=_describe(token))
        receipts.keep(change, key, token.id)
    return token, secret


def find_token(site: Site, secret: str, *, now: datetime) -> Token | None:
    """The token with that secret, if it opens anything at `now`; notes that it was used.

    It opens nothing while the one who made it is in no team (a pipeline's: not in its team).
    """
    table = models.Token
    with site.database.snapshot() as connection:
        statement = queries.columns(table).where(col(table.hash) == _hash(secret))
        row = connection.execute(statement).one_or_none()
    token = None if row is None else _to_token(row)
    if token is None or not token.is_good(now) or not _may_still(site.cluster, token):
        return None
    if token.used_at is None or token.used_at <= now - USE_NOTED_EVERY:
        # Whoever only reads need not wait for those who write; the next request notes it.
        with suppress(Busy):
            _note_use(site, token.id, now)
    return token


def check_standing(cluster: Cluster, user: str) -> None:
    """Raise NotAllowed for people who belong to no team: they have nothing to give a program."""
    if not cluster.teams_of(user) and not cluster.is_admin(user):
        raise policy.not_allowed(cluster, N_("You are not in any team yet, so you have no tokens."))


def _may_still(cluster: Cluster, token: Token) -> bool:
    if cluster.is_admin(token.user):
        return True
    teams = [team.name for team in cluster.teams_of(token.user)]
    return bool(teams) if token.team is None else token.team in teams


def tokens_of(site: Site, user: str, *, now: datetime) -> tuple[Token, ...]:
    """The tokens of `user` that open anything at `now`, the newest first."""
    table = models.Token
    statement = (
        queries.columns(table)
        .where(col(table.user) == user, col(table.revoked_at).is_(None))
        .order_by(col(table.id).desc())
    )
    with site.database.snapshot() as connection:
        found = [_to_token(row) for row in connection.execute(statement)]
    return tuple(token for token in found if token.is_good(now))


def revoke_token(site: Site, actor: Actor, token_id: int, *, now: datetime) -> Token:
    """Have a token open nothing any more; revoking it twice does nothing.

    Owners revoke their own, admins everybody's. Raises NoSuchToken for any other, so that nobody
    learns which tokens there are.
    """
    table = models.Token
    with changing(site, now) as change:
        token = _find(change.connection, token_id)
        if token is None or not (
            token.user == actor.name or site.cluster.is_admin(actor.name) or actor.is_bot
        ):
            raise NoSuchToken(id=token_id)
        if token.revoked_at is None:
            change.connection.execute(
                update(table).where(col(table.id) == token_id).values(revoked_at=change.now)
            )
            record(change, actor, "token_revoked", before=_describe(token))
        after = _find(change.connection, token_id)
        assert after is not None, "tokens are never deleted"
        return after


def _find(connection: Connection, token_id: int) -> Token | None:
    table = models.Token
    row = connection.execute(queries.columns(table).where(col(table.id) == token_id)).one_or_none()
    return None if row is None else _to_token(row)


def _note_use(site: Site, token_id: int, now: datetime) -> None:
    table = models.Token
    with site.database.transaction() as connection:
        connection.execute(update(table).where(col(table.id) == token_id).values(used_at=now))


def _describe(token: Token) -> dict[str, object]:
    return {
        "token": token.id,
        "kind": token.kind.value,
        "name": token.name,
        "user": token.user,
        "team": token.team,
        "scopes": sorted(token.scopes),
        "target": token.target,
    }


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _to_token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        kind=TokenKind(row.kind),
        name=row.name,
        user=row.user,
        team=row.team,
        scopes=frozenset(Scope(name) for name in row.scopes.split()),
        target=row.target,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        used_at=row.used_at,
    )

"""What a calendar feed shows: the bookings of a person, a team or a node, as they stand now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, func, select
from sqlmodel import col

from bot.domain.access import TokenKind
from bot.domain.booking import Booking, BookingState
from bot.domain.drain import Drain
from bot.services.change import OPEN_END
from bot.services.people import get_person, names_of
from bot.services.secret import site_secret
from bot.services.site import Site
from bot.services.tokens import find_token
from bot.store import models, queries

#: How long what is over stays in a feed. Calendars that drop what a feed does not list any more
#: need no more than that to take a cancellation away, and those that keep it see it cancelled.
PAST = timedelta(days=30)
#: What sets this installation's events apart from those of every other one.
INSTALLATION = "installation"


class FeedKind(StrEnum):
    """Whose bookings a feed shows."""

    PERSON = "person"
    TEAM = "team"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class FeedTarget:
    """What a feed shows: `person:U0ALICE`, `team:vision`, `node:gpu-01`."""

    kind: FeedKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> FeedTarget:
        """The target in `text`; raises ValueError for anything else."""
        kind, _, name = text.partition(":")
        return cls(FeedKind(kind), name)


@dataclass(frozen=True, slots=True)
class Listed:
    """A booking of a feed, and when it was changed last."""

    booking: Booking
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Feed:
    """Everything a feed shows."""

    target: FeedTarget
    #: Slack's locale of the one who made it.
    locale: str
    #: Identifies this installation; no secret.
    installation: str
    listed: tuple[Listed, ...]
    drains: tuple[Drain, ...]
    #: Names of the people in it, by user id.
    names: dict[str, str]
    #: When anything at all was changed last; None: nothing ever was.
    changed_at: datetime | None


def read_feed(site: Site, secret: str, *, now: datetime) -> Feed | None:
    """The feed that `secret` opens, as it stands; None when it opens none (any more)."""
    token = find_token(site, secret, now=now)
    if token is None or token.kind is not TokenKind.FEED or token.target is None:
        return None
    target = FeedTarget.parse(token.target)
    person = get_person(site, token.user)
    installation = site_secret(site, INSTALLATION)[:16]
    since = now - PAST
    with site.database.snapshot() as connection:
        bookings = _bookings(connection, target, since)
        changed = _changed(connection, [booking.id for booking in bookings])
        drains = _drains(connection, target.name, since) if target.kind is FeedKind.NODE else ()
        last = connection.execute(select(func.max(col(models.Audit.at)))).scalar_one()
    listed = (Listed(b, changed.get(b.id, b.created_at)) for b in bookings)
    return Feed(
        target=target,
        locale=site.cluster.language if person is None else person.locale,
        installation=installation,
        listed=tuple(one for one in listed if not _is_forgotten(one, since)),
        drains=drains,
        names=names_of(site, (booking.owner for booking in bookings)),
        changed_at=last,
    )


def _is_forgotten(one: Listed, since: datetime) -> bool:
    return one.booking.state is BookingState.CANCELLED and one.changed_at < since


def _bookings(connection: Connection, target: FeedTarget, since: datetime) -> tuple[Booking, ...]:
    """Those that end after `since`, by start: what is older is never read."""
    table = models.Booking
    statement = queries.columns(table).where(col(table.end_at) > since)
    match target.kind:
        case FeedKind.PERSON:
            statement = statement.where(col(table.owner) == target.name)
        case FeedKind.TEAM:
            statement = statement.where(col(table.team) == target.name)
        case FeedKind.NODE:
            # Every state is named for the sake of the index over state and end.
            states = [state.value for state in BookingState]
            statement = statement.where(col(table.state).in_(states), queries.on_node(target.name))
    statement = statement.order_by(col(table.start_at), col(table.id))
    return tuple(queries.to_booking(row) for row in connection.execute(statement))


def _changed(connection: Connection, ids: list[int]) -> dict[int, datetime]:
    """When each booking was changed last."""
    audit = models.Audit
    found: dict[int, datetime] = {}
    for chunk in queries.in_chunks(ids):
        statement = (
            select(col(audit.booking), func.max(col(audit.at)))
            .where(col(audit.booking).in_(chunk))
            .group_by(col(audit.booking))
        )
        found.update((row[0] or 0, row[1]) for row in connection.execute(statement))
    return found


def _drains(connection: Connection, node: str, since: datetime) -> tuple[Drain, ...]:
    """When the node is or was out of service, each with the end that it had in fact."""
    claims = queries.claims_overlapping(connection, [node], int(since.timestamp()), OPEN_END)
    ends = {claim.holder: claim.end_s for claim in claims if claim.kind == "drain"}
    found = (queries.find_drain(connection, drain_id) for drain_id in sorted(ends))
    return tuple(replace(drain, end=_instant(ends[drain.id])) for drain in found if drain)


def _instant(end_s: int) -> datetime | None:
    return None if end_s >= OPEN_END else datetime.fromtimestamp(end_s, UTC)

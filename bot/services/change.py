"""One writing transaction of a use-case: the database connection and a calendar to try things on.

Everything that takes capacity goes through `Change.take`: reserve, extend, move, offers, queue
runs, preemptors. It refuses what does not fit, so no use-case can forget to check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Insert, bindparam, select, update
from sqlmodel import col

from bot.domain.booking import Placement, Share
from bot.domain.calendar import Calendar, Claim, span
from bot.domain.cluster import Cluster, Node
from bot.domain.window import Window
from bot.store import models
from bot.store.calendars import CachedCalendar
from bot.store.prepared import Inserting, Updating
from bot.store.tables import table_of

#: End of a claim that lasts until further notice, in epoch seconds (31 December 9999).
OPEN_END = 253_402_214_400


_RAISE = Updating(models.Node, "revision", by="name")
#: A new claim.
CLAIM = Inserting(models.Claim, number="id", always={"gone": None})


class DoesNotFit(Exception):
    """The placement is not free; the use-case turns it into a Conflict."""


class Change:
    """A writing transaction. `calendar` shows what it has taken and given back so far."""

    def __init__(
        self, cluster: Cluster, connection: Connection, cached: CachedCalendar, now: datetime
    ) -> None:
        self.cluster = cluster
        self.connection = connection
        self.now = now
        self.calendar: Calendar = cached.calendar.fork()
        self.revisions = dict(cached.revisions)
        #: From when to when, in epoch seconds, something was given up that somebody who waits
        #: may be served from; None: nothing was.
        self.grown: tuple[int, int] | None = None
        #: Its audit records, for the log to tell of once they are committed.
        self.recorded: list[Mapping[str, Any]] = []
        #: Where the books will stand; under the write lock nobody else moves them.
        self.version = cached.version
        #: Whether the App Homes are to be drawn again already.
        self.homes_are_stale = False
        #: The revisions that it has raised, by node.
        self._touched: dict[str, int] = {}

    def insert(self, statement: Insert) -> int:
        """Insert one row; return the id it got."""
        key = self.connection.execute(statement).inserted_primary_key
        assert key is not None, "one row inserted has one key"
        return int(key[0])

    def take(self, holder: int, placement: Placement, kind: str = "booking") -> None:
        """Claim the placement for a booking, or an offer; raise DoesNotFit when it is not free."""
        if not self.calendar.fits(placement):
            raise DoesNotFit
        for share in placement.shares:
            self._add_claim(kind, holder, share, *span(placement.window))

    def close_node(self, drain_id: int, node: Node, start: datetime, end: datetime | None) -> None:
        """Have a drain hold all GPUs of `node`, whether or not bookings are in the way.

        What the drain held before, of a node that was larger or smaller then, is replaced.
        """
        held = claims_of(self.connection, "drain", drain_id)
        if [claim.gpus for claim in held] != [node.gpus]:
            self.give_back("drain", drain_id)
            end_s = OPEN_END if end is None else int(end.timestamp())
            share = Share(node.name, node.gpus)
            self._add_claim("drain", drain_id, share, int(start.timestamp()), end_s)

    def close_again(self, drain_id: int) -> None:
        """Have a drain hold what it holds anew: it closes what was claimed on its node just now.

        To PostgreSQL what is claimed after a drain is a promise too many.
        """
        held = claims_of(self.connection, "drain", drain_id)
        self.give_back("drain", drain_id)
        for claim in held:
            share = Share(claim.node, claim.gpus)
            self._add_claim("drain", drain_id, share, claim.start, claim.end)

    def give_back(self, kind: str, holder: int, *, from_instant: datetime | None = None) -> None:
        """Give up the claims of a booking or drain: all of them, or what lies after an instant."""
        cut = None if from_instant is None else int(from_instant.timestamp())
        for claim in claims_of(self.connection, kind, holder):
            self._drop_claim(claim)
            if cut is not None and claim.start < cut:
                share = Share(claim.node, claim.gpus)
                self._add_claim(kind, holder, share, claim.start, min(cut, claim.end))

    def reclaim(
        self, holder: int, shares: Sequence[Share], window: Window, kind: str = "booking"
    ) -> None:
        """Claim `shares` without a check: they were given back just now."""
        for share in shares:
            self._add_claim(kind, holder, share, *span(window))

    def _add_claim(self, kind: str, holder: int, share: Share, start_s: int, end_s: int) -> None:
        values = {
            "node": share.node,
            "start_s": start_s,
            "end_s": end_s,
            "gpus": share.gpus,
            "kind": kind,
            "holder": holder,
            "born": self._touch(share.node),
        }
        claim_id = CLAIM.insert(self.connection, values)
        if share.node in self.revisions:
            self.calendar.add(Claim(claim_id, share.node, start_s, end_s, share.gpus))

    def _drop_claim(self, claim: Claim) -> None:
        start, end = self.grown or (claim.start, claim.end)
        self.grown = min(start, claim.start), max(end, claim.end)
        self.connection.execute(
            update(models.Claim)
            .where(col(models.Claim.id) == claim.id)
            .values(gone=self._touch(claim.node))
        )
        if claim.node in self.revisions:
            self.calendar.remove(claim)

    def _touch(self, node: str) -> int:
        """Raise the node's revision, once a transaction; return it."""
        if (touched := self._touched.get(node)) is None:
            touched = self._touched[node] = self._revision(node) + 1
            if node in self.revisions:
                self.revisions[node] = touched
            self.version = self.version._replace(raised=self.version.raised + 1)
            _RAISE.later(self.connection, {"of": node, "to": touched})
        return touched

    def _revision(self, node: str) -> int:
        """The node's revision so far; of one that left the configuration only the table knows."""
        if (known := self.revisions.get(node)) is not None:
            return known
        statement = select(col(models.Node.revision)).where(col(models.Node.name) == node)
        return int(self.connection.execute(statement).scalar_one())


_CLAIMS = table_of(models.Claim).c
_HELD = select(
    _CLAIMS.holder, _CLAIMS.id, _CLAIMS.node, _CLAIMS.start_s, _CLAIMS.end_s, _CLAIMS.gpus
).where(
    _CLAIMS.kind == bindparam("kind"),
    _CLAIMS.holder.in_(bindparam("holders", expanding=True)),
    _CLAIMS.gone.is_(None),
)


def claims_of(connection: Connection, kind: str, holder: int | None) -> list[Claim]:
    """What a booking or drain claims; nothing for no holder."""
    if holder is None:
        return []
    return list(claims_by_holder(connection, kind, [holder])[holder])


def claims_by_holder(
    connection: Connection, kind: str, holders: Iterable[int]
) -> dict[int, tuple[Claim, ...]]:
    """What several bookings claim, by their ids."""
    found: dict[int, list[Claim]] = {holder: [] for holder in holders}
    for holder, *claim in connection.execute(_HELD, {"kind": kind, "holders": list(found)}):
        found[holder].append(Claim(*claim))
    return {holder: tuple(claims) for holder, claims in found.items()}

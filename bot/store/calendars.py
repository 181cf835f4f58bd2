"""The calendar in memory: a cache of the claims, kept fresh by the nodes' revisions.

The database is the truth. Each transaction that changes a node's claims raises the node's
revision; a cache that is behind reads only what was born or gone since. Calendars are forked,
never changed in place, so a reader keeps a consistent picture without holding a lock.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import ge
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult, bindparam, or_, select, text
from sqlmodel import col

from bot.domain.calendar import Calendar, Claim
from bot.domain.cluster import Cluster
from bot.domain.lattice import Lattice
from bot.store import models
from bot.store.ahead import Question
from bot.store.database import Database
from bot.store.group import follows_others, leave_to_others, left_by_others
from bot.store.prepared import Prepared
from bot.store.tables import table_of

#: How far behind `now` the calendar begins; it is loaded anew when it lags by a day more.
PAST = timedelta(days=1)

#: So many calendars are kept, the last ones among them; they share what has not changed.
RECENT = 32

#: What tells a cache whether it is behind; read at the beginning of everything. Revisions only
#: grow and rows of nodes are never deleted, so where both numbers are the same all revisions are.
#: The hash of the last audit record stands for all that came before it: a crash of PostgreSQL may
#: undo what was seen but not acknowledged, and then revisions grow again to the same numbers.
VERSION = (
    "SELECT count(*), sum(revision), (SELECT max(seq) FROM audit),"
    " (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1) FROM node"
)
#: What tells it where it is behind, and the hash of the record that was the last it knew of.
REVISIONS = "SELECT name, revision, (SELECT hash FROM audit WHERE seq = :known) FROM node"

#: id, node, start, end, GPUs; what `Calendar.load` reads by the hundred thousand.
ClaimRow = tuple[int, str, int, int, int]


_VERSION, _REVISIONS = Prepared(text(VERSION)), Prepared(text(REVISIONS))
_CLAIM = table_of(models.Claim).c
_CHANGES = Prepared(
    select(
        _CLAIM.id, _CLAIM.node, _CLAIM.start_s, _CLAIM.end_s, _CLAIM.gpus, _CLAIM.born, _CLAIM.gone
    ).where(
        _CLAIM.node == bindparam("of"),
        or_(
            # Without an index by `born`, as on SQLite, the one of those that count finds them.
            (_CLAIM.born > bindparam("since"))
            & _CLAIM.gone.is_(None)
            & (_CLAIM.end_s > bindparam("origin")),
            _CLAIM.gone > bindparam("since"),
        ),
    )
)
#: What `CalendarCache.fresh` asks first.
WHICH_VERSION: Question = (_VERSION, {})


class Version(NamedTuple):
    """What VERSION gives."""

    nodes: int
    #: The sum of their revisions.
    raised: int
    #: The last audit record and its hash; None: there is none.
    seq: int | None = None
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class CachedCalendar:
    """A calendar and the revision of each node that it shows."""

    calendar: Calendar
    revisions: Mapping[str, int]
    version: Version
    origin: datetime

    def covers(self, now: datetime) -> bool:
        """Whether windows around `now` lie within it."""
        return self.origin <= now < self.origin + 2 * PAST


class _Seen(NamedTuple):
    """Where the books stand in a transaction: the revisions of the cluster's nodes, and of all."""

    revisions: Mapping[str, int]
    version: Version
    #: Whether the books go on from where the cache stood.
    goes_on: bool


class CalendarCache:
    """Calendars of one cluster, for all threads of a process."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._names = frozenset(node.name for node in cluster.nodes)
        self._lock = threading.Lock()
        self._cached: CachedCalendar | None = None
        #: The last ones: a snapshot may have begun before what was adopted since.
        self._recent: dict[Version, CachedCalendar] = {}

    def fresh(
        self, connection: Connection, now: datetime, *, latest: bool = False
    ) -> CachedCalendar:
        """The calendar as `connection`'s transaction sees it; callers fork before changing it.

        `latest`: nobody else can have written since, as inside of a writing transaction.
        """
        # First, because it may be replaced by a later one than what the next statement sees.
        cached = self._cached if self._cached and self._cached.covers(now) else None
        left: CachedCalendar | None = left_by_others(connection, self) if latest else None
        if left is not None and left.covers(now):
            return left
        version = Version(*_VERSION.rows(connection)[0])
        for shown in (cached, self._recent.get(version)):
            if shown is not None and shown.version == version and shown.covers(now):
                return shown
        # What others wrote in this transaction nobody else may see before it is committed.
        adopt = _keep_apart if follows_others(connection) else self.adopt
        seen = self._seen(connection, version, cached)
        if cached is not None and not seen.goes_on:
            found = self._load(connection, seen, now)
            # Or else the snapshot may just be from before what the cache has seen.
            is_undone = latest or (version.seq or 0) >= (cached.version.seq or 0)
            return adopt(found, replaces=True) if is_undone else found
        if cached is not None and _is_ahead(seen.revisions, cached.revisions):
            return adopt(self._catch_up(connection, cached, seen))
        if cached is not None and cached.revisions.keys() == seen.revisions.keys():
            # This snapshot is older than the cache; serve it without going backwards.
            return self._load(connection, seen, now)
        # Nodes that have come into the table since; they are never taken out of it.
        has_grown = cached is not None and cached.revisions.keys() < seen.revisions.keys()
        return adopt(self._load(connection, seen, now), replaces=has_grown)

    def leave(self, connection: Connection, candidate: CachedCalendar) -> None:
        """Leave `candidate` to those who write after this, in the same transaction or the next.

        Nobody sees a version before it is committed, so nobody else finds this.
        """
        leave_to_others(connection, self, candidate)
        with self._lock:
            self._remember(candidate)

    def current(self, database: Database, now: datetime) -> Calendar:
        """The calendar as it is at the call, for whoever asks the database nothing else.

        Where nothing has changed that takes one statement and no transaction.
        """
        cached = self._cached
        if cached and cached.covers(now) and database.peek(VERSION) == cached.version:
            return cached.calendar
        with database.snapshot() as connection:
            return self.fresh(connection, now).calendar

    def prepare(self, database: Database, now: datetime) -> None:
        """Load a first calendar, if there is none: not while everybody waits for the write lock."""
        if not (self._cached and self._cached.covers(now)):
            with database.snapshot() as connection:
                self.fresh(connection, now)

    def adopt(self, candidate: CachedCalendar, *, replaces: bool = False) -> CachedCalendar:
        """Make `candidate` the shared calendar unless a newer one is already there.

        `replaces`: what is there is not worth keeping.
        """
        with self._lock:
            current = self._cached
            if (
                current is None
                or replaces
                or current.origin != candidate.origin
                or _is_ahead(candidate.revisions, current.revisions)
            ):
                self._cached = candidate
                self._remember(candidate)
        return candidate

    def _remember(self, candidate: CachedCalendar) -> None:
        self._recent.pop(candidate.version, None)
        self._recent[candidate.version] = candidate
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    def _seen(
        self, connection: Connection, version: Version, cached: CachedCalendar | None
    ) -> _Seen:
        """Where the books stand, by the one statement that says it all."""
        known = cached.version if cached else Version(0, 0)
        rows = _REVISIONS.rows(connection, {"known": known.seq})
        revisions = {name: revision for name, revision, _ in rows if name in self._names}
        raised = sum(revision for _, revision, _ in rows)
        goes_on = known.seq is None or (bool(rows) and rows[0][2] == known.hash)
        return _Seen(revisions, version._replace(nodes=len(rows), raised=raised), goes_on)

    def _catch_up(
        self, connection: Connection, cached: CachedCalendar, seen: _Seen
    ) -> CachedCalendar:
        calendar = cached.calendar.fork()
        origin = int(cached.origin.timestamp())
        for node, revision in seen.revisions.items():
            if revision != (known := cached.revisions[node]):
                about = {"of": node, "since": known, "origin": origin}
                for *claim, born, gone in _CHANGES.rows(connection, about):
                    if born <= known:
                        calendar.remove(Claim(*claim))
                    elif gone is None:
                        calendar.add(Claim(*claim))
        return CachedCalendar(calendar, seen.revisions, seen.version, cached.origin)

    def _load(self, connection: Connection, seen: _Seen, now: datetime) -> CachedCalendar:
        policy = self._cluster.policy
        grid = self._cluster.grid
        origin = grid.floor(now - PAST)
        reach = policy.horizon + 2 * max(policy.max_length.values()) + 3 * PAST
        claims = models.Claim
        counting = select(
            col(claims.id), col(claims.node), col(claims.start_s), col(claims.end_s),
            col(claims.gpus),
        )  # fmt: skip
        counting = counting.where(
            # Of each node, so that the index leads past what is over, which may be years of it.
            col(claims.node).in_(select(col(models.Node.name))),
            col(claims.gone).is_(None),
            col(claims.end_s) > int(origin.timestamp()),
        )
        rows: Sequence[ClaimRow] = plain_rows(connection.execute(counting))
        calendar = Calendar.load(
            self._cluster.nodes, rows, Lattice.build(grid, origin, now + reach)
        )
        return CachedCalendar(calendar.prepare(), seen.revisions, seen.version, origin)


def plain_rows(result: CursorResult[*tuple[Any, ...]]) -> Sequence[Any]:
    """The rows as the driver's own tuples: text and numbers need no more.

    For a hundred thousand that takes a third of the time of SQLAlchemy's.
    """
    with result:
        return result.cursor.fetchall() if result.cursor is not None else ()


def _keep_apart(candidate: CachedCalendar, *, replaces: bool = False) -> CachedCalendar:
    """Instead of `adopt`."""
    del replaces
    return candidate


def _is_ahead(new: Mapping[str, int], old: Mapping[str, int]) -> bool:
    return new.keys() == old.keys() and all(map(ge, map(new.__getitem__, old), old.values()))

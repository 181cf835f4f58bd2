"""Teams and roles by directories: what was read last, kept, and made known.

Only a whole reading replaces what a directory said before; one that failed leaves a message for
the operators and everybody's rights as they were. Whose an e-mail address is in Slack is kept
apart, because Slack is asked for a few at a time.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlmodel import col

from bot.domain.cluster import Cluster
from bot.domain.membership import Configured, Group, Source, Users
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.membership import tell_changes
from bot.services.record import post
from bot.services.site import Site
from bot.store import models, queries

log = logging.getLogger(__name__)

#: When an address is asked about again: one that is somebody's, and one that is nobody's.
KNOWN_FOR = timedelta(days=1)
UNKNOWN_FOR = timedelta(hours=6)

#: source, group, member, address.
Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class SourceState:
    """How reading a directory went last."""

    source: Source
    groups: tuple[str, ...] = ()
    read_at: datetime | None = None
    problem: str | None = None
    problem_since: datetime | None = None
    outages: int = 0

    @property
    def is_given_up(self) -> bool:
        """Whether it has no problem any more because nobody has read it since."""
        if self.problem is not None or self.problem_since is None:
            return False
        return self.read_at is None or self.read_at < self.problem_since


def adopt(site: Site, configured: Configured) -> bool:
    """Make known what directories said last; whether that was any news.

    Nodes, which may be learnt from elsewhere, stay as they are known.
    """
    with site.database.snapshot() as connection:
        merged = configured.merged(_users(connection))
    known = site.cluster
    after = replace(known, teams=merged.teams, admins=merged.admins, urgent=merged.urgent)
    if after == known:
        return False
    site.adopt(after)
    return True


def keep_reading(
    site: Site, configured: Configured, source: Source, groups: Sequence[Group], *, now: datetime
) -> None:
    """Replace what a directory said before by a whole reading of it."""
    with changing(site, now) as change:
        before = _merged(change, configured)
        _write_members(change.connection, source, groups)
        _match_known(change)
        names = json.dumps([group.name for group in groups])
        _settled(change, source, names)
        _told(change, before, _merged(change, configured))
    adopt(site, configured)


def keep_problem(site: Site, source: Source, problem: str, *, now: datetime) -> None:
    """Note that a directory could not be read; the operators are told, once an outage."""
    with changing(site, now) as change:
        state = _state(change.connection, source)
        if state.problem == problem:
            return
        begins = state.problem is None
        values = {
            "problem": problem,
            "problem_since": change.now if begins else state.problem_since,
            "outages": state.outages + begins,
        }
        _write_state(change.connection, source, **values)
        _tell_operators(change, source, state.outages + begins, problem)
    log.warning("the directory %s cannot be read: %s", source.value, problem)


def unwatched(connection: Connection, sources: Collection[Source]) -> list[SourceState]:
    """Directories that could not be read last and are none of those that are read now."""
    others = [source for source in Source if source not in sources]
    states = [_state(connection, source) for source in others]
    return [state for state in states if state.problem is not None]


def give_up(change: Change, state: SourceState) -> None:
    """Nobody reads that directory any more, so nobody would see that it can be read again."""
    _write_state(change.connection, state.source, problem=None)
    _tell_operators(change, state.source, state.outages, "unwatched")


def keep_users(
    site: Site, configured: Configured, users: Mapping[str, str | None], *, now: datetime
) -> None:
    """Keep whose those addresses are in Slack (None: nobody's)."""
    if not users:
        return
    table = models.DirectoryAddress
    with changing(site, now) as change:
        before = _merged(change, configured)
        change.connection.execute(delete(table).where(col(table.address).in_(users)))
        rows = [
            {"address": address, "user": user, "asked_at": change.now}
            for address, user in users.items()
        ]
        change.connection.execute(insert(table), rows)
        _told(change, before, _merged(change, configured))
    adopt(site, configured)


def addresses_to_ask(site: Site, *, now: datetime, limit: int) -> tuple[str, ...]:
    """Addresses of which it is to be asked whose they are: new ones first, then the oldest."""
    member, known = models.DirectoryMember, models.DirectoryAddress
    asked, user = col(known.asked_at), col(known.user)
    due = or_(
        asked.is_(None),
        and_(user.is_(None), asked <= now - UNKNOWN_FOR),
        and_(user.is_not(None), asked <= now - KNOWN_FOR),
    )
    statement = (
        select(col(member.address))
        .join(known, col(known.address) == col(member.address), isouter=True)
        .where(col(member.address) != "", due)
        .group_by(col(member.address), asked)
        .order_by(asked.is_not(None), asked, col(member.address))
        .limit(limit)
    )
    with site.database.snapshot() as connection:
        return tuple(connection.execute(statement).scalars())


def source_state(site: Site, source: Source) -> SourceState:
    """How reading that directory went last."""
    with site.database.snapshot() as connection:
        return _state(connection, source)


def people_in(site: Site, source: Source) -> dict[str, int]:
    """How many people each group had that was read last."""
    member = models.DirectoryMember
    statement = (
        select(col(member.group_name), func.count(col(member.member).distinct()))
        .where(col(member.source) == source.value)
        .group_by(col(member.group_name))
    )
    with site.database.snapshot() as connection:
        return {row[0]: row[1] for row in connection.execute(statement)}


def known_addresses(connection: Connection) -> dict[str, str | None]:
    """Whose each address is of which Slack was asked; None: nobody's."""
    rows = connection.execute(queries.columns(models.DirectoryAddress))
    return {row.address: row.user for row in rows}


def _users(connection: Connection) -> Users:
    """Slack users by directory and group, of everybody whose address is known."""
    member, known = models.DirectoryMember, models.DirectoryAddress
    user = case((col(member.address) == "", col(member.member)), else_=col(known.user))
    rows = connection.execute(
        select(col(member.source), col(member.group_name), user)
        .join(known, col(known.address) == col(member.address), isouter=True)
        .where(user.is_not(None))
    )
    found: dict[tuple[Source, str], set[str]] = {}
    for source, group, name in rows:
        found.setdefault((Source(source), group), set()).add(name)
    return {key: frozenset(users) for key, users in found.items()}


def _merged(change: Change, configured: Configured) -> Cluster:
    return configured.merged(_users(change.connection))


def _told(change: Change, before: Cluster, after: Cluster) -> None:
    """Go on with what is known now, and record what became of people."""
    change.cluster = replace(
        change.cluster, teams=after.teams, admins=after.admins, urgent=after.urgent
    )
    tell_changes(change, before, after)


def _write_members(connection: Connection, source: Source, groups: Sequence[Group]) -> None:
    table = models.DirectoryMember
    wanted = _rows(source, groups)
    is_source = col(table.source) == source.value
    known: dict[Key, str] = {
        (row.source, row.group_name, row.member, row.address): row.name
        for row in connection.execute(queries.columns(table).where(is_source))
    }
    for key in known.keys() - {key for key, name in wanted.items() if known.get(key) == name}:
        connection.execute(delete(table).where(*_is(key)))
    new = [
        dict(zip(("source", "group_name", "member", "address"), key, strict=True), name=name)
        for key, name in wanted.items()
        if known.get(key) != name
    ]
    if new:
        connection.execute(insert(table), new)


def _is(key: Key) -> tuple[ColumnElement[bool], ...]:
    table = models.DirectoryMember
    columns = (table.source, table.group_name, table.member, table.address)
    return tuple(col(column) == value for column, value in zip(columns, key, strict=True))


def _rows(source: Source, groups: Sequence[Group]) -> dict[Key, str]:
    return {
        (source.value, group.name, member.key, address): member.name
        for group in groups
        for member in group.members
        for address in member.addresses or ("",)
    }


def _match_known(change: Change) -> None:
    """Take new addresses that are exactly one known person's without asking Slack."""
    member, known, person = models.DirectoryMember, models.DirectoryAddress, models.Person
    address = func.lower(col(person.email))
    people = (
        select(address.label("address"), func.min(col(person.user)).label("user"))
        .where(col(person.email).is_not(None))
        .group_by(address)
        .having(func.count() == 1)
        .subquery()
    )
    rows = change.connection.execute(
        select(people.c.address, people.c.user)
        .distinct()
        .join(member, col(member.address) == people.c.address)
        .join(known, col(known.address) == people.c.address, isouter=True)
        .where(col(known.address).is_(None))
    ).all()
    new = [{"address": row[0], "user": row[1], "asked_at": change.now} for row in rows]
    if new:
        change.connection.execute(insert(known), new)


def _settled(change: Change, source: Source, groups: str) -> None:
    """Note a whole reading; an outage is over by it."""
    state = _state(change.connection, source)
    _write_state(change.connection, source, read_groups=groups, read_at=change.now, problem=None)
    if state.problem is not None:
        _tell_operators(change, source, state.outages, "over")
        log.info("the directory %s can be read again", source.value)


def _tell_operators(change: Change, source: Source, outage: int, state: str) -> None:
    """Bring the operators' message about an outage up to date."""
    channel = change.cluster.ops_channel
    if channel is not None:
        subject = f"directory:{source.value}:{outage}"
        version = hashlib.sha256(state.encode()).hexdigest()[:12]
        key = f"{subject}:{change.now.isoformat()}:{version}"
        post(change, "directory", channel, subject, key)


def _state(connection: Connection, source: Source) -> SourceState:
    table = models.DirectorySource
    row = connection.execute(
        queries.columns(table).where(col(table.source) == source.value)
    ).one_or_none()
    if row is None:
        return SourceState(source)
    groups = tuple(json.loads(row.read_groups))
    return SourceState(source, groups, row.read_at, row.problem, row.problem_since, row.outages)


def _write_state(connection: Connection, source: Source, **values: object) -> None:
    table = models.DirectorySource
    changed = connection.execute(
        update(table).where(col(table.source) == source.value).values(**values)
    )
    if changed.rowcount == 0:
        defaults = {"read_groups": "[]", "outages": 0}
        connection.execute(insert(table).values(source=source.value, **{**defaults, **values}))

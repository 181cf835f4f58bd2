"""Where the calendar changed since somebody looked last, in this process or in another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from sqlmodel import col

from bot.services.site import Site
from bot.store import models

#: So many records are read to find the nodes; after more, all nodes count as changed.
MOST_RECORDS = 200


@dataclass(frozen=True, slots=True)
class State:
    """Where the calendar stands: the last audit record, and each node's revision."""

    seq: int
    revisions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different in `state`."""

    state: State
    nodes: frozenset[str]

    @property
    def seq(self) -> int:
        """The number of the last audit record."""
        return self.state.seq


def state_now(site: Site) -> State:
    """Where the calendar stands now."""
    with site.database.snapshot() as connection:
        return _state(connection)


def changes_since(site: Site, before: State) -> Changes | None:
    """What changed since `before`; None when nothing did."""
    with site.database.snapshot() as connection:
        state = _state(connection)
        if state == before:
            return None
        nodes = {
            name
            for name in state.revisions.keys() | before.revisions.keys()
            if state.revisions.get(name) != before.revisions.get(name)
        }
        nodes |= _named_in_records(connection, before.seq, state)
    return Changes(state, frozenset(nodes))


def last_seq(connection: Connection) -> int:
    """The number of the last audit record; 0 when there is none."""
    return connection.execute(select(func.max(models.Audit.seq))).scalar_one() or 0


def _state(connection: Connection) -> State:
    node = models.Node
    rows = connection.execute(select(col(node.name), col(node.revision)))
    return State(last_seq(connection), dict(rows.all()))


def _named_in_records(connection: Connection, seq: int, state: State) -> set[str]:
    """Nodes of what was recorded after `seq`: a booking that begins changes no claim."""
    audit = models.Audit
    statement = (
        select(col(audit.node), col(audit.before), col(audit.after))
        .where(col(audit.seq) > seq)
        .limit(MOST_RECORDS + 1)
    )
    rows = connection.execute(statement).all()
    if len(rows) > MOST_RECORDS:
        return set(state.revisions)
    found = {row.node for row in rows if row.node is not None}
    for text in (text for row in rows for text in (row.before, row.after) if text):
        found.update(share[0] for share in json.loads(text).get("shares", ()))
    return found

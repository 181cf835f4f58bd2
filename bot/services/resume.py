"""Bringing a node back into service: by an admin, or when its drain's time has passed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, update
from sqlmodel import col

from bot.domain import policy
from bot.domain.actor import GPUBOT, Actor
from bot.domain.drain import Drain, DrainState
from bot.domain.errors import N_, WrongState
from bot.domain.notes import Note
from bot.domain.shape_rules import known_node
from bot.domain.words import clean_text
from bot.services import receipts
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.drain import bookings_in_the_way, describe_drain
from bot.services.record import mark_homes_stale, post_drain, record, record_booking
from bot.services.rows import load_drain
from bot.services.site import Site
from bot.store import models, queries


def resume(
    site: Site,
    actor: Actor,
    node: str,
    *,
    reason: str = "",
    now: datetime,
    key: str | None = None,
) -> Drain:
    """Bring a drained node back into service; owners of bookings left there are told."""
    key = receipts.scoped(key, actor, "resume", node)
    with changing(site, now) as change:
        if (done := receipts.find(change, key)) is not None:
            return load_drain(change, done)
        policy.check_admin(site.cluster, actor)
        reason = clean_text(reason, "reason", policy.LONGEST_REASON)
        resumed = _end(change, actor, _open_drain(change, node), reason)
        receipts.keep(change, key, resumed.id)
        return resumed


def expire_drains(site: Site, *, now: datetime) -> int:
    """Close drains whose time has passed; return how many. Their claims have ended already."""
    with changing(site, now) as change:
        due = _due(queries.open_drains(change.connection).values(), now)
        for found in due:
            _end(change, GPUBOT, found, N_("its time has passed"))
        return len(due)


def drains_expire(_site: Site, connection: Connection, now: datetime) -> bool:
    """Whether there are such."""
    return bool(_due(queries.open_drains(connection).values(), now))


def _open_drain(change: Change, node: str) -> Drain:
    """The drain of that node, which may have left the configuration meanwhile."""
    drains = {
        name.casefold(): found for name, found in queries.open_drains(change.connection).items()
    }
    if (found := drains.get(node.casefold())) is not None:
        return found
    name = known_node(change.cluster, node).name
    raise WrongState(booking=name, why=Note(N_("is in service already.")))


def _end(change: Change, actor: Actor, found: Drain, reason: str) -> Drain:
    change.give_back("drain", found.id, from_instant=change.now)
    table = models.Drain
    change.connection.execute(
        update(table).where(col(table.id) == found.id).values(state=DrainState.RESUMED.value)
    )
    record(
        change, actor, "node_resumed", node=found.node, reason=reason, before=describe_drain(found)
    )
    for booking in bookings_in_the_way(change, found.node, found.end):
        # Who runs there has lost nothing; only their card spoke of it.
        quiet = booking.is_running(change.now)
        record_booking(
            change, actor, "node_back", before=booking, after=booking, node=found.node, quiet=quiet
        )
    resumed = replace(found, state=DrainState.RESUMED)
    post_drain(change, resumed)
    mark_homes_stale(change)
    return resumed


def _due(drains: Iterable[Drain], now: datetime) -> list[Drain]:
    return [found for found in drains if found.end is not None and found.end <= now]

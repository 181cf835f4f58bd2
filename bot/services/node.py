"""Taking a node out of service and back, and following the configuration's list of nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update
from sqlmodel import col

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking
from bot.domain.cluster import Node
from bot.domain.drain import Drain, DrainState
from bot.domain.errors import N_, InThePast, ReasonNeeded, UnknownName, WrongState
from bot.domain.notes import Note
from bot.domain.placement import place
from bot.services import receipts
from bot.services.change import OPEN_END, Change, changing
from bot.services.conflict import hints_for
from bot.services.record import mark_homes_stale, post, record, record_booking
from bot.services.rows import load_booking, update_booking
from bot.services.site import Site
from bot.store import models, queries


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain did to the bookings in its way."""

    drain: Drain
    #: Placed on other nodes, same window.
    moved: tuple[Booking, ...] = ()
    #: Not started, and no other node of the model is free then.
    stranded: tuple[Booking, ...] = ()
    #: Running; they keep their GPUs until they end.
    running: tuple[Booking, ...] = ()


def drain(
    site: Site,
    actor: Actor,
    node: str,
    *,
    until: datetime | None,
    reason: str,
    now: datetime,
    key: str | None = None,
) -> Drained:
    """Take `node` out of service from now until `until` (None: until resumed).

    Bookings that have not started move to another node of the same model where one is free for
    their whole window; the others are listed, and every owner is told.
    """
    with changing(site, now) as change:
        if (done := receipts.find(change, key)) is not None:
            return _outcome(change, done)
        _check_drain(change, actor, node, until, reason)
        drained = _drain(change, actor, _node(site, node), until, reason)
        ids = [
            [b.id for b in group] for group in (drained.moved, drained.stranded, drained.running)
        ]
        receipts.keep(change, key, [drained.drain.id, *ids])
        return drained


def resume(
    site: Site,
    actor: Actor,
    node: str,
    *,
    reason: str = "",
    now: datetime,
    key: str | None = None,
) -> Drain:
    """Bring a drained node back into service."""
    with changing(site, now) as change:
        if (done := receipts.find(change, key)) is not None:
            return _load_drain(change, done)
        policy.check_admin(site.cluster, actor)
        policy.check_reason_length(reason)
        found = queries.open_drains(change.connection).get(_node(site, node).name)
        if found is None:
            raise WrongState(booking=node, why=Note(N_("it is in service already.")))
        resumed = _end_drain(change, found)
        record(
            change, actor, "node_resumed", node=found.node, reason=reason, before=_describe(found)
        )
        _post_node(change, resumed)
        receipts.keep(change, key, resumed.id)
        return resumed


def expire_drains(site: Site, *, now: datetime) -> int:
    """Close drains whose time has passed; return how many. Their claims have ended already."""
    with site.database.snapshot() as connection:
        if not _due(queries.open_drains(connection).values(), now):
            return 0
    with changing(site, now) as change:
        due = _due(queries.open_drains(change.connection).values(), now)
        for found in due:
            _set_state(change, found)
            _post_node(change, replace(found, state=DrainState.RESUMED))
        return len(due)


def sync_nodes(site: Site) -> None:
    """Make the table of nodes follow the configuration; nodes left out are kept as retired."""
    table = models.Node
    with site.database.transaction() as connection:
        known = {row.name: row for row in connection.execute(queries.columns(table))}
        for position, node in enumerate(site.cluster.nodes):
            values = {
                "gpus": node.gpus,
                "model": node.model,
                "position": position,
                "retired": False,
            }
            if node.name in known:
                connection.execute(update(table).where(col(table.name) == node.name).values(values))
            else:
                connection.execute(insert(table).values(name=node.name, revision=0, **values))
        left_out = known.keys() - {node.name for node in site.cluster.nodes}
        connection.execute(update(table).where(col(table.name).in_(left_out)).values(retired=True))


def _check_drain(
    change: Change, actor: Actor, node: str, until: datetime | None, reason: str
) -> None:
    policy.check_admin(change.cluster, actor)
    found = change.cluster.node(node)
    if found is None:
        known = ", ".join(n.name for n in change.cluster.nodes)
        raise UnknownName(kind="node", name=node, known=known, form_field="node")
    if not reason.strip():
        raise ReasonNeeded(example=f"/gpu node drain {found.name} until fri 18:00 new power supply")
    policy.check_reason_length(reason)
    if until is not None and until <= change.now:
        raise InThePast(start=until, now=change.now, form_field="until")
    if (drained := queries.open_drains(change.connection).get(found.name)) is not None:
        why = Note(
            N_("it is out of service already ({reason}). Resume it first: `/gpu node resume {n}`."),
            {"reason": drained.reason, "n": found.name},
        )
        raise WrongState(booking=found.name, why=why)


def _drain(
    change: Change, actor: Actor, node: Node, until: datetime | None, reason: str
) -> Drained:
    in_the_way = _bookings_in_the_way(change, node, until)
    opened = _insert(change, actor, node, until, reason)
    record(change, actor, "node_drained", node=node.name, reason=reason, after=_describe(opened))
    running, moved, stranded = [], [], []
    for booking in in_the_way:
        if booking.is_running(change.now):
            running.append(_strand(change, actor, node, booking, reason))
        elif (after := _displace(change, booking)) is not None:
            record_booking(
                change,
                actor,
                "displaced",
                before=booking,
                after=after,
                reason=reason,
                node=node.name,
            )
            moved.append(after)
        else:
            stranded.append(_strand(change, actor, node, booking, reason))
    _post_node(change, opened)
    mark_homes_stale(change)
    return Drained(opened, tuple(moved), tuple(stranded), tuple(running))


def _bookings_in_the_way(change: Change, node: Node, until: datetime | None) -> list[Booking]:
    start_s = int(change.now.timestamp())
    end_s = OPEN_END if until is None else int(until.timestamp())
    claims = queries.claims_overlapping(change.connection, [node.name], start_s, end_s)
    ids = {claim.holder for claim in claims if claim.kind == "booking"}
    found = queries.bookings_by_id(change.connection, ids).values()
    return sorted(found, key=lambda booking: (booking.window.start, booking.priority, booking.id))


def _displace(change: Change, booking: Booking) -> Booking | None:
    """The booking on other nodes of the models it has, same window; None when none is free."""
    models_held = {n.model for n in change.cluster.nodes if n.name in booking.nodes}
    if booking.shape.node is not None or len(models_held) != 1:
        return None
    shape = replace(booking.shape, model=models_held.pop())
    change.give_back("booking", booking.id)
    hints = hints_for(change.connection, booking.team, booking.window)
    placement = place(change.calendar, shape, booking.window, hints)
    if placement is None:
        change.keep_past(booking.id, booking.shares, booking.window)
        return None
    change.take(booking.id, placement)
    return update_booking(change, booking, shares=placement.shares)


def _strand(change: Change, actor: Actor, node: Node, booking: Booking, reason: str) -> Booking:
    record_booking(
        change,
        actor,
        "stranded",
        before=booking,
        after=booking,
        reason=reason,
        node=node.name,
    )
    return booking


def _insert(change: Change, actor: Actor, node: Node, until: datetime | None, reason: str) -> Drain:
    values = {
        "node": node.name,
        "start_at": change.now,
        "end_at": until,
        "reason": reason,
        "actor": actor.name,
        "state": DrainState.DRAINING.value,
    }
    inserted = change.connection.execute(insert(models.Drain).values(**values))
    drain_id = inserted.inserted_primary_key[0]
    change.close_node(drain_id, node.name, change.now, until)
    return Drain(drain_id, node.name, change.now, until, reason, actor.name, DrainState.DRAINING)


def _end_drain(change: Change, found: Drain) -> Drain:
    change.give_back("drain", found.id, from_instant=change.now)
    _set_state(change, found)
    return replace(found, state=DrainState.RESUMED)


def _set_state(change: Change, found: Drain) -> None:
    table = models.Drain
    change.connection.execute(
        update(table).where(col(table.id) == found.id).values(state=DrainState.RESUMED.value)
    )


def _due(drains: Iterable[Drain], now: datetime) -> list[Drain]:
    return [found for found in drains if found.end is not None and found.end <= now]


def _post_node(change: Change, found: Drain) -> None:
    if change.cluster.ops_channel is not None:
        subject = f"drain:{found.id}"
        post(change, "node", change.cluster.ops_channel, subject, f"{subject}:{found.state}")


def _describe(found: Drain) -> dict[str, str | None]:
    return {"node": found.node, "until": found.end.isoformat() if found.end else None}


def _node(site: Site, name: str) -> Node:
    node = site.cluster.node(name)
    if node is None:
        known = ", ".join(n.name for n in site.cluster.nodes)
        raise UnknownName(kind="node", name=name, known=known, form_field="node")
    return node


def _load_drain(change: Change, drain_id: int) -> Drain:
    found = queries.find_drain(change.connection, drain_id)
    assert found is not None, "drains are never deleted"
    return found


def _outcome(change: Change, done: list[Any]) -> Drained:
    drain_id, *groups = done
    moved, stranded, running = (tuple(load_booking(change, i) for i in ids) for ids in groups)
    return Drained(_load_drain(change, drain_id), moved, stranded, running)


def drained_nodes(site: Site) -> dict[str, Drain]:
    """Drains that hold their node now or later, by node."""
    with site.database.snapshot() as connection:
        return queries.open_drains(connection)

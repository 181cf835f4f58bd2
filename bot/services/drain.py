"""Taking a node out of service."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, Placement, Shape
from bot.domain.cluster import Node
from bot.domain.drain import Drain, DrainState
from bot.domain.errors import N_, InThePast, ReasonNeeded, WrongState
from bot.domain.job_templates import suits
from bot.domain.notes import Note
from bot.domain.placement import place
from bot.domain.shape_rules import known_node
from bot.domain.words import clean_text
from bot.services import receipts
from bot.services.change import OPEN_END, Change
from bot.services.changing import changing
from bot.services.conflict import hints_for
from bot.services.edit_waitlist import withdraw_offers_on
from bot.services.record import mark_homes_stale, post_drain, record, record_booking
from bot.services.rows import load_booking, load_drain, update_booking
from bot.services.site import Site
from bot.services.withdraw import withdraw_preemptions
from bot.store import models, queries


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain did to the bookings in its way."""

    drain: Drain
    #: Placed on other nodes, same window.
    moved: tuple[Booking, ...] = ()
    #: Not started, and nothing else that would do is free then.
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

    Bookings that have not started move to other nodes where their whole window is free; the
    others are listed, and every owner is told.
    """
    key = receipts.scoped(key, actor, "drain", node)
    with changing(site, now) as change:
        if (done := receipts.find(change, key)) is not None:
            return _outcome(change, done)
        policy.check_admin(site.cluster, actor)
        found = known_node(site.cluster, node)
        reason, until = _check(change, found, until, reason)
        drained = _drain(change, actor, found, until, reason)
        groups = (drained.moved, drained.stranded, drained.running)
        ids = [[booking.id for booking in group] for group in groups]
        receipts.keep(change, key, [drained.drain.id, *ids])
        return drained


def bookings_in_the_way(change: Change, node: str, until: datetime | None) -> list[Booking]:
    """Bookings that hold GPUs of `node` between now and `until`, by start and priority."""
    start_s = int(change.now.timestamp())
    end_s = OPEN_END if until is None else int(until.timestamp())
    claims = queries.claims_overlapping(change.connection, [node], start_s, end_s)
    ids = {claim.holder for claim in claims if claim.kind == "booking"}
    found = queries.bookings_by_id(change.connection, ids).values()
    return sorted(found, key=lambda booking: (booking.window.start, booking.priority, booking.id))


def describe_drain(drain: Drain) -> dict[str, str | None]:
    """A drain as the audit keeps it."""
    return {"node": drain.node, "until": drain.end.isoformat() if drain.end else None}


def _check(
    change: Change, node: Node, until: datetime | None, reason: str
) -> tuple[str, datetime | None]:
    """The reason and the end as they are kept, if the node can be drained."""
    reason = clean_text(reason, "reason", policy.LONGEST_REASON)
    if not reason:
        raise ReasonNeeded(example=f"/gpu node drain {node.name} until fri 18:00 new power supply")
    until = None if until is None else until.replace(microsecond=0)
    if until is not None and until <= change.now:
        raise InThePast(start=until, now=change.now, form_field="until")
    if (drained := queries.open_drains(change.connection).get(node.name)) is not None:
        why = Note(
            N_("is out of service already ({reason}). Resume it first: `/gpu node resume {n}`."),
            {"reason": drained.reason, "n": node.name},
        )
        raise WrongState(booking=node.name, why=why)
    return reason, until


def _drain(
    change: Change, actor: Actor, node: Node, until: datetime | None, reason: str
) -> Drained:
    in_the_way = bookings_in_the_way(change, node.name, until)
    end_s = OPEN_END if until is None else int(until.timestamp())
    withdraw_offers_on(change, node.name, int(change.now.timestamp()), end_s)
    opened = _insert(change, actor, node, until, reason)
    record(
        change, actor, "node_drained", node=node.name, reason=reason, after=describe_drain(opened)
    )
    moved: list[Booking] = []
    stranded: list[Booking] = []
    running: list[Booking] = []
    for found in in_the_way:
        # Whoever got back what was taken by one before them may lie elsewhere by now.
        booking = load_booking(change, found.id)
        if node.name not in booking.nodes:
            continue
        after = None if booking.is_running(change.now) else _elsewhere(change, booking)
        record_booking(
            change,
            actor,
            "stranded" if after is None else "displaced",
            before=booking,
            after=after or booking,
            reason=reason,
            node=node.name,
        )
        if after is not None:
            # Whoever would have given way to it here need not any more.
            withdraw_preemptions(change, actor, after)
            moved.append(after)
        else:
            (running if booking.is_running(change.now) else stranded).append(booking)
    post_drain(change, opened)
    mark_homes_stale(change)
    return Drained(opened, tuple(moved), tuple(stranded), tuple(running))


def _elsewhere(change: Change, booking: Booking) -> Booking | None:
    """The booking on other nodes, same window; None when nothing that would do is free."""
    change.give_back("booking", booking.id)
    placement = _placement(change, booking)
    if placement is None or not suits(change.cluster, booking.job, placement.shares):
        change.reclaim(booking.id, booking.shares, booking.window)
        return None
    change.take(booking.id, placement)
    return update_booking(change, booking, shares=placement.shares)


def _placement(change: Change, booking: Booking) -> Placement | None:
    """Where what was asked for fits: on the models that it has now, or else on any it allows."""
    models_held = {n.model for n in change.cluster.nodes if n.name in booking.nodes}
    shapes: list[Shape] = [replace(booking.shape, model=model) for model in sorted(models_held)]
    if booking.shape.spread:
        shapes = []
    hints = hints_for(change.connection, booking.team, booking.window)
    for shape in (*shapes, booking.shape):
        if (found := place(change.calendar, shape, booking.window, hints)) is not None:
            return found
    return None


def _insert(change: Change, actor: Actor, node: Node, until: datetime | None, reason: str) -> Drain:
    values: dict[str, Any] = {
        "node": node.name,
        "start_at": change.now,
        "end_at": until,
        "reason": reason,
        "actor": actor.name,
        "state": DrainState.DRAINING.value,
    }
    drain_id = change.insert(insert(models.Drain).values(**values))
    change.close_node(drain_id, node, change.now, until)
    return Drain(drain_id, node.name, change.now, until, reason, actor.name, DrainState.DRAINING)


def _outcome(change: Change, done: list[Any]) -> Drained:
    drain_id, *groups = done
    moved, stranded, running = (tuple(load_booking(change, i) for i in ids) for ids in groups)
    return Drained(load_drain(change, drain_id), moved, stranded, running)

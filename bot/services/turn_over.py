"""What time does to bookings: they begin and get their GPUs, they end, they give way."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Select

from bot.domain.actor import GPUBOT
from bot.domain.booking import Booking, BookingState, Share
from bot.domain.gpu_ids import GpuIds, choose_ids
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.gpu_owners import Place
from bot.services.gpu_unbooked import unbooked_work
from bot.services.overrun import overrun
from bot.services.preemption_rows import (
    open_preemption,
    pending_preemptions,
    update_preemption,
)
from bot.services.reclaim import fair_reclaim
from bot.services.record import record_booking
from bot.services.rows import update_booking
from bot.services.run_rows import want_run
from bot.services.run_work import gpus_still_in_use
from bot.services.site import Site
from bot.services.withdraw import let_go, release_holds
from bot.store import models, queries
from bot.store.tables import table_of

log = logging.getLogger(__name__)

#: How many bookings one transaction turns over; what is left is due at the next tick.
AT_ONCE = 100

ACTIVE, RESERVED = BookingState.ACTIVE.value, BookingState.RESERVED.value


def turn_over(site: Site, *, now: datetime) -> int:
    """End the bookings whose end has come, begin those whose start has; return how many.

    Those that end come first: at one instant GPUs pass from one booking to the next. Doing it
    twice, or late, changes nothing more: what is due is read again inside the transaction.
    """
    with changing(site, now) as change:
        found = _due(change.connection, change.now)
        over = [booking for booking in found if booking.window.end <= change.now]
        begun = [booking for booking in found if booking.window.end > change.now]
        for booking in over:
            _end(change, booking)
        # Those of what has just ended are among them.
        ending = gpus_still_in_use(change.connection) if begun else frozenset()
        for booking in begun:
            _begin(change, booking, ending)
        return len(found)


def turn_over_is_due(_site: Site, connection: Connection, now: datetime) -> bool:
    """Whether there are such."""
    return bool(_due(connection, now))


def _due(connection: Connection, now: datetime) -> list[Booking]:
    """Bookings to end or to begin; those that are active, which only end, come first."""
    rows = [row for due in (_TO_END, _TO_BEGIN) for row in connection.execute(due, {"now": now})]
    found = [queries.to_booking(row) for row in rows[:AT_ONCE]]
    return sorted(found, key=lambda booking: (booking.state, booking.window.end, booking.id))


def _overdue(state: str, instant: Column[Any]) -> Select[Any]:
    """Bookings of that state whose `instant` has come, the earliest first."""
    table = table_of(models.Booking)
    return (
        queries.columns(models.Booking)
        .where(table.c.state == state, instant <= queries.instant("now"))
        .order_by(instant, table.c.id)
        .limit(AT_ONCE)
    )


#: Two statements, each in the order of an index. For one with both conditions in it, PostgreSQL
#: goes through all that ever ended to find the first hundred.
_TO_END = _overdue(ACTIVE, table_of(models.Booking).c.end_at)
_TO_BEGIN = _overdue(RESERVED, table_of(models.Booking).c.start_at)


def _end(change: Change, booking: Booking) -> None:
    warned = open_preemption(change, booking.id)
    if warned is not None:
        if fair_reclaim(change, warned) <= change.now:
            _reclaim(change, booking, warned)
            return
        # Without the full warning it is left alone, until `postpone_unwarned` has moved its end.
        if warned.old_window.end > change.now:
            return
        update_preemption(change, warned, state=PreemptionState.OVERTAKEN)
    if booking.state is BookingState.ACTIVE and overrun(change, booking) is not None:
        return
    after = update_booking(change, booking, state=BookingState.ENDED)
    _record(change, "ended", booking, after)
    if booking.state is BookingState.RESERVED:
        release_holds(change, after)  # gpubot was away for the whole of it
    let_go(change, GPUBOT, after, booking)


def _reclaim(change: Change, booking: Booking, warned: Preemption) -> None:
    """The promised instant has come: the GPUs pass on."""
    after = update_booking(change, booking, state=BookingState.PREEMPTED)
    details = {"preemptor": warned.preemptor}
    record_booking(
        change, GPUBOT, "reclaimed", before=booking, after=after, details=details, told=True
    )
    change.give_back("hold", warned.id)
    update_preemption(change, warned, state=PreemptionState.RECLAIMED)
    let_go(change, GPUBOT, after, booking)


def _begin(change: Change, booking: Booking, ending: Collection[Place]) -> None:
    takes_from = pending_preemptions(change, booking.id)
    if any(preemption.state is PreemptionState.WARNED for preemption in takes_from):
        return  # Somebody still has its GPUs.
    ids = _settle_ids(change, booking, ending)
    after = update_booking(change, booking, state=BookingState.ACTIVE, gpu_ids=ids)
    _record(change, "started", booking, after)
    release_holds(change, after)
    want_run(change, after)


def _settle_ids(change: Change, booking: Booking, ending: Collection[Place]) -> GpuIds:
    """The indices that the booking gets on each of its nodes."""
    now_s = int(change.now.timestamp())
    claims = queries.claims_overlapping(change.connection, booking.nodes, now_s, now_s + 1)
    holders = {claim.holder for claim in claims if claim.kind == "booking"} - {booking.id}
    others = queries.bookings_by_id(change.connection, holders).values()
    active = [other for other in others if other.state is BookingState.ACTIVE]
    # Nobody is given first what a run of before still saves its work on, not even its owner.
    at_work = {**unbooked_work(change.connection, change.now), **dict.fromkeys(ending)}
    return tuple(
        (share.node, _ids_on(change, share, active, at_work, booking.owner))
        for share in booking.shares
    )


def _ids_on(
    change: Change,
    share: Share,
    active: list[Booking],
    at_work: Mapping[Place, str | None],
    owner: str,
) -> tuple[int, ...]:
    """Those where the owner works already, and none where others do, as far as that goes."""
    node = change.cluster.node(share.node)
    taken = {
        i for other in active for name, ids in other.gpu_ids if name == share.node for i in ids
    }
    here = {gpu: user for (name, gpu), user in at_work.items() if name == share.node}
    ids = choose_ids(
        node.gpus if node is not None else share.gpus,
        taken,
        share.gpus,
        wanted={gpu for gpu, user in here.items() if user == owner},
        shunned={gpu for gpu, user in here.items() if user != owner},
    )
    if len(ids) < share.gpus:
        log.warning(
            "%s has only %d GPUs left for a booking of %d", share.node, len(ids), share.gpus
        )
    return ids


def _record(change: Change, action: str, before: Booking, after: Booking) -> None:
    """The card shows it; nobody needs a message about what they planned."""
    record_booking(change, GPUBOT, action, before=before, after=after, quiet=True)

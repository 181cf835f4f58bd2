"""What a holder does about a warning, and how reclaiming itself is timed."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection, Select
from sqlmodel import col

from bot.domain import policy
from bot.domain.actor import GPUBOT, Actor
from bot.domain.booking import Booking, BookingState, Placement, booking_label
from bot.domain.errors import N_, NotAllowed, WrongState
from bot.domain.notes import Note
from bot.domain.preemption import reclaim_instant
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.domain.window import Window
from bot.services.book_in_place import book_in_place, nearest_room
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.preemption_rows import (
    hold_again,
    load_preemption,
    pending_preemptions,
    take_back,
    update_preemption,
)
from bot.services.record import record_booking
from bot.services.release import end_now
from bot.services.rows import load_booking, update_booking
from bot.services.site import Site
from bot.services.timely import later_if_undelivered
from bot.services.transfer import overtake_transfer
from bot.services.withdraw import let_go, withdraw_preemptions
from bot.store import models, queries

log = logging.getLogger(__name__)

NOT_WARNED = {
    PreemptionState.RELEASED: N_("was given back already; thank you."),
    PreemptionState.RECLAIMED: N_("has been reclaimed already: {at}."),
    PreemptionState.WITHDRAWN: N_("is not being reclaimed any more: it is yours again."),
}


#: What has cost, or will cost, somebody their GPUs.
LOSING = frozenset({
    PreemptionState.WARNED,
    PreemptionState.LOST,
    PreemptionState.RELEASED,
    PreemptionState.RECLAIMED,
})  # fmt: skip


def release_for_preemptor(
    site: Site, actor: Actor, preemption_id: int, *, now: datetime
) -> Booking:
    """The checkpoint is saved: give the GPUs back before their time. Twice changes nothing."""
    with changing(site, now) as change:
        preemption = load_preemption(change, preemption_id)
        booking = load_booking(change, preemption.preemptee)
        policy.check_may_change(site.cluster, actor, booking)
        if preemption.state is PreemptionState.RELEASED:
            return booking
        _check_warned(preemption, booking)
        after = end_now(change, booking, BookingState.PREEMPTED)
        record_booking(change, actor, "released_early", before=booking, after=after, told=True)
        let_go(change, actor, after, booking)
        return after


def grant_extra_time(site: Site, actor: Actor, preemption_id: int, *, now: datetime) -> Preemption:
    """Ten more minutes, as policy has it, once: the urgent booking begins later for it."""
    with changing(site, now) as change:
        preemption = load_preemption(change, preemption_id)
        booking = load_booking(change, preemption.preemptee)
        policy.check_may_change(site.cluster, actor, booking)
        _check_warned(preemption, booking)
        extra = site.cluster.policy.extra_time
        if not extra:
            raise NotAllowed(rule=Note(N_("There is no extra time on this cluster.")), who=Note(""))
        if preemption.extended:
            at = preemption.reclaim_at
            why = Note(N_("has had its extra time and is reclaimed {at}."), {"at": at})
            raise WrongState(booking=booking_label(booking.id), why=why)
        return _postpone(change, actor, preemption, preemption.reclaim_at + extra, "more_time")


def book_again(site: Site, actor: Actor, preemption_id: int, *, now: datetime) -> Booking:
    """Book the nearest window for what is lost; a second press gives the same booking.

    What is kept of the old window until the urgent work begins may be used for it.
    """
    with changing(site, now) as change:
        preemption = load_preemption(change, preemption_id)
        booking = load_booking(change, preemption.preemptee)
        policy.check_may_keep(site.cluster, actor, booking)
        if preemption.again is not None:
            return load_booking(change, preemption.again)
        if preemption.state not in LOSING and booking.state is not BookingState.PREEMPTED:
            _check_warned(preemption, booking)
        change.give_back("hold", preemption.id)
        placement = _room_again(change, preemption, booking)
        again = book_in_place(change, actor, booking, placement)
        hold_again(change, update_preemption(change, preemption, again=again.id))
        return again


def _room_again(change: Change, preemption: Preemption, booking: Booking) -> Placement:
    """The nearest window for the rest of the work, after the GPUs are gone."""
    cluster = change.cluster
    lost = preemption.old_window.end - max(preemption.reclaim_at, preemption.old_window.start)
    slots = max(1, -(-lost // cluster.policy.slot))
    return nearest_room(
        change,
        booking,
        slots * cluster.policy.slot,
        not_before=max(preemption.reclaim_at, change.now),
    )


def keep_new_time(site: Site, actor: Actor, preemption_id: int, *, now: datetime) -> Preemption:
    """The owner of a moved booking is content with its new time: it stays there for good."""
    with changing(site, now) as change:
        preemption = load_preemption(change, preemption_id)
        booking = load_booking(change, preemption.preemptee)
        policy.check_may_change(site.cluster, actor, booking)
        if preemption.kept:
            return preemption
        if preemption.state is not PreemptionState.MOVED or booking.is_over(change.now):
            whys = {
                PreemptionState.WITHDRAWN: N_("is back at its old time: it was given back."),
                PreemptionState.OVERTAKEN: N_("has been changed meanwhile; nothing was done."),
            }
            why = Note(whys.get(preemption.state, N_("is over already; nothing was changed.")))
            raise WrongState(booking=booking_label(booking.id), why=why)
        change.give_back("hold", preemption.id)
        record_booking(change, actor, "kept_new_time", before=booking, after=booking, told=True)
        return update_preemption(change, preemption, kept=True)


def _check_warned(preemption: Preemption, booking: Booking) -> None:
    """Raise WrongState when there is nothing to reclaim any more."""
    if preemption.state is PreemptionState.WARNED:
        return
    over = N_("is over already; nothing was changed.")
    why = Note(NOT_WARNED.get(preemption.state, over), {"at": preemption.reclaim_at})
    raise WrongState(booking=booking_label(booking.id), why=why)


def postpone_unwarned(site: Site, *, now: datetime) -> int:
    """Leave GPUs with those who have not had their full warning; return how many get more time.

    The reclaim is moved to when they will have had it (design: nobody is reclaimed without it).
    """
    with site.database.snapshot() as connection:
        due = [row.id for row in connection.execute(_due(), {"now": now})]
    postponed = 0
    for preemption_id in due:
        try:
            with changing(site, now) as change:
                postponed += _postpone_unwarned(change, load_preemption(change, preemption_id))
        except WrongState as error:
            # Everything is as it was; it is tried again, or the time of the warning passes.
            log.warning("no more time for an unwarned holder: %s", error)
    return postponed


def reclaims_are_due(_site: Site, connection: Connection, now: datetime) -> bool:
    """Whether GPUs are to be reclaimed, with a full warning or without."""
    return connection.execute(_due(), {"now": now}).first() is not None


def _postpone_unwarned(change: Change, preemption: Preemption) -> bool:
    until = fair_reclaim(change, preemption)
    if preemption.state is not PreemptionState.WARNED or until <= change.now:
        return False
    until = min(reclaim_instant(None, until, timedelta(0)), preemption.old_window.end)
    if until <= change.now:
        return False  # Their own time is over.
    _postpone(change, GPUBOT, preemption, until, "postponed")
    return True


def fair_reclaim(change: Change, preemption: Preemption) -> datetime:
    """When the GPUs may be reclaimed: as promised, or when the warning will have been had."""
    return later_if_undelivered(
        change,
        "warning",
        f"preemption:{preemption.id}",
        preemption.reclaim_at,
        change.cluster.policy.warning,
    )


@cache
def _due() -> Select[tuple[object, ...]]:
    table, now = models.Preemption, queries.instant("now")
    return (
        queries.columns(table)
        .where(col(table.state) == PreemptionState.WARNED.value, col(table.reclaim_at) <= now)
        .order_by(col(table.id))
    )


def _postpone(
    change: Change, actor: Actor, preemption: Preemption, until: datetime, action: str
) -> Preemption:
    """Leave the holder their GPUs until `until`; the urgent booking begins that much later.

    They get no more than they had before.
    """
    urgent = load_booking(change, preemption.preemptor)
    holder = load_booking(change, preemption.preemptee)
    until = min(until, preemption.old_window.end)
    if until >= urgent.window.end or not urgent.state.is_live:
        return _call_off(change, urgent, preemption)
    pending = pending_preemptions(change, urgent.id)
    for other in pending:
        change.give_back("hold", other.id)
    change.give_back("booking", urgent.id)
    later = _run_until(change, holder, until)
    moved = _begin_at(change, urgent, max(urgent.window.start, until))
    record_booking(change, actor, "postponed", before=urgent, after=moved)
    details = {"preemptor": urgent.id, "reclaim_at": until.isoformat()}
    record_booking(
        change, actor, "more_time", before=holder, after=later, details=details, told=True
    )
    extended = preemption.extended or action == "more_time"
    after = update_preemption(change, preemption, reclaim_at=until, extended=extended)
    for other in pending:
        hold_again(change, after if other.id == after.id else other)
    return after


def _run_until(change: Change, holder: Booking, until: datetime) -> Booking:
    if until > holder.window.end:
        more = Placement(Window(holder.window.end, until), holder.shares)
        if not take_back(change, holder.id, more):
            why = Note(N_("cannot have more time: these GPUs went out of service."))
            raise WrongState(booking=booking_label(holder.id), why=why)
    window = Window(holder.window.start, max(holder.window.end, until))
    return update_booking(change, holder, window=window)


def _begin_at(change: Change, urgent: Booking, start: datetime) -> Booking:
    """Let an urgent booking, which was given up just now, have its GPUs from `start` on."""
    window = Window(start, urgent.window.end)
    change.reclaim(urgent.id, urgent.shares, window)
    return update_booking(change, urgent, window=window)


def _call_off(change: Change, urgent: Booking, preemption: Preemption) -> Preemption:
    """Nothing would be left of the urgent booking: nobody could be warned for so long."""
    if urgent.state.is_live:
        change.give_back("booking", urgent.id)
        after = update_booking(change, urgent, state=BookingState.CANCELLED)
        why = N_("those who have the GPUs could not be warned in time")
        record_booking(change, GPUBOT, "cancelled", before=urgent, after=after, reason=why)
        overtake_transfer(change, GPUBOT, after)
    withdraw_preemptions(change, GPUBOT, urgent)
    return load_preemption(change, preemption.id)

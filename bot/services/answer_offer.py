"""What becomes of an offer: accepted, declined, or expired and passed on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection, Select
from sqlmodel import col

from bot.domain import policy
from bot.domain.actor import GPUBOT, Actor
from bot.domain.booking import Booking, Placement, booking_label
from bot.domain.errors import N_, WrongState
from bot.domain.notes import Note
from bot.domain.waitlist import (
    UNANSWERED_OFFERS,
    EntryState,
    Offer,
    OfferState,
    WaitlistEntry,
    answer_until,
    entry_label,
)
from bot.domain.window import Window
from bot.services.change import Change, DoesNotFit
from bot.services.changing import changing
from bot.services.edit_waitlist import check_may_answer, end_entry
from bot.services.quota import check_quotas
from bot.services.record import record_booking
from bot.services.rows import load_booking
from bot.services.serve_waitlist import book_entry
from bot.services.site import Site
from bot.services.timely import later_if_undelivered
from bot.services.wait_rows import (
    load_entry,
    load_offer,
    record_entry,
    tell_entry,
    update_entry,
    update_offer,
)
from bot.store import models, queries, wait_queries

#: Somebody who does not want a gap now is not asked again for so long.
QUEUE_PAUSE = timedelta(minutes=30)


def accept_offer(site: Site, actor: Actor, offer_id: int, *, now: datetime) -> Booking:
    """Turn an offer into a booking; accepting again gives the same booking.

    Raises WrongState when it has expired or was answered otherwise, NotAllowed to strangers and
    to people who are in no team any more.
    """
    with changing(site, now) as change:
        offer = load_offer(change, offer_id)
        entry = load_entry(change, offer.entry)
        check_may_answer(change.cluster, actor, entry)
        policy.check_in_a_team(change.cluster, actor, entry.team)
        if offer.state is OfferState.ACCEPTED and offer.booking is not None:
            return load_booking(change, offer.booking)
        _check_open(_fairly(change, offer), change.now)
        policy.check_priority(change.cluster, entry.owner, entry.priority)
        placement = _from_now(offer, entry, change.now)
        change.give_back("offer", offer.id)
        check_quotas(change, entry.owner, entry.team, placement.window, placement.gpus)
        booking = _book(change, entry, placement)
        update_offer(
            change,
            offer,
            state=OfferState.ACCEPTED,
            booking=booking.id,
            answered_by=actor.name,
        )
        details = {"entry": entry.id}
        record_booking(
            change, actor, "offer_accepted", before=None, after=booking, details=details, told=True
        )
        return booking


def _book(change: Change, entry: WaitlistEntry, placement: Placement) -> Booking:
    try:
        return book_entry(change, entry, placement)
    except DoesNotFit:
        # Somebody's promise was larger than the node: it shrank, or went out of service.
        why = Note(N_("cannot have these GPUs any more: they went out of service."))
        raise WrongState(booking=entry_label(entry.id), why=why) from None


def decline_offer(
    site: Site, actor: Actor, offer_id: int, *, leave: bool = False, now: datetime
) -> Offer:
    """Turn an offer down; the GPUs go to the next. The wish waits on, or with `leave` it ends."""
    with changing(site, now) as change:
        offer = load_offer(change, offer_id)
        entry = load_entry(change, offer.entry)
        check_may_answer(change.cluster, actor, entry)
        if offer.state is OfferState.DECLINED:
            return offer
        _check_open(_fairly(change, offer), change.now)
        change.give_back("offer", offer.id)
        after = update_offer(change, offer, state=OfferState.DECLINED, answered_by=actor.name)
        waiting = _wait_on(change, entry, offer, unanswered=0)
        record_entry(change, actor, "offer_declined", waiting, before=entry)
        if leave:
            end_entry(change, actor, waiting, EntryState.LEFT)
        return after


def expire_offers(site: Site, *, now: datetime) -> int:
    """Pass on the offers that nobody answered in time; return how many."""
    with changing(site, now) as change:
        rows = change.connection.execute(_due(), {"now": change.now})
        due = [wait_queries.to_offer(row) for row in rows]
        return sum(_expire(change, offer) for offer in due)


def offers_expire(_site: Site, connection: Connection, now: datetime) -> bool:
    """Whether there are such."""
    return connection.execute(_due(), {"now": now}).first() is not None


@cache
def _due() -> Select[tuple[object, ...]]:
    table, now = models.Offer, queries.instant("now")
    return (
        queries.columns(table)
        .where(col(table.state) == OfferState.OPEN.value, col(table.expires_at) <= now)
        .order_by(col(table.id))
    )


def _expire(change: Change, offer: Offer) -> bool:
    """Expire an offer, unless its message came too late to be answered."""
    entry = load_entry(change, offer.entry)
    if (until := _fair_until(change, offer)) > change.now:
        update_offer(change, offer, expires_at=until)
        return False
    change.give_back("offer", offer.id)
    update_offer(change, offer, state=OfferState.EXPIRED)
    waiting = _wait_on(change, entry, offer, unanswered=entry.unanswered + 1)
    record_entry(change, GPUBOT, "offer_expired", waiting, before=entry)
    if waiting.unanswered >= UNANSWERED_OFFERS:
        left = end_entry(change, GPUBOT, waiting, EntryState.LEFT, N_("two offers in a row"))
        tell_entry(change, left)
    return True


def _fairly(change: Change, offer: Offer) -> Offer:
    """The offer, still open where its owner did not have the whole time to answer."""
    if offer.state is OfferState.OPEN and offer.expires_at <= change.now:
        return replace(offer, expires_at=_fair_until(change, offer))
    return offer


def _fair_until(change: Change, offer: Offer) -> datetime:
    """Its expiry, or later where its owner did not have the whole time to answer."""
    entry = load_entry(change, offer.entry)
    expires = change.cluster.policy.offer_expires
    period = answer_until(entry, offer.window, offer.created_at, expires) - offer.created_at
    until = later_if_undelivered(change, "offer", f"offer:{offer.id}", offer.expires_at, period)
    latest = answer_until(entry, offer.window, change.now, period)
    return min(until, latest)


def _wait_on(
    change: Change, entry: WaitlistEntry, offer: Offer, *, unanswered: int
) -> WaitlistEntry:
    """Put the entry back in line; what it did not take, or anything before, is not asked again."""
    after = change.now + QUEUE_PAUSE if entry.is_queued else offer.window.end
    return update_entry(
        change, entry, state=EntryState.WAITING, not_before=after, unanswered=unanswered
    )


def _from_now(offer: Offer, entry: WaitlistEntry, now: datetime) -> Placement:
    """What accepting takes: an offer that has begun goes on from now."""
    start = max(offer.window.start, now)
    end = start + entry.length if entry.is_queued else offer.window.end
    return Placement(Window(start, end), offer.shares)


def _check_open(offer: Offer, now: datetime) -> None:
    if offer.is_open(now):
        return
    label = entry_label(offer.entry)
    if offer.state is OfferState.ACCEPTED and offer.booking is not None:
        why = Note(
            N_("was served: the offer was accepted as {booking}."),
            {"booking": booking_label(offer.booking)},
        )
    elif offer.state is OfferState.DECLINED:
        why = Note(N_("is not on offer any more: it was declined."))
    elif offer.state is OfferState.WITHDRAWN:
        why = Note(N_("is not on offer any more: the wish was changed or given up."))
    else:
        why = Note(
            N_("is not on offer any more: the offer expired {at}."), {"at": offer.expires_at}
        )
    raise WrongState(booking=label, why=why)

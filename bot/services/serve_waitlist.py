"""Handing freed GPUs to those who wait, in the transaction that freed them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.domain.actor import GPUBOT
from bot.domain.booking import Booking, Placement
from bot.domain.errors import BookingError
from bot.domain.waitlist import EntryState, WaitlistEntry, find_room
from bot.domain.window import Window
from bot.services.change import Change
from bot.services.quota import check_quotas
from bot.services.record import record_booking
from bot.services.rows import insert_booking
from bot.services.wait_rows import (
    announce_offer,
    as_booking_request,
    insert_offer,
    record_entry,
    tell_entry,
    update_entry,
)
from bot.store import queries

#: A gap is offered for a queue run when it leaves at least this long for the answer.
SHORTEST_ANSWER = timedelta(minutes=5)


def serve_waitlist(change: Change) -> int:
    """Offer GPUs to whoever waits and now fits, by priority, then age; return how many are served.

    An entry that does not fit blocks nobody behind it (design: "Waitlist").
    """
    #: Wishes that found nothing; a later one that asks the same finds nothing either.
    in_vain: set[object] = set()
    served = 0
    for entry in queries.waiting(change.connection):
        wish = _wish(entry)
        if entry.is_past(change.now) or wish in in_vain:
            continue
        if serve(change, entry):
            served += 1
        elif find_room(change.calendar, entry, now=change.now) is None:
            in_vain.add(wish)
    return served


def _wish(entry: WaitlistEntry) -> object:
    """What decides whether there is room; who asks decides only whether they may have it."""
    return entry.shape, entry.length, entry.kind, entry.not_before, entry.latest


def serve(change: Change, entry: WaitlistEntry) -> bool:
    """Offer the entry what fits now, or begin its queue run; False when nothing does."""
    if entry.is_queued:
        return _serve_queued(change, entry)
    found = find_room(change.calendar, entry, now=change.now)
    if found is None or not _within_quota(change, entry, found):
        return False
    _offer(change, entry, found)
    return True


def _serve_queued(change: Change, entry: WaitlistEntry) -> bool:
    """A run with a command begins by itself; without one somebody has to be there, so it asks."""
    if entry.purpose:
        found = find_room(change.calendar, entry, now=change.now)
        if found is None or not _within_quota(change, entry, found):
            return False
        begin_run(change, entry, found)
        tell_entry(change, replace(entry, state=EntryState.BOOKED))
        return True
    for answer in (change.cluster.policy.offer_expires, SHORTEST_ANSWER):
        roomy = replace(entry, length=entry.length + answer)
        found = find_room(change.calendar, roomy, now=change.now)
        if found is not None and _within_quota(change, entry, found):
            _offer(change, entry, found)
            return True
    return False


def begin_run(change: Change, entry: WaitlistEntry, found: Placement) -> Booking:
    """Turn a queue entry into a booking that begins now and ends with its length."""
    window = Window(change.now, change.now + entry.length)
    placement = Placement(window, found.shares)
    booking = book_entry(change, entry, placement)
    record_booking(change, GPUBOT, "queued_run", before=None, after=booking, told=True)
    return booking


def book_entry(change: Change, entry: WaitlistEntry, placement: Placement) -> Booking:
    """Take the placement for the entry; raise DoesNotFit when it is not free."""
    request = as_booking_request(entry, placement)
    booking = insert_booking(
        change, request, placement, owner=entry.owner, team=entry.team, queued=entry.is_queued
    )
    change.take(booking.id, placement)
    update_entry(change, entry, state=EntryState.BOOKED, booking=booking.id)
    return booking


def _offer(change: Change, entry: WaitlistEntry, placement: Placement) -> None:
    offer = insert_offer(change, entry, placement)
    change.take(offer.id, placement, kind="offer")
    offered = update_entry(change, entry, state=EntryState.OFFERED)
    record_entry(change, GPUBOT, "offered", offered, before=entry)
    announce_offer(change, offer)


def _within_quota(change: Change, entry: WaitlistEntry, found: Placement) -> bool:
    """Whether the owner could accept it."""
    try:
        check_quotas(change, entry.owner, entry.team, found.window, found.gpus)
    except BookingError:
        return False
    return True

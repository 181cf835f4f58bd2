"""Handing freed GPUs to those who wait, in the transaction that freed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row
from sqlmodel import col

from bot.domain.actor import GPUBOT
from bot.domain.booking import Booking, Placement
from bot.domain.errors import BookingError
from bot.domain.job_templates import suits
from bot.domain.waitlist import EntryState, WaitlistEntry, find_room
from bot.domain.window import GRACE, Window
from bot.services.change import OPEN_END, Change
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
from bot.store import models, wait_queries

#: A gap is offered for a queue run when it leaves at least this long for the answer.
SHORTEST_ANSWER = timedelta(minutes=5)


def serve_waitlist(change: Change, start_s: int, end_s: int) -> int:
    """Offer what was given up in `[start_s, end_s)` to those who wait; return how many are served.

    By priority, then age; an entry that does not fit blocks nobody behind it (design: "Waitlist").
    Times are epoch seconds.
    """
    #: Wishes that found nothing; a later one that asks the same finds nothing either.
    in_vain: set[object] = set()
    served = 0
    for row in _could_be_served(change, start_s, end_s):
        wish = (
            (row.gpus, row.asked_node, row.asked_model, row.spread, row.length_s, row.kind),
            (row.not_before, row.earliest_at, row.latest_at),
        )
        if wish in in_vain:
            continue
        entry = wait_queries.to_entry(row)
        if entry.is_past(change.now):
            continue
        if serve(change, entry):
            served += 1
        elif find_room(change.calendar, entry, now=change.now) is None:
            # Who asks decides only whether they may have it, not whether there is room.
            in_vain.add(wish)
    return served


def _could_be_served(change: Change, start_s: int, end_s: int) -> Sequence[Row[Any]]:
    """The wishes whose time overlaps what was given up."""
    table = models.WaitlistEntry
    # What an open end gives up lies beyond every wish, and beyond some databases' calendars.
    end = change.now + timedelta(days=400) if end_s >= OPEN_END else _instant(end_s)
    return wait_queries.waiting(
        change.connection,
        col(table.last_start_at) >= change.now - GRACE,
        col(table.earliest_at) < end,
        col(table.latest_at) > _instant(start_s),
    )


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def serve(change: Change, entry: WaitlistEntry) -> bool:
    """Offer the entry what fits now, or begin its queue run; False when nothing does."""
    found = what_fits(change, entry)
    if found is None:
        return False
    if _begins_by_itself(entry):
        begin_run(change, entry, found)
        tell_entry(change, replace(entry, state=EntryState.BOOKED))
    else:
        _offer(change, entry, found)
    return True


def what_fits(change: Change, entry: WaitlistEntry) -> Placement | None:
    """What the entry would be served with now; None: nothing fits, or its owner may not have it.

    Where somebody has to answer for a queue run, the gap has to leave time for that.
    """
    wishes = [entry]
    if entry.is_queued and not _begins_by_itself(entry):
        answers = (change.cluster.policy.offer_expires, SHORTEST_ANSWER)
        wishes = [replace(entry, length=entry.length + answer) for answer in answers]
    for wish in wishes:
        found = find_room(change.calendar, wish, now=change.now)
        if found is not None and _may_have(change, entry, found):
            return found
    return None


def _begins_by_itself(entry: WaitlistEntry) -> bool:
    """Whether nobody has to be there: it is a run, and what it runs is known."""
    return entry.is_queued and (entry.purpose != "" or entry.job is not None)


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


def _may_have(change: Change, entry: WaitlistEntry, found: Placement) -> bool:
    """Whether the owner could accept it, and its job run there."""
    if not suits(change.cluster, entry.job, found.shares):
        return False
    try:
        check_quotas(change, entry.owner, entry.team, found.window, found.gpus)
    except BookingError:
        return False
    return True

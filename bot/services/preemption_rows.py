"""Preemptions as rows, the claims that keep what a preemptee may get back, and their messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update
from sqlmodel import col

from bot.domain.booking import Booking, Placement
from bot.domain.calendar import Claim, span
from bot.domain.errors import N_, NotFound
from bot.domain.fates import left_over
from bot.domain.notes import Note
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.domain.window import Window
from bot.services.change import Change
from bot.services.record import announce
from bot.services.rows import load_booking, shares_json
from bot.store import models, queries

#: Nothing can be undone any more.
SETTLED = (PreemptionState.WITHDRAWN, PreemptionState.OVERTAKEN, PreemptionState.RECLAIMED)


def insert_preemption(
    change: Change,
    *,
    preemptor: Booking,
    preemptee: Booking,
    reason: str,
    asked_start: datetime,
    state: PreemptionState,
    new_window: Window | None,
) -> Preemption:
    """Write that `preemptee`, as it was, gives way to `preemptor`, and where it goes if it does."""
    values = {
        "preemptor": preemptor.id,
        "preemptee": preemptee.id,
        "reason": reason,
        "created_at": change.now,
        "asked_start": asked_start,
        "reclaim_at": preemptor.window.start,
        "old_start": preemptee.window.start,
        "old_end": preemptee.window.end,
        "old_shares": shares_json(Placement(preemptee.window, preemptee.shares)),
        "nudged": False,
        "extended": False,
        "kept": False,
        "state": state.value,
        "new_start": new_window and new_window.start,
        "new_end": new_window and new_window.end,
    }
    return load_preemption(change, change.insert(insert(models.Preemption).values(**values)))


def load_preemption(change: Change, preemption_id: int) -> Preemption:
    """The preemption with that id; raise NotFound when there is none."""
    found = queries.find_preemption(change.connection, preemption_id)
    if found is None:
        raise no_such_preemption()
    return found


def no_such_preemption() -> NotFound:
    """The error for a preemption id that was never given."""
    return NotFound(what=Note(N_("such warning")))


def update_preemption(change: Change, preemption: Preemption, **changes: Any) -> Preemption:
    """Write a preemption's changed fields, and have its messages show them."""
    after = replace(preemption, **changes)
    table = models.Preemption
    change.connection.execute(
        update(table)
        .where(col(table.id) == preemption.id)
        .values(
            reclaim_at=after.reclaim_at,
            nudged=after.nudged,
            extended=after.extended,
            kept=after.kept,
            again=after.again,
            state=after.state.value,
        )
    )
    announce_preemption(change, after)
    return after


def announce_preemption(change: Change, preemption: Preemption) -> None:
    """Bring the messages about a preemption up to date, at whoever owns the booking now."""
    booking = load_booking(change, preemption.preemptee)
    topic = "moved" if was_moved(preemption) else "warning"
    state = (
        f"{preemption.state.value}:{int(preemption.reclaim_at.timestamp())}:"
        f"{int(preemption.kept)}:{preemption.again or 0}:{booking.revision}"
    )
    subjects = [f"preemption:{preemption.id}"]
    if preemption.nudged:
        subjects.append(f"reclaim:{preemption.id}")
    for subject in subjects:
        announce(change, topic, subject, state, booking.team, booking.owner)


def was_moved(preemption: Preemption) -> bool:
    """Whether it concerned a booking that had not started."""
    return preemption.old_window.start > preemption.created_at


def open_preemption(change: Change, booking_id: int) -> Preemption | None:
    """The warning that a running booking is under; None when it is under none."""
    for found in queries.preemptions_of(change.connection, preemptee=booking_id):
        if found.state is PreemptionState.WARNED:
            return found
    return None


def pending_preemptions(change: Change, preemptor: int) -> list[Preemption]:
    """What a preemptor that has not begun has set in motion, and could undo."""
    found = queries.preemptions_of(change.connection, preemptor=preemptor)
    return [preemption for preemption in found if preemption.state not in SETTLED]


def hold(change: Change, preemption_id: int, kept: Iterable[Placement]) -> None:
    """Keep GPUs that are free, so that they can be given back."""
    for placement in kept:
        change.take(preemption_id, placement, kind="hold")


def hold_again(change: Change, preemption: Preemption) -> None:
    """Keep anew what a preemptee would get back, after claims around it have changed.

    Once the urgent work begins, or this is settled, nobody gets anything back.
    """
    begins = load_booking(change, preemption.preemptor).is_upcoming(change.now)
    if not begins or preemption.state in SETTLED:
        return
    window, runs = preemption.old_window, not was_moved(preemption)
    start = max(preemption.reclaim_at if runs else window.start, change.now)
    if preemption.kept or start >= window.end:
        return
    instead = preemption.again if preemption.again is not None else preemption.preemptee
    holder = load_booking(change, instead)
    has = Placement(holder.window, holder.shares) if holder.state.is_live else None
    rest = Window(start, window.end)
    hold(change, preemption.id, left_over(change.calendar, preemption.old_shares, rest, has))


def take_back(change: Change, booking_id: int, placement: Placement) -> bool:
    """Claim for a booking what was given up just now; False when it is not there any more.

    That its node went out of service meanwhile is no hindrance: whoever runs there keeps running.
    """
    nodes = [share.node for share in placement.shares]
    rows = queries.claims_overlapping(change.connection, nodes, *span(placement.window))
    drains = [row for row in rows if row.kind == "drain"]
    closed = [Claim(row.id, row.node, row.start_s, row.end_s, row.gpus) for row in drains]
    if not change.calendar.without(closed).fits(placement):
        return False
    change.reclaim(booking_id, placement.shares, placement.window)
    for holder in sorted({row.holder for row in drains}):
        change.close_again(holder)
    return True

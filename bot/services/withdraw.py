"""When a preemption comes to nothing: the preemptor gives up, or a holder does so first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, pairwise

from bot.domain.actor import GPUBOT, Actor
from bot.domain.booking import Booking, BookingState, Placement
from bot.domain.errors import N_
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.domain.window import Window
from bot.services.book_in_place import take_in_place
from bot.services.change import Change, claims_by_holder, claims_of
from bot.services.preemption_rows import (
    hold_again,
    open_preemption,
    pending_preemptions,
    take_back,
    update_preemption,
)
from bot.services.record import record_booking
from bot.services.rows import load_booking, update_booking
from bot.services.transfer import overtake_transfer
from bot.store import queries


def let_go(change: Change, actor: Actor, booking: Booking, was: Booking) -> None:
    """What the end of a booking means to others: `booking` is over, `was` is what it was.

    An open offer to hand it over is withdrawn. If it was urgent and nothing was reclaimed for it,
    those who gave way get everything back; if it gave way itself, its preemptor may begin sooner.
    """
    overtake_transfer(change, actor, booking)
    if was.state is BookingState.RESERVED and change.now < was.window.end:
        withdraw_preemptions(change, actor, booking)
    overtake_preemptions(change, booking)


def withdraw_preemptions(change: Change, actor: Actor, preemptor: Booking) -> None:
    """Give everybody back what the preemptor, which has let go already, would have taken."""
    pending = pending_preemptions(change, preemptor.id)
    for preemption in pending:
        change.give_back("hold", preemption.id)
    instead = [_lay_aside(change, preemption) for preemption in pending]
    for preemption, again in zip(pending, instead, strict=True):
        _restore(change, actor, preemption, again)


def release_holds(change: Change, preemptor: Booking) -> None:
    """The preemptor begins: what was kept for a withdrawal is free for everybody."""
    for preemption in pending_preemptions(change, preemptor.id):
        change.give_back("hold", preemption.id)


def overtake_preemptions(change: Change, booking: Booking) -> None:
    """A booking that gave way has ended, or went elsewhere, by its owner's doing."""
    warned = open_preemption(change, booking.id)
    if warned is not None:
        update_preemption(change, warned, state=PreemptionState.RELEASED)
        settle_start(change, warned.preemptor)
    leave_moved(change, booking)


def leave_moved(change: Change, booking: Booking) -> None:
    """A booking that was moved does not go back any more: nothing is kept of its old time."""
    for preemption in queries.preemptions_of(change.connection, preemptee=booking.id):
        # Once the urgent work has begun there is nothing left to undo.
        is_open = load_booking(change, preemption.preemptor).state is BookingState.RESERVED
        if preemption.state is PreemptionState.MOVED and is_open:
            change.give_back("hold", preemption.id)
            update_preemption(change, preemption, state=PreemptionState.OVERTAKEN)


def settle_start(change: Change, preemptor_id: int) -> None:
    """Have an urgent booking begin as soon as everybody it waits for is gone."""
    preemptor = load_booking(change, preemptor_id)
    if not preemptor.is_upcoming(change.now):
        return
    pending = pending_preemptions(change, preemptor_id)
    waits = [p.reclaim_at for p in pending if p.state is PreemptionState.WARNED]
    asked = [p.asked_start for p in pending]
    start = max([change.now, *asked, *waits])
    if start >= preemptor.window.start:
        return
    # What was kept of holders who have let go is what it begins on.
    held = [p for p in pending if p.state is not PreemptionState.WARNED]
    for preemption in held:
        change.give_back("hold", preemption.id)
    gap = Placement(Window(start, preemptor.window.start), preemptor.shares)
    if change.calendar.fits(gap):
        change.take(preemptor.id, gap)
        after = update_booking(change, preemptor, window=Window(start, preemptor.window.end))
        record_booking(change, GPUBOT, "brought_forward", before=preemptor, after=after)
    for preemption in held:
        hold_again(change, preemption)


def _lay_aside(change: Change, preemption: Preemption) -> Booking | None:
    """Free what was booked in place of the loss, for those who get back what they had there.

    What belongs to somebody else by now stays theirs, whoever gets back what.
    """
    if preemption.again is None:
        return None
    again = load_booking(change, preemption.again)
    owner = load_booking(change, preemption.preemptee).owner
    if again.owner != owner or not again.is_upcoming(change.now):
        return None
    change.give_back("booking", again.id)
    return again


def _undo_again(change: Change, again: Booking) -> None:
    """What was booked in place of the loss is not needed any more."""
    after = update_booking(change, again, state=BookingState.CANCELLED)
    record_booking(
        change,
        GPUBOT,
        "cancelled",
        before=again,
        after=after,
        reason=N_("the urgent work was called off"),
        told=True,
    )
    overtake_transfer(change, GPUBOT, after)
    overtake_preemptions(change, after)


def _restore(change: Change, actor: Actor, preemption: Preemption, again: Booking | None) -> None:
    """Give one back what they had; who cannot have it keeps what was booked in its place."""
    booking = load_booking(change, preemption.preemptee)
    give_back = {
        PreemptionState.WARNED: _keep_running,
        PreemptionState.RELEASED: _run_on,
        PreemptionState.MOVED: _move_back,
        PreemptionState.LOST: _revive,
    }[preemption.state]
    restored = give_back(change, preemption, booking)
    if restored is None and (shorter := _until_given_away(change, preemption, booking)) is not None:
        restored = give_back(change, shorter, booking)
    kept = again is not None and restored is None and take_back(change, again.id, _all_of(again))
    if again is not None and not kept:
        _undo_again(change, again)
    if restored is None:
        update_preemption(change, preemption, state=PreemptionState.OVERTAKEN)
        return
    record_booking(change, actor, "restored", before=booking, after=restored, told=True)
    instead = None if again is not None else preemption.again
    fresh = restored.id if restored.id != booking.id else instead
    update_preemption(change, preemption, state=PreemptionState.WITHDRAWN, again=fresh)


def _until_given_away(
    change: Change, preemption: Preemption, booking: Booking
) -> Preemption | None:
    """The same, up to the beginning of what was booked in its place and is somebody else's now."""
    if preemption.again is None:
        return None
    again, old = load_booking(change, preemption.again), preemption.old_window
    if again.owner == booking.owner or not old.start < again.window.start < old.end:
        return None
    return replace(preemption, old_window=Window(old.start, again.window.start))


def _keep_running(change: Change, preemption: Preemption, booking: Booking) -> Booking | None:
    """It runs on to its old end, with the GPUs that it has now."""
    if not booking.state.is_live:
        return None
    if preemption.old_window.end <= booking.window.end:
        return booking  # More time to save a checkpoint was all the time it had.
    more = Placement(Window(booking.window.end, preemption.old_window.end), booking.shares)
    if not take_back(change, booking.id, more):
        return None
    return update_booking(
        change, booking, window=Window(booking.window.start, preemption.old_window.end)
    )


def _run_on(change: Change, preemption: Preemption, booking: Booking) -> Booking | None:
    """Its GPUs were given back already: a new booking has what is left of its time.

    Before the instant of reclaiming somebody else may have them by now.
    """
    kept = max(change.now, preemption.reclaim_at)
    chances = [_rest(preemption, start) for start in (change.now, kept)]
    rest = next((c for c in chances if c is not None and change.calendar.fits(c)), None)
    if rest is None:
        return None
    return take_in_place(change, booking, replace(booking.shape, gpus=rest.gpus), rest)


def _move_back(change: Change, preemption: Preemption, booking: Booking) -> Booking | None:
    """To its old window, unless its owner is content with the new one or has changed it.

    Also when it had to give way once more from where it was moved to.
    """
    old, later = _rest(preemption, change.now), _later(change, preemption)
    if old is None or not _is_untouched(booking, [preemption, *later], change.now):
        return None
    if not _finds_room(change, booking, later, old):
        return None
    change.give_back("booking", booking.id)
    for other in later:
        change.give_back("hold", other.id)
    change.take(booking.id, old)
    after = update_booking(
        change, booking, state=BookingState.RESERVED, window=old.window, shares=old.shares
    )
    for other in later:
        # Their urgent work stands; it is only that the booking is not there any more.
        update_preemption(change, other, state=PreemptionState.OVERTAKEN)
    return after


def _finds_room(
    change: Change, booking: Booking, later: Sequence[Preemption], old: Placement
) -> bool:
    """Whether its old time is free once it gives up what it has now, and what is kept for that.

    It is only tried: when it is not, everything stays as it is.
    """
    kept = claims_by_holder(change.connection, "hold", [other.id for other in later])
    own = chain(claims_of(change.connection, "booking", booking.id), *kept.values())
    return change.calendar.without(own).fits(old)


def _later(change: Change, preemption: Preemption) -> list[Preemption]:
    """For what else the booking had to give way afterwards, before it began."""
    found = queries.preemptions_of(change.connection, preemptee=preemption.preemptee)
    states = (PreemptionState.MOVED, PreemptionState.LOST)
    return [other for other in found if other.id > preemption.id and other.state in states]


def _is_untouched(booking: Booking, moves: Sequence[Preemption], now: datetime) -> bool:
    """Whether it is where the last of `moves` left it, each of which found it where it was put."""
    if any(move.kept or move.again is not None for move in moves):
        return False
    if any(after.old_window != before.new_window for before, after in pairwise(moves)):
        return False
    left = moves[-1].new_window
    if left is None:
        return booking.state is BookingState.PREEMPTED
    return booking.is_upcoming(now) and booking.window == left


def _revive(change: Change, preemption: Preemption, booking: Booking) -> Booking | None:
    old = _rest(preemption, change.now)
    if old is None or not change.calendar.fits(old):
        return None
    change.take(booking.id, old)
    return update_booking(
        change, booking, state=BookingState.RESERVED, window=old.window, shares=old.shares
    )


def _all_of(booking: Booking) -> Placement:
    return Placement(booking.window, booking.shares)


def _rest(preemption: Preemption, now: datetime) -> Placement | None:
    """What is left of what it had; None when its time is over."""
    window = preemption.old_window
    if window.end <= now:
        return None
    return Placement(Window(max(window.start, now), window.end), preemption.old_shares)

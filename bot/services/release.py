"""Giving GPUs back while a booking runs: all of them, or some."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, BookingState, Share, booking_label
from bot.domain.errors import N_, ReleaseCount, WrongState
from bot.domain.gpu_ids import kept_ids
from bot.domain.notes import Note
from bot.domain.window import Window
from bot.services import receipts
from bot.services.activity import answering
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.preemption_rows import announce_preemption, open_preemption
from bot.services.record import record_booking
from bot.services.rows import load_booking, update_booking
from bot.services.site import Site
from bot.services.withdraw import let_go
from bot.store import run_queries


def release(
    site: Site,
    actor: Actor,
    booking_id: int,
    *,
    gpus: int | None = None,
    reason: str = "",
    now: datetime,
    key: str | None = None,
) -> Booking:
    """Give back `gpus` GPUs of a running booking from now on; None gives back all and ends it."""
    key = receipts.scoped(key, actor, "release", booking_id)
    with changing(site, now) as change:
        booking = load_booking(change, booking_id)
        if receipts.find(change, key) is not None:
            return booking
        policy.check_may_change(site.cluster, actor, booking)
        _check_running(booking, now)
        label = booking_label(booking_id)
        reason = policy.check_reason(
            actor, booking, reason, example=f"/gpu release {label} unused since noon"
        )
        if gpus is not None and not 0 < gpus <= booking.gpus:
            raise ReleaseCount(gpus=gpus, highest=booking.gpus, where=label)
        if gpus is None or gpus == booking.gpus:
            after = end_now(change, booking, BookingState.ENDED)
            record_booking(change, actor, "released", before=booking, after=after, reason=reason)
            let_go(change, actor, after, booking)
        else:
            _check_no_run(change, booking)
            after = _release_some(change, booking, gpus)
            record_booking(
                change, actor, "released_part", before=booking, after=after, reason=reason
            )
            if (warning := open_preemption(change, booking.id)) is not None:
                announce_preemption(change, warning)
        receipts.keep(change, key, booking.id)
        return after


def _check_running(booking: Booking, now: datetime) -> None:
    if booking.is_running(now):
        return
    label = booking_label(booking.id)
    why = (
        Note(N_("has not started. Cancel it with `/gpu cancel {label}`."), {"label": label})
        if booking.is_upcoming(now)
        else policy.already_over(booking)
    )
    raise WrongState(booking=label, why=why)


def _check_no_run(change: Change, booking: Booking) -> None:
    """A run has all of its booking's GPUs until it ends: none can be taken from under it."""
    run = run_queries.latest_runs(change.connection, [booking.id]).get(booking.id)
    if run is not None and not run.state.is_over:
        label = booking_label(booking.id)
        why = Note(
            N_("runs its job on all of its GPUs. Release it whole with `/gpu release {label}`."),
            {"label": label},
        )
        raise WrongState(booking=label, why=why)


def end_now(change: Change, booking: Booking, state: BookingState) -> Booking:
    """Give back everything a running booking has, from now on; return it as it ended."""
    change.give_back("booking", booking.id, from_instant=change.now)
    # A booking given back in the very second of its start still has a window.
    end = max(change.now, booking.window.start + timedelta(seconds=1))
    window = Window(booking.window.start, end)
    return update_booking(change, booking, state=state, window=window)


def _release_some(change: Change, booking: Booking, gpus: int) -> Booking:
    left = without(booking.shares, gpus)
    change.give_back("booking", booking.id, from_instant=change.now)
    change.reclaim(booking.id, left, Window(change.now, booking.window.end))
    return update_booking(
        change,
        booking,
        shares=left,
        shape=replace(booking.shape, gpus=booking.gpus - gpus),
        gpu_ids=kept_ids(booking.gpu_ids, left),
        **answering(booking, change.now),
    )


def without(shares: tuple[Share, ...], gpus: int) -> tuple[Share, ...]:
    """`shares` less `gpus` GPUs, emptying the smallest shares first so that few nodes remain."""
    left = {share.node: share.gpus for share in shares}
    for share in sorted(shares, key=lambda share: (share.gpus, share.node)):
        taken = min(gpus, left[share.node])
        left[share.node] -= taken
        gpus -= taken
    return tuple(Share(node, count) for node, count in left.items() if count)

"""Making room for an urgent booking: warnings, new windows, and holds for a withdrawal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain.actor import Actor
from bot.domain.booking import Booking, BookingState, Placement
from bot.domain.placement import earliest, latest
from bot.domain.preemption import reclaim_instant
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.domain.window import Window, asked_length
from bot.services.change import Change
from bot.services.conflict import hints_for
from bot.services.preemption_rows import (
    announce_preemption,
    hold,
    insert_preemption,
    mark_moved,
)
from bot.services.record import record_booking
from bot.services.rows import update_booking


@dataclass(frozen=True, slots=True)
class Eviction:
    """Those who give way to one urgent booking, one after another."""

    change: Change
    actor: Actor
    urgent: Booking
    reason: str
    asked_start: datetime

    def of(self, preemptees: Collection[Booking]) -> tuple[Preemption, ...]:
        """Evict them all: holds for everybody first, so that nobody moves into another's place."""
        begun = [(booking, self._begin(booking)) for booking in preemptees]
        return tuple(self._finish(booking, preemption) for booking, preemption in begun)

    def _begin(self, booking: Booking) -> Preemption:
        running = booking.is_running(self.change.now)
        preemption = insert_preemption(
            self.change,
            preemptor=self.urgent,
            preemptee=booking,
            reason=self.reason,
            asked_start=self.asked_start,
            state=PreemptionState.WARNED if running else PreemptionState.LOST,
        )
        self._hold(preemption, booking)
        return preemption

    def _finish(self, booking: Booking, preemption: Preemption) -> Preemption:
        if booking.is_running(self.change.now):
            self._warn(booking)
        else:
            preemption = self._move(booking, preemption)
        announce_preemption(self.change, preemption)
        return preemption

    def _hold(
        self, preemption: Preemption, booking: Booking, besides: Booking | None = None
    ) -> None:
        start = max(booking.window.start, self.change.now)
        if booking.is_running(self.change.now):
            start = preemption.reclaim_at
        rest = Window(start, booking.window.end)
        hold(self.change, preemption.id, booking.shares, rest, besides=besides)

    def _warn(self, booking: Booking) -> None:
        until = self.urgent.window.start
        warned = update_booking(
            self.change, booking, window=Window(booking.window.start, until), overrun_from=None
        )
        details = {"preemptor": self.urgent.id, "reclaim_at": until.isoformat()}
        self._record("warned", booking, warned, details)

    def _move(self, booking: Booking, preemption: Preemption) -> Preemption:
        """Find it the nearest window that it may have, and keep its old one for a withdrawal."""
        change = self.change
        change.give_back("hold", preemption.id)
        found = _nearest(change, booking)
        details = {"preemptor": self.urgent.id}
        if found is None:
            self._hold(preemption, booking)
            lost = update_booking(change, booking, state=BookingState.PREEMPTED)
            self._record("lost_to_urgent", booking, lost, details)
            return preemption
        change.take(booking.id, found)
        moved = update_booking(change, booking, window=found.window, shares=found.shares)
        self._hold(preemption, booking, besides=moved)
        self._record("moved_for_urgent", booking, moved, details)
        return mark_moved(change, preemption, found.window)

    def _record(
        self, action: str, before: Booking, after: Booking, details: Mapping[str, object]
    ) -> None:
        record_booking(
            self.change,
            self.actor,
            action,
            before=before,
            after=after,
            reason=self.reason,
            details=details,
            told=True,
        )


def _nearest(change: Change, booking: Booking) -> Placement | None:
    """The nearest later window for a booking that has to move, or the last earlier one.

    Later first: whoever planned for tomorrow may not be ready today. An earlier one leaves at
    least the length of a warning.
    """
    cluster, now = change.cluster, change.now
    length = asked_length(booking.window, cluster.grid)
    hints = hints_for(change.connection, booking.team, booking.window)
    later = earliest(
        change.calendar,
        booking.shape,
        length,
        not_before=booking.window.start,
        latest_start=now + cluster.policy.horizon,
        now=now,
        hints=hints,
    )
    if later is not None:
        return later
    soonest = reclaim_instant(None, now, cluster.policy.warning)
    found = latest(
        change.calendar, booking.shape, length, before=booking.window.start, now=now, hints=hints
    )
    return found if found is not None and found.window.start >= soonest else None

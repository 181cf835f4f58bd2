"""Making room for an urgent booking: warnings, new windows, and holds for a withdrawal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain.actor import Actor
from bot.domain.booking import Booking, BookingState
from bot.domain.fates import Fate
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.domain.window import Window
from bot.services.change import Change
from bot.services.preemption_rows import announce_preemption, hold, insert_preemption
from bot.services.record import record_booking
from bot.services.rows import update_booking
from bot.services.transfer import overtake_transfer


@dataclass(frozen=True, slots=True)
class Eviction:
    """Those who give way to one urgent booking, and have let go already."""

    change: Change
    actor: Actor
    urgent: Booking
    reason: str
    asked_start: datetime

    def of(self, fates: Iterable[Fate]) -> tuple[Preemption, ...]:
        """Have what was worked out for each of them happen."""
        return tuple(self._evict(fate) for fate in fates)

    def _evict(self, fate: Fate) -> Preemption:
        preemption = insert_preemption(
            self.change,
            preemptor=self.urgent,
            preemptee=fate.booking,
            reason=self.reason,
            asked_start=self.asked_start,
            state=_state(fate),
            new_window=None if fate.moves_to is None else fate.moves_to.window,
        )
        if fate.moves_to is not None:
            self.change.take(fate.booking.id, fate.moves_to)
        hold(self.change, preemption.id, fate.kept)
        self._tell_holder(fate)
        announce_preemption(self.change, preemption)
        return preemption

    def _tell_holder(self, fate: Fate) -> None:
        booking, urgent, details = fate.booking, self.urgent, {"preemptor": self.urgent.id}
        if fate.running:
            shorter = Window(booking.window.start, urgent.window.start)
            warned = update_booking(self.change, booking, window=shorter, overrun_from=None)
            until = {"reclaim_at": urgent.window.start.isoformat()}
            self._record("warned", booking, warned, {**details, **until})
        elif fate.moves_to is not None:
            to = fate.moves_to
            moved = update_booking(self.change, booking, window=to.window, shares=to.shares)
            self._record("moved_for_urgent", booking, moved, details)
        else:
            lost = update_booking(self.change, booking, state=BookingState.PREEMPTED)
            self._record("lost_to_urgent", booking, lost, details)
            overtake_transfer(self.change, self.actor, lost)

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


def _state(fate: Fate) -> PreemptionState:
    if fate.running:
        return PreemptionState.WARNED
    return PreemptionState.LOST if fate.moves_to is None else PreemptionState.MOVED

"""What becomes of those who give way to urgent work (design: "Preemption").

Working it out changes nothing, so a preview shows exactly what would be done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from bot.domain.booking import Booking, Placement, Share
from bot.domain.calendar import Calendar, Claim, span
from bot.domain.cluster import Cluster
from bot.domain.placement import Hints, at_line, earliest, latest
from bot.domain.preemption import Plan, reclaim_instant
from bot.domain.window import Window, asked_length


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one booking."""

    #: As it was.
    booking: Booking
    #: Whether it runs: then it goes on until the urgent work begins.
    running: bool
    #: Where it lies instead if it has not started; None: nothing fits, and it is lost.
    moves_to: Placement | None
    #: What is kept of what it had, to be given back if the urgent work is called off.
    kept: tuple[Placement, ...]


def fates(
    calendar: Calendar,
    plan: Plan,
    claims: Mapping[int, Sequence[Claim]],
    cluster: Cluster,
    hints: Callable[[Booking], Hints],
    *,
    now: datetime,
) -> tuple[Fate, ...]:
    """What becomes of each preemptee of `plan`; `claims` are what bookings have, by their ids.

    What each would get back is kept for all of them first, so that nobody moves there.
    """
    fork = calendar.fork()
    # What many give up and keep is nothing that other searches should have to take back.
    fork.board = fork.board.apart()
    making = _Making(fork, cluster, hints, now, plan.placement.window.start)
    for booking in plan.preemptees:
        making.let_go(booking, claims[booking.id])
    making.occupy([plan.placement])
    kept = {booking.id: making.keep(booking) for booking in plan.preemptees}
    return tuple(making.fate(booking, kept[booking.id]) for booking in plan.preemptees)


@dataclass(frozen=True, slots=True)
class _Making:
    calendar: Calendar
    cluster: Cluster
    hints: Callable[[Booking], Hints]
    now: datetime
    #: When the urgent work begins.
    begins: datetime

    def let_go(self, booking: Booking, claims: Iterable[Claim]) -> None:
        """Take what it has off the calendar; what runs goes on until the urgent work begins."""
        until = int(self.begins.timestamp())
        running = booking.is_running(self.now)
        for claim in claims:
            self.calendar.remove(claim)
            if running and claim.start < until:
                self.calendar.add(replace(claim, end=min(claim.end, until)))

    def occupy(self, placements: Iterable[Placement]) -> None:
        for claim in _claims(placements):
            self.calendar.add(claim)

    def keep(self, booking: Booking, instead: Placement | None = None) -> tuple[Placement, ...]:
        """Keep what is left of what it had, besides what it has instead of it."""
        runs = booking.is_running(self.now)
        start = self.begins if runs else max(booking.window.start, self.now)
        rest = Window(start, booking.window.end)
        kept = left_over(self.calendar, booking.shares, rest, instead)
        self.occupy(kept)
        return kept

    def fate(self, booking: Booking, kept: tuple[Placement, ...]) -> Fate:
        """Move it, if it has not started, to the nearest window that it may have."""
        if booking.is_running(self.now):
            return Fate(booking, running=True, moves_to=None, kept=kept)
        for claim in _claims(kept):
            self.calendar.remove(claim)
        found = self._nearest(booking)
        if found is not None:
            self.occupy([found])
        kept = self.keep(booking, found)
        return Fate(booking, running=False, moves_to=found, kept=kept)

    def _nearest(self, booking: Booking) -> Placement | None:
        """The nearest later window for a booking that has to move, or the last earlier one.

        Later first: whoever planned for tomorrow may not be ready today. An earlier one leaves at
        least the length of a warning.
        """
        length = asked_length(booking.window, self.cluster.grid)
        hints, policy, now = self.hints(booking), self.cluster.policy, self.now
        start, latest_start = booking.window.start, now + policy.horizon
        # Most often there is room elsewhere at the same time, which is seen without a search.
        if now < start <= latest_start:
            same_time = at_line(self.calendar, booking.shape, start, length, hints)
            if same_time is not None:
                return same_time
        later = earliest(
            self.calendar,
            booking.shape,
            length,
            not_before=start,
            latest_start=latest_start,
            now=now,
            hints=hints,
        )
        if later is not None:
            return later
        soonest = reclaim_instant(None, now, policy.warning)
        found = latest(self.calendar, booking.shape, length, before=start, now=now, hints=hints)
        return found if found is not None and found.window.start >= soonest else None


def left_over(
    calendar: Calendar, shares: Iterable[Share], window: Window, instead: Placement | None = None
) -> tuple[Placement, ...]:
    """What is left free of `shares` during `window`, by node and time.

    `instead` is what their holder has in place of them, and would give up for them.
    """
    return tuple(p for share in shares for p in _left_of(calendar, share, window, instead))


def _left_of(
    calendar: Calendar, share: Share, window: Window, instead: Placement | None
) -> Iterator[Placement]:
    if (track := calendar.tracks.get(share.node)) is None:
        return
    held = [claim for claim in _claims([instead] if instead else []) if claim.node == share.node]
    begin, until = span(window)
    cuts = {at for claim in held for at in (claim.start, claim.end) if begin < at < until}
    found: list[Claim] = []
    for start, end in pairwise(sorted({begin, until} | cuts | track.cuts(begin, until))):
        given_up = sum(claim.gpus for claim in held if claim.start <= start < claim.end)
        gpus = min(share.gpus - given_up, track.free(start, end))
        if found and (found[-1].end, found[-1].gpus) == (start, gpus):
            found[-1] = replace(found[-1], end=end)
        elif gpus > 0:
            found.append(Claim(0, share.node, start, end, gpus))
    for claim in found:
        here = Window(*(datetime.fromtimestamp(at, UTC) for at in (claim.start, claim.end)))
        yield Placement(here, (Share(claim.node, claim.gpus),))


def _claims(placements: Iterable[Placement]) -> list[Claim]:
    """What the placements take, as claims without a number."""
    return [Claim(0, s.node, *span(p.window), s.gpus) for p in placements for s in p.shares]

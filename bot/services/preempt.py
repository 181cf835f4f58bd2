"""Urgent work takes GPUs from preemptible work, with a warning and without losing anything else.

Evicting is one transaction: the preemptor's booking, the warnings of those who run, the new
windows of those who had not started, and holds on what each would get back (design: "Preemption").
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, Placement, Priority
from bot.domain.calendar import span
from bot.domain.conflict import Conflict
from bot.domain.errors import N_, BookingError, ReasonNeeded
from bot.domain.fates import Fate, fates
from bot.domain.job_templates import check_place
from bot.domain.placement import Hints
from bot.domain.preemption import (
    Candidate,
    Plan,
    choose_preemptees,
    gpu_hours_done,
    may_be_preempted,
    reclaim_instant,
)
from bot.domain.preemption_notice import Preemption
from bot.domain.request import BookingRequest
from bot.domain.shape_rules import check_shape
from bot.domain.starts import eligible
from bot.domain.window import Grid, Window, asked_length
from bot.domain.words import clean_text
from bot.services import receipts
from bot.services.change import Change, claims_by_holder
from bot.services.changing import changing, trying
from bot.services.conflict import conflict_over, hints_for
from bot.services.evict import Eviction
from bot.services.job_orders import work_of
from bot.services.overrun import Room, find_room_over_overruns, make_room
from bot.services.preemption_rows import load_preemption
from bot.services.quota import check_quotas
from bot.services.record import record_booking
from bot.services.rows import insert_booking, load_booking
from bot.services.site import Site
from bot.store import queries

EXAMPLE = "customer demo on friday"


class CannotPreempt(Conflict):
    """Work in the way may not be evicted; carries who, and what is free instead."""

    code = "cannot_preempt"
    template = N_("Work that may not be preempted is in the way.")


@dataclass(frozen=True, slots=True)
class Loss:
    """What a preemption means to one booking."""

    #: As it was.
    booking: Booking
    running: bool
    #: GPU-hours done so far.
    gpu_hours: float
    #: Where a booking that has not started would lie instead; None: it runs, or nothing fits.
    moves_to: Placement | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What taking the GPUs would mean; no losses: they are free."""

    #: With the window as it would be.
    request: BookingRequest
    placement: Placement
    losses: tuple[Loss, ...]

    @property
    def starts_at(self) -> datetime:
        """The earliest start."""
        return self.placement.window.start

    @property
    def reclaim_at(self) -> datetime | None:
        """When running work would have to be gone; None when none runs."""
        return self.starts_at if any(loss.running for loss in self.losses) else None


@dataclass(frozen=True, slots=True)
class Preempted:
    """The urgent booking, and those who give way to it."""

    booking: Booking
    preemptions: tuple[Preemption, ...]


class PlanChanged(BookingError):
    """Somebody else's work would have to go than was agreed to; carries the new preview."""

    code = "plan_changed"
    template = N_("Things have changed meanwhile: please look at the plan again.")

    def __init__(self, preview: Preview) -> None:
        super().__init__()
        self.preview = preview


class _NoPlan(Exception):
    """Not even evicting everybody who may be evicted helps."""


def preview_preemption(
    site: Site, actor: Actor, request: BookingRequest, *, now: datetime
) -> Preview:
    """What taking GPUs for `request` would mean; it is worked out as `preempt` does it.

    The request counts as P0. Raises NotAllowed without the urgent role, and CannotPreempt when
    work that may not be evicted is in the way.
    """
    try:
        with trying(site, now) as change:
            return _preview(_decide(change, actor, request), change.now)
    except _NoPlan:
        pass
    raise _cannot(site, actor, request, now)


def preempt(
    site: Site,
    actor: Actor,
    request: BookingRequest,
    *,
    reason: str,
    expected: Collection[int],
    now: datetime,
    key: str | None = None,
) -> Preempted:
    """Take the GPUs; `expected` are the bookings that the preview showed would give way.

    Raises ReasonNeeded, and PlanChanged when somebody else would have to give way now. What has
    become free meanwhile is simply booked.
    """
    reason = clean_text(reason, "reason", policy.LONGEST_REASON)
    if not reason:
        raise ReasonNeeded(example=EXAMPLE)
    key = receipts.scoped(key, actor, "preempt")
    try:
        with changing(site, now) as change:
            if (done := receipts.find(change, key)) is not None:
                return _outcome(change, done)
            decision = _decide(change, actor, request)
            if not {*expected}.issuperset(b.id for b in decision.plan.preemptees):
                raise PlanChanged(_preview(decision, change.now))
            preempted = _carry_out(change, actor, decision, reason)
            ids = [preemption.id for preemption in preempted.preemptions]
            receipts.keep(change, key, [preempted.booking.id, ids])
            return preempted
    except _NoPlan:
        pass
    raise _cannot(site, actor, request, now)


def _cannot(site: Site, actor: Actor, request: BookingRequest, now: datetime) -> CannotPreempt:
    found = conflict_over(site, actor, request, now=now)
    return CannotPreempt(
        shape=found.shape,
        window=found.window,
        blockers=found.blockers,
        alternatives=found.alternatives,
    )


def _outcome(change: Change, done: tuple[int, list[int]]) -> Preempted:
    booking, ids = done
    preemptions = tuple(load_preemption(change, preemption) for preemption in ids)
    return Preempted(load_booking(change, booking), preemptions)


def _checked(change: Change, actor: Actor, request: BookingRequest) -> BookingRequest:
    """The request as urgent work, with the window as it can still be had, and its team."""
    cluster = change.cluster
    team = policy.team_for(cluster, actor.name, request.team)
    policy.check_priority(cluster, actor.name, Priority.P0)
    window = _from_now_on(request.window, cluster.grid, change.now)
    window = policy.check_window(cluster, Priority.P0, window, change.now)
    shape = request.shape
    check_shape(cluster, shape.gpus, node=shape.node, model=shape.model, spread=shape.spread)
    return replace(request, window=window, priority=Priority.P0, preemptible=False, team=team.name)


def _from_now_on(window: Window, grid: Grid, now: datetime) -> Window:
    """The window, or one as long from now on: people take their time over a preview.

    What would be over by now stays as it is, to be refused: nobody means that any more.
    """
    if window.start >= now or window.end <= now:
        return window
    return Window(now, grid.round_end(now + asked_length(window, grid)))


# -- what to do -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Decision:
    """What would be done."""

    request: BookingRequest
    plan: Plan
    #: Runs that only finish, and stop for it.
    stopping: tuple[Booking, ...]
    fates: tuple[Fate, ...]


def _decide(change: Change, actor: Actor, request: BookingRequest) -> _Decision:
    """Work out everything that taking GPUs for `request` means; raise what forbids it."""
    request = _checked(change, actor, request)
    search = _Search(change, request)
    plan, stopping = search.plan()
    team = request.team or ""
    check_quotas(change, actor.name, team, plan.placement.window, request.shape.gpus)
    work = work_of(change, actor, request.job, request.continues, request.shape)
    check_place(change.cluster, work.job, plan.placement.shares)
    request = replace(request, job=work.job, continues=work.continues)
    return _Decision(request, plan, stopping, search.fates(plan))


def _preview(decision: _Decision, now: datetime) -> Preview:
    placement = decision.plan.placement
    losses = tuple(
        Loss(fate.booking, fate.running, gpu_hours_done(fate.booking, now), fate.moves_to)
        for fate in decision.fates
    )
    return Preview(replace(decision.request, window=placement.window), placement, losses)


class _Search:
    """Where a request lies, who gives way, and what becomes of them."""

    def __init__(self, change: Change, request: BookingRequest) -> None:
        self._change = change
        self._request = request
        self._asked = request.window
        self._window = self._warned_window()
        self._hinted: dict[Window, Hints] = {}

    def plan(self) -> tuple[Plan, tuple[Booking, ...]]:
        """The plan, and which runs that only finish stop; raise _NoPlan when nobody's going helps.

        Running work needs its warning, so the search begins with the start that leaves time for
        it. When only work that has not started gives way, the start may be the one asked for.
        """
        for window in dict.fromkeys((self._asked, self._window)):
            room = find_room_over_overruns(
                self._change, self._request.shape, window, self._hints(window)
            )
            if room is not None:
                return Plan(room.placement, ()), room.stopping
        now = self._change.now
        plan = self._cheapest(self._window, self._candidates)
        needs_warning = plan and any(booking.is_running(now) for booking in plan.preemptees)
        if not needs_warning and self._window != self._asked:
            upcoming = [c for c in self._candidates if not c.booking.is_running(now)]
            plan = self._cheapest(self._asked, upcoming) or plan
        if plan is None:
            raise _NoPlan
        return plan, ()

    def fates(self, plan: Plan) -> tuple[Fate, ...]:
        """What becomes of those who give way."""
        if not plan.preemptees:
            return ()
        change = self._change
        return fates(
            change.calendar,
            plan,
            {candidate.booking.id: candidate.claims for candidate in self._candidates},
            change.cluster,
            lambda booking: hints_for(change.connection, booking.team, booking.window),
            now=change.now,
        )

    def _warned_window(self) -> Window:
        """The window as asked, or later where its start leaves no time for a warning."""
        policy, grid = self._change.cluster.policy, self._change.cluster.grid
        start = reclaim_instant(self._asked.start, self._change.now, policy.warning)
        if start <= self._asked.start:
            return self._asked
        return Window(start, grid.round_end(start + asked_length(self._asked, grid)))

    def _hints(self, window: Window) -> Hints:
        if window not in self._hinted:
            team = self._request.team or ""
            self._hinted[window] = hints_for(self._change.connection, team, window)
        return self._hinted[window]

    def _cheapest(self, window: Window, candidates: Sequence[Candidate]) -> Plan | None:
        """Who of the candidates gives way during `window`."""
        change, shape = self._change, self._request.shape
        return choose_preemptees(
            change.calendar, shape, window, candidates, now=change.now, hints=self._hints(window)
        )

    @cached_property
    def _candidates(self) -> list[Candidate]:
        """Bookings near the window that may go. Who is warned already gives way no further."""
        connection, shape = self._change.connection, self._request.shape
        nodes = [node.name for node in eligible(self._change.calendar, shape).nodes]
        start_s, _ = span(self._asked)
        _, end_s = span(self._window)
        evictable = {
            booking.id: booking
            for booking in queries.holding(connection, nodes, start_s, end_s)
            if may_be_preempted(booking, Priority.P0)
        }
        claims = claims_by_holder(connection, "booking", evictable)
        return [Candidate(booking, claims[number]) for number, booking in evictable.items()]


# -- doing it -------------------------------------------------------------------------------------


def _carry_out(change: Change, actor: Actor, decision: _Decision, reason: str) -> Preempted:
    """Take the GPUs. First everybody lets go, then the preemptor takes, then each gets a hold."""
    plan, request = decision.plan, decision.request
    make_room(change, Room(plan.placement, decision.stopping))
    for fate in decision.fates:
        until = plan.placement.window.start if fate.running else None
        change.give_back("booking", fate.booking.id, from_instant=until)
    urgent = insert_booking(
        change, request, plan.placement, owner=actor.name, team=request.team or ""
    )
    change.take(urgent.id, plan.placement)
    if not decision.fates:
        record_booking(change, actor, "reserved", before=None, after=urgent, reason=reason)
        return Preempted(urgent, ())
    details = {"preemptees": [booking.id for booking in plan.preemptees]}
    record_booking(change, actor, "took", before=None, after=urgent, reason=reason, details=details)
    eviction = Eviction(change, actor, urgent, reason, request.window.start)
    return Preempted(urgent, eviction.of(decision.fates))

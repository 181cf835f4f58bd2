"""Urgent work takes GPUs from preemptible work, with a warning and without losing anything else.

Evicting is one transaction: the preemptor's booking, the warnings of those who run, the new
windows of those who had not started, and holds on what each would get back (design: "Preemption").
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, Placement, Priority
from bot.domain.errors import N_, BookingError, Conflict, ReasonNeeded
from bot.domain.job_templates import check_placed
from bot.domain.preemption import (
    Candidate,
    Plan,
    choose_preemptees,
    gpu_hours_done,
    may_be_preempted,
    reclaim_instant,
)
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.domain.request import BookingRequest
from bot.domain.shape_rules import check_shape
from bot.domain.window import Grid, Window, asked_length
from bot.domain.words import clean_text
from bot.services import receipts
from bot.services.change import Change, claims_by_holder
from bot.services.changing import changing
from bot.services.conflict import conflict_over, hints_for
from bot.services.evict import Eviction
from bot.services.job_orders import work_of
from bot.services.overrun import place_over_overruns
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


class _OnlyLooking(Exception):
    """Rolls a preview back."""

    def __init__(self, preview: Preview) -> None:
        super().__init__()
        self.preview = preview


class _NoPlan(Exception):
    """Not even evicting everybody who may be evicted helps."""


def preview_preemption(
    site: Site, actor: Actor, request: BookingRequest, *, now: datetime
) -> Preview:
    """What taking GPUs for `request` would mean: the plan is carried out and rolled back.

    The request counts as P0. Raises NotAllowed without the urgent role, and CannotPreempt when
    work that may not be evicted is in the way.
    """
    try:
        _run(site, actor, request, "a look", None, now, None, look_only=True)
    except _OnlyLooking as looked:
        return looked.preview
    raise AssertionError("a preview ends by rolling back")


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
    return _run(site, actor, request, reason, frozenset(expected), now, key, look_only=False)


def _run(
    site: Site,
    actor: Actor,
    request: BookingRequest,
    reason: str,
    expected: frozenset[int] | None,
    now: datetime,
    key: str | None,
    *,
    look_only: bool,
) -> Preempted:
    key = receipts.scoped(key, actor, "preempt")
    try:
        with changing(site, now) as change:
            if (done := receipts.find(change, key)) is not None:
                return _outcome(change, done)
            request, team = _checked(change, actor, request)
            window, plan = _plan(change, request)
            check_quotas(change, actor.name, team, window, request.shape.gpus)
            losses = _losses(change, plan.preemptees)
            preempted = _carry_out(change, actor, request, plan, team, reason)
            preview = _preview(change, request, plan, losses, preempted)
            if look_only:
                raise _OnlyLooking(preview)
            if expected is not None and not expected.issuperset(b.id for b in plan.preemptees):
                raise PlanChanged(preview)
            ids = [preemption.id for preemption in preempted.preemptions]
            receipts.keep(change, key, [preempted.booking.id, ids])
            return preempted
    except _NoPlan:
        pass
    found = conflict_over(site, actor, request, now=now)
    raise CannotPreempt(
        shape=found.shape,
        window=found.window,
        blockers=found.blockers,
        alternatives=found.alternatives,
    )


def _outcome(change: Change, done: tuple[int, list[int]]) -> Preempted:
    booking, ids = done
    preemptions = tuple(load_preemption(change, preemption) for preemption in ids)
    return Preempted(load_booking(change, booking), preemptions)


def _checked(change: Change, actor: Actor, request: BookingRequest) -> tuple[BookingRequest, str]:
    cluster = change.cluster
    team = policy.team_for(cluster, actor.name, request.team)
    policy.check_priority(cluster, actor.name, Priority.P0)
    window = _from_now_on(request.window, cluster.grid, change.now)
    window = policy.check_window(cluster, Priority.P0, window, change.now)
    shape = request.shape
    check_shape(cluster, shape.gpus, node=shape.node, model=shape.model, spread=shape.spread)
    urgent = replace(
        request, window=window, priority=Priority.P0, preemptible=False, team=team.name
    )
    return urgent, team.name


def _from_now_on(window: Window, grid: Grid, now: datetime) -> Window:
    """The window, or one as long from now on: people take their time over a preview.

    What would be over by now stays as it is, to be refused: nobody means that any more.
    """
    if window.start >= now or window.end <= now:
        return window
    return Window(now, grid.round_end(now + asked_length(window, grid)))


# -- what to do -----------------------------------------------------------------------------------


def _plan(change: Change, request: BookingRequest) -> tuple[Window, Plan]:
    """Where the request lies, and who gives way; raise _NoPlan when nobody's going helps.

    Running work needs its warning, so the search begins with the start that leaves time for it.
    When only work that has not started gives way, the start may be the one asked for.
    """
    asked, now = request.window, change.now
    hints = hints_for(change.connection, request.team or "", asked)
    if (free := place_over_overruns(change, request.shape, asked, hints)) is not None:
        return asked, Plan(free, ())
    reclaim_at = reclaim_instant(asked.start, now, change.cluster.policy.warning)
    window = asked
    if reclaim_at > asked.start:
        length = asked_length(asked, change.cluster.grid)
        window = Window(reclaim_at, change.cluster.grid.round_end(reclaim_at + length))
    hints = hints_for(change.connection, request.team or "", window)
    if (free := place_over_overruns(change, request.shape, window, hints)) is not None:
        return window, Plan(free, ())
    plan = _cheapest(change, request, window)
    if plan is None or not any(booking.is_running(now) for booking in plan.preemptees):
        sooner = _cheapest(change, request, asked, only_upcoming=True)
        if sooner is not None:
            return asked, sooner
    if plan is None:
        raise _NoPlan
    return window, plan


def _cheapest(
    change: Change, request: BookingRequest, window: Window, *, only_upcoming: bool = False
) -> Plan | None:
    """Who gives way during `window`; with `only_upcoming` nobody who would need a warning."""
    candidates = _candidates(change, request, window)
    if only_upcoming:
        candidates = [c for c in candidates if not c.booking.is_running(change.now)]
    hints = hints_for(change.connection, request.team or "", window)
    return choose_preemptees(
        change.calendar, request.shape, window, candidates, now=change.now, hints=hints
    )


def _candidates(change: Change, request: BookingRequest, window: Window) -> list[Candidate]:
    """Bookings near the window that may be evicted. Who is warned already gives way no further."""
    shape = request.shape
    nodes = [
        node.name
        for node in change.cluster.nodes
        if shape.node in (None, node.name) and shape.model in (None, node.model)
    ]
    start_s, end_s = int(window.start.timestamp()), int(window.end.timestamp())
    rows = queries.claims_overlapping(change.connection, nodes, start_s, end_s)
    ids = {row.holder for row in rows if row.kind == "booking"}
    ids -= queries.warned(change.connection)
    found = queries.bookings_by_id(change.connection, ids)
    evictable = {
        number: booking
        for number, booking in sorted(found.items())
        if may_be_preempted(booking, Priority.P0)
    }
    claims = claims_by_holder(change.connection, "booking", evictable)
    return [Candidate(booking, claims[number]) for number, booking in evictable.items()]


def _losses(change: Change, preemptees: Collection[Booking]) -> list[Loss]:
    return [
        Loss(b, b.is_running(change.now), gpu_hours_done(b, change.now), None) for b in preemptees
    ]


def _preview(
    change: Change, request: BookingRequest, plan: Plan, losses: list[Loss], preempted: Preempted
) -> Preview:
    """The losses, with where the work that has not started went."""
    moved = {p.preemptee for p in preempted.preemptions if p.state is PreemptionState.MOVED}
    found = queries.bookings_by_id(change.connection, moved)
    new = {number: Placement(b.window, b.shares) for number, b in found.items()}
    told = tuple(replace(loss, moves_to=new.get(loss.booking.id)) for loss in losses)
    return Preview(replace(request, window=plan.placement.window), plan.placement, told)


# -- doing it -------------------------------------------------------------------------------------


def _carry_out(
    change: Change, actor: Actor, request: BookingRequest, plan: Plan, team: str, reason: str
) -> Preempted:
    """Take the GPUs. First everybody lets go, then the preemptor takes, then each gets a hold."""
    start = plan.placement.window.start
    for booking in plan.preemptees:
        running = booking.is_running(change.now)
        change.give_back("booking", booking.id, from_instant=start if running else None)
    work = work_of(change, actor, request.job, request.continues, request.shape)
    request = replace(request, job=work.job, continues=work.continues)
    urgent = insert_booking(change, request, plan.placement, owner=actor.name, team=team)
    check_placed(change.cluster, urgent)
    change.take(urgent.id, plan.placement)
    if not plan.preemptees:
        record_booking(change, actor, "reserved", before=None, after=urgent, reason=reason)
        return Preempted(urgent, ())
    details = {"preemptees": [booking.id for booking in plan.preemptees]}
    record_booking(change, actor, "took", before=None, after=urgent, reason=reason, details=details)
    eviction = Eviction(change, actor, urgent, reason, request.window.start)
    return Preempted(urgent, eviction.of(plan.preemptees))

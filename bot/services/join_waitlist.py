"""Joining the waitlist, and the short queue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, Placement
from bot.domain.cluster import Cluster, Team
from bot.domain.errors import N_, BookingError, InThePast, PastHorizon, TooLong, WindowTooSmall
from bot.domain.queue_request import QueueRequest
from bot.domain.shape_rules import check_shape
from bot.domain.wait_request import WAIT_EXAMPLE, WaitRequest, default_latest
from bot.domain.waitlist import EntryKind, EntryState, WaitlistEntry, find_room
from bot.domain.window import GRACE
from bot.services import receipts
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.job_orders import checked, work_of
from bot.services.quota import check_quotas
from bot.services.rows import load_booking
from bot.services.serve_waitlist import begin_run, serve
from bot.services.site import Site
from bot.services.wait_rows import insert_entry, load_entry, record_entry
from bot.store import wait_queries


class FreeAlready(BookingError):
    """There is no need to wait. Fields: `window`; `placement` and `request` as data."""

    code = "free_already"
    template = N_("There is no need to wait: that is free {window}.")

    def __init__(self, placement: Placement, request: WaitRequest) -> None:
        super().__init__(window=placement.window)
        self.placement = placement
        self.request = request


@dataclass(frozen=True, slots=True)
class Queued:
    """A queue run that waits; or `booking`, when it began at once."""

    entry: WaitlistEntry
    booking: Booking | None


def join_waitlist(
    site: Site, actor: Actor, request: WaitRequest, *, now: datetime, key: str | None = None
) -> WaitlistEntry:
    """Put a wish at the end of its line; raise FreeAlready when it can be had without waiting."""
    key = receipts.scoped(key, actor, "wait")
    with changing(site, now) as change:
        if (done := receipts.find(change, key)) is not None:
            return load_entry(change, done)
        team = check_wish(change.cluster, actor.name, request, change.now)
        entry = _insert(change, actor, team, request)
        if (found := find_room(change.calendar, entry, now=change.now)) is not None:
            raise FreeAlready(found, request)
        record_entry(change, actor, "wait_joined", entry)
        receipts.keep(change, key, entry.id)
        return entry


def join_queue(
    site: Site, actor: Actor, request: QueueRequest, *, now: datetime, key: str | None = None
) -> Queued:
    """Begin short work at once where there is a gap for it, or else line up for the next one.

    It begins only where it ends before anything that is booked does begin.
    """
    key = receipts.scoped(key, actor, "queue")
    with changing(site, now) as change:
        if (done := receipts.find(change, key)) is not None:
            return _queued(change, load_entry(change, done))
        cluster = change.cluster
        team = policy.team_for(cluster, actor.name, request.team)
        policy.check_priority(cluster, actor.name, request.priority)
        shape = request.shape
        check_shape(cluster, shape.gpus, node=shape.node, model=shape.model, spread=shape.spread)
        entry = insert_entry(
            change,
            owner=actor.name,
            team=team.name,
            kind=EntryKind.QUEUE,
            shape=shape,
            length=request.length,
            earliest=change.now,
            latest=change.now + cluster.policy.horizon,
            priority=request.priority,
            preemptible=request.priority.preemptible_by_default,
            purpose=request.command,
            job=None if request.job is None else checked(cluster, request.job, shape),
        )
        record_entry(change, actor, "wait_joined", entry)
        receipts.keep(change, key, entry.id)
        _serve_those_ahead(change, entry)
        found = find_room(change.calendar, entry, now=change.now)
        if found is not None:
            check_quotas(change, actor.name, team.name, found.window, found.gpus)
            begin_run(change, entry, found)
        return _queued(change, load_entry(change, entry.id))


def _serve_those_ahead(change: Change, entry: WaitlistEntry) -> None:
    """A gap that came by time since the last tick is for those who were in line before."""
    for other in wait_queries.waiting_for_a_gap(change.connection):
        if other.id == entry.id:
            return
        serve(change, other)


def _queued(change: Change, entry: WaitlistEntry) -> Queued:
    booking = None if entry.booking is None else load_booking(change, entry.booking)
    return Queued(entry, booking)


def check_wish(cluster: Cluster, user: str, request: WaitRequest, now: datetime) -> Team:
    """The team a wish is for, if policy allows it. Buttons may be older than the configuration."""
    team = policy.team_for(cluster, user, request.team)
    policy.check_priority(cluster, user, request.priority)
    shape = request.shape
    check_shape(cluster, shape.gpus, node=shape.node, model=shape.model, spread=shape.spread)
    longest = cluster.policy.max_length[request.priority]
    if request.length > longest:
        raise TooLong(length=request.length, longest=longest, priority=request.priority.name)
    _check_time(cluster, request, now)
    horizon = now + cluster.policy.horizon
    if request.earliest is not None and request.earliest > horizon:
        raise PastHorizon(
            start=request.earliest,
            horizon=cluster.policy.horizon,
            latest=horizon,
            form_field="earliest",
        )
    return team


def _check_time(cluster: Cluster, request: WaitRequest, now: datetime) -> None:
    """Raise InThePast or WindowTooSmall when nothing could be granted in time any more."""
    earliest, latest = span_of(cluster, request, now)
    if latest <= earliest:
        raise InThePast(start=latest, now=now, form_field="latest")
    if request.length > latest - earliest + GRACE:
        window = latest - earliest
        raise WindowTooSmall(length=request.length, window=window, example=WAIT_EXAMPLE)


def span_of(cluster: Cluster, request: WaitRequest, now: datetime) -> tuple[datetime, datetime]:
    """Between which instants the wish can be granted."""
    earliest = max(request.earliest or now, now)
    if request.latest is not None:
        return earliest, request.latest
    return earliest, cluster.grid.ceil(default_latest(earliest, now, request.length))


def _insert(change: Change, actor: Actor, team: Team, request: WaitRequest) -> WaitlistEntry:
    earliest, latest = span_of(change.cluster, request, change.now)
    work = work_of(change, actor, request.job, request.continues, request.shape)
    entry = insert_entry(
        change,
        owner=actor.name,
        team=team.name,
        kind=EntryKind.WINDOW,
        shape=request.shape,
        length=request.length,
        earliest=earliest,
        latest=latest,
        priority=request.priority,
        preemptible=request.preemptible,
        purpose=request.purpose,
        job=work.job,
        continues=work.continues,
    )
    return replace(entry, state=EntryState.WAITING)

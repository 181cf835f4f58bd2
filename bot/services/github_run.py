"""Booking GPUs because a workflow on GitHub has succeeded."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.actor import Actor
from bot.domain.booking import Booking
from bot.domain.cluster import Cluster
from bot.domain.conflict import Conflict
from bot.domain.pipelines import Trigger, WorkflowRun, purpose_of
from bot.domain.request import BookingRequest, WaitRequest, build_request
from bot.domain.waitlist import WaitlistEntry
from bot.domain.window import asked_length
from bot.services import receipts
from bot.services.changing import changing
from bot.services.join_waitlist import FreeAlready, join_waitlist
from bot.services.record import post
from bot.services.reserve import reserve
from bot.services.reserve_within import reserve_within
from bot.services.site import Site
from bot.services.wait_rows import load_entry

#: GitHub may deliver one event twice at once; which of the two comes first must be settled
#: before the other looks at what is free.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Launched:
    """What a run led to: a booking, or a wish on the waitlist."""

    booking: Booking | None = None
    entry: WaitlistEntry | None = None


def triggers_for(cluster: Cluster, run: WorkflowRun) -> tuple[tuple[int, Trigger], ...]:
    """The triggers that this run sets off, each with its place in the configuration."""
    return tuple(
        (place, trigger) for place, trigger in enumerate(cluster.github) if trigger.fits(run)
    )


def book_for_run(
    site: Site, trigger: Trigger, run: WorkflowRun, *, place: int = 0, now: datetime
) -> Launched:
    """Book what `trigger` says, in its user's name; where nothing is free in time, wait for it.

    `place` tells triggers of one run apart. The same run and attempt books once, however often it
    is told. Raises what any booking may raise but Conflict.
    """
    actor = Actor(trigger.user, via=f"github {run.label}")
    key = f"github:{run.repository.casefold()}:{run.id}:{run.attempt}:{place}"
    with _ONE_AT_A_TIME:
        if (entry := _waits_already(site, actor, key, now)) is not None:
            return Launched(entry=_announced(site, entry, now))
        request = _request(site.cluster, trigger, run, now)
        try:
            booking = reserve_within(site, actor, request, trigger.within, now=now, key=key)
            return Launched(booking=booking)
        except Conflict:
            return _wait(site, actor, request, trigger, now=now, key=key)


def _request(cluster: Cluster, trigger: Trigger, run: WorkflowRun, now: datetime) -> BookingRequest:
    shape = trigger.shape
    return build_request(
        gpus=shape.gpus,
        start=None,
        length=trigger.length,
        node=shape.node,
        model=shape.model,
        spread=shape.spread,
        priority=trigger.priority,
        preemptible=trigger.preemptible,
        team=trigger.team,
        purpose=purpose_of(trigger, run),
        job=trigger.job,
        now=now,
        cluster=cluster,
    )


def _wait(
    site: Site, actor: Actor, request: BookingRequest, trigger: Trigger, *, now: datetime, key: str
) -> Launched:
    """Join the waitlist; or book after all, when something became free just now."""
    grid = site.cluster.grid
    length = asked_length(request.window, grid)
    wish = WaitRequest(
        shape=request.shape,
        length=length,
        earliest=None,
        latest=grid.ceil(now + trigger.within + length),
        priority=request.priority,
        preemptible=request.preemptible,
        team=request.team,
        purpose=request.purpose,
        job=request.job,
    )
    try:
        entry = join_waitlist(site, actor, wish, now=now, key=key)
    except FreeAlready as free:
        found = replace(request, window=free.placement.window)
        return Launched(booking=reserve(site, actor, found, now=now, key=key))
    return Launched(entry=_announced(site, entry, now))


def _waits_already(site: Site, actor: Actor, key: str, now: datetime) -> WaitlistEntry | None:
    """The wish that an earlier delivery led to."""
    with changing(site, now) as change:
        done = receipts.find(change, receipts.scoped(key, actor, "wait"))
        return None if done is None else load_entry(change, done)


def _announced(site: Site, entry: WaitlistEntry, now: datetime) -> WaitlistEntry:
    """Have the team's channel told, once, that its pipeline waits."""
    team = site.cluster.team(entry.team)
    if team is not None:
        subject = f"entry:{entry.id}"
        with changing(site, now) as change:
            post(change, "pipeline_waits", team.channel, subject, f"pipeline_waits:{entry.id}")
    return entry

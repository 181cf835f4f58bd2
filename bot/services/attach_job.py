"""Giving a booking a job, changing it, or taking it away, until its run has started."""

from __future__ import annotations

from datetime import datetime

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, BookingState, booking_label
from bot.domain.cluster import Cluster
from bot.domain.errors import N_, WrongState
from bot.domain.job import JobOrder
from bot.domain.job_templates import check_placed
from bot.domain.notes import Note
from bot.domain.run import RunState
from bot.services import receipts
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.job_orders import check_own, checked
from bot.services.record import record_booking
from bot.services.rows import load_booking, update_booking
from bot.services.run_again import start_again
from bot.services.run_rows import want_run
from bot.services.site import Site
from bot.store import run_queries

RUNS_ALREADY = N_("runs its job already; nothing was changed.")
STARTING = N_("is having its job started at this moment; nothing was changed.")
EXAMPLE = '/gpu job B142 yolo-train data=coco.yaml "data was moved"'


def attach_job(
    site: Site,
    actor: Actor,
    booking_id: int,
    order: JobOrder | None,
    *,
    reason: str = "",
    now: datetime,
    key: str | None = None,
) -> Booking:
    """Have the booking run what is ordered, or nothing any more (None).

    One that has begun runs it at once, also after a run that failed, and also the same once more.

    Raises WrongState when it is over or its run has started, NotAllowed, ReasonNeeded for
    somebody else's, and BadJob or UnknownName for what could not run there.
    """
    key = receipts.scoped(key, actor, "job", booking_id)
    with changing(site, now) as change:
        booking = load_booking(change, booking_id)
        if receipts.find(change, key) is not None:
            return booking
        _check_may(site.cluster, actor, booking, order)
        _check_open(change, booking, order)
        job = None if order is None else checked(site.cluster, order, booking.shape)
        after = booking
        if job != booking.job:
            reason = policy.check_reason(actor, booking, reason, example=EXAMPLE)
            after = _change(change, actor, booking, job, reason)
        elif job is not None and booking.state is BookingState.ACTIVE:
            start_again(change, actor, booking)
        receipts.keep(change, key, booking.id)
        return after


def _check_may(cluster: Cluster, actor: Actor, booking: Booking, order: JobOrder | None) -> None:
    """Raise NotAllowed unless `actor` may have the booking run that."""
    if order is None:
        policy.check_may_change(cluster, actor, booking)
        return
    policy.check_may_keep(cluster, actor, booking)
    if order != booking.job:
        check_own(actor, booking.owner, order)


def _change(
    change: Change, actor: Actor, booking: Booking, job: JobOrder | None, reason: str
) -> Booking:
    after = update_booking(change, booking, job=job)
    if after.state is BookingState.ACTIVE:
        want_run(change, after)
    check_placed(change.cluster, after)
    record_booking(
        change, actor, _action(booking, after), before=booking, after=after, reason=reason
    )
    return after


def _action(before: Booking, after: Booking) -> str:
    if after.job is None:
        return "job_removed"
    return "job_attached" if before.job is None else "job_changed"


def _check_open(change: Change, booking: Booking, order: JobOrder | None) -> None:
    """Raise WrongState when it is too late for another job."""
    label = booking_label(booking.id)
    if booking.is_over(change.now):
        raise WrongState(booking=label, why=policy.already_over(booking))
    past = run_queries.runs_of(change.connection, booking.id)
    # What no runner was asked for yet starts as the job that the booking has then.
    if past and not past[-1].state.is_over and (order is None or not past[-1].is_untouched):
        is_asked = past[-1].state is RunState.WANTED
        raise WrongState(booking=label, why=Note(STARTING if is_asked else RUNS_ALREADY))

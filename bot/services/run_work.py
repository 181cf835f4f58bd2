"""What there is to do about runs: read in one snapshot, done by the reconciler afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.domain.booking import Booking, BookingState, booking_label
from bot.domain.cluster import Cluster
from bot.domain.errors import N_, BookingError, InputError
from bot.domain.job_templates import check_volumes, resolve
from bot.domain.run import Run, RunState, WorkOrder, workers_of
from bot.services.notice import notice_token
from bot.services.site import Site
from bot.store import queries, run_queries

#: Why a run has to end, for its runner.
ENDS = {
    BookingState.PREEMPTED: "preempted",
    BookingState.CANCELLED: "cancelled",
    BookingState.NO_SHOW: "released",
    BookingState.ENDED: "over",
}

Gpu = tuple[str, int]


class WorkersDoNotFit(InputError):
    """Fields: `workers` of the job, `gpus` of the booking and how they lie: `shares`."""

    code = "workers_do_not_fit"
    form_field = "workers"
    template = N_("{workers} workers cannot share {gpus} GPUs ({shares}) evenly.")


@dataclass(frozen=True, slots=True)
class Work:
    """A run about which something may have to be done, and what that needs."""

    run: Run
    booking: Booking
    #: Bookings whose runs still use its GPUs; it begins when they are gone.
    waits_for: tuple[int, ...] = ()
    #: Why it has to end; empty: it may go on.
    stop: str = ""
    #: When its GPUs are reclaimed, or its booking ends, if that is soon enough to save its work.
    losing_at: datetime | None = None


def open_work(site: Site, *, now: datetime) -> tuple[Work, ...]:
    """Every run that is not settled, oldest first."""
    with site.database.snapshot() as connection:
        runs = run_queries.unsettled_runs(connection)
        if not runs:
            return ()
        bookings = queries.bookings_by_id(connection, {run.booking for run in runs})
        warned = queries.warned(connection)
    holders = _holders(runs, bookings.values())
    warning = site.cluster.policy.warning
    return tuple(
        Work(
            run=run,
            booking=booking,
            waits_for=_waits_for(run, booking, holders),
            stop="" if booking.state.is_live else ENDS.get(booking.state, "over"),
            losing_at=_losing_at(booking, warned, warning, now),
        )
        for run in runs
        if (booking := bookings.get(run.booking)) is not None
    )


def gpus_still_in_use(connection: Connection) -> frozenset[Gpu]:
    """The GPUs that runs may be using whose bookings are over: they save their work."""
    ending = run_queries.bookings_with_a_run_that_ends(connection)
    return frozenset(gpu for booking in ending for gpu in _gpus(booking))


def _holders(runs: Iterable[Run], bookings: Iterable[Booking]) -> dict[Gpu, set[int]]:
    """Which bookings' runs may use each GPU: those that a runner has, and that are not over."""
    by_id = {booking.id: booking for booking in bookings}
    found: dict[Gpu, set[int]] = {}
    for run in runs:
        if run.submitted_at is not None and not run.state.is_over and run.booking in by_id:
            for gpu in _gpus(by_id[run.booking]):
                found.setdefault(gpu, set()).add(run.booking)
    return found


def _waits_for(run: Run, booking: Booking, holders: dict[Gpu, set[int]]) -> tuple[int, ...]:
    if run.state is not RunState.WANTED:
        return ()
    others = {holder for gpu in _gpus(booking) for holder in holders.get(gpu, ())}
    return tuple(sorted(others - {booking.id}))


def _gpus(booking: Booking) -> list[Gpu]:
    return [(node, number) for node, numbers in booking.gpu_ids for number in numbers]


def _losing_at(
    booking: Booking, warned: Collection[int], warning: timedelta, now: datetime
) -> datetime | None:
    end = booking.window.end
    is_soon = booking.id in warned or end - now <= warning
    return end if booking.state is BookingState.ACTIVE and is_soon else None


def work_order(site: Site, work: Work) -> WorkOrder:
    """Everything a runner needs to start it.

    Raises BookingError when its job cannot be run: a template that is gone, a folder that may not
    be used any more, or workers that the GPUs cannot be shared among.
    """
    booking, cluster = work.booking, site.cluster
    assert booking.job is not None, "a run is wanted for a job"
    job = resolve(cluster, booking.job)
    check_volumes(cluster, job)
    workers = workers_of(booking, job.workers)
    if not workers:
        shares = ", ".join(f"{share.gpus} on {share.node}" for share in booking.shares)
        raise WorkersDoNotFit(workers=job.workers, gpus=booking.gpus, shares=shares)
    with site.database.snapshot() as connection:
        account = _account(connection, cluster, booking.owner)
    return WorkOrder(
        key=work.run.key,
        booking=booking.id,
        first=booking.first,
        owner=booking.owner,
        account=account,
        team=booking.team,
        priority=booking.priority,
        preemptible=booking.preemptible,
        job=job,
        workers=workers,
        ends_at=booking.window.end,
        warning=cluster.policy.warning,
        env=_reaching_gpubot(site, booking),
    )


def _reaching_gpubot(site: Site, booking: Booking) -> tuple[tuple[str, str], ...]:
    address = site.address()
    if not address:
        return ()
    notice = f"{address}/api/v1/bookings/{booking_label(booking.id)}/notice"
    return (("GPUBOT_NOTICE", notice), ("GPUBOT_TOKEN", notice_token(site, booking.id)))


def _account(connection: Connection, cluster: Cluster, user: str) -> str:
    person = queries.find_person(connection, user)
    return cluster.runs.account(user, None if person is None else person.email)


def refusal(error: BookingError) -> str:
    """Why a job cannot be run, in English: it stands in the books."""
    return str(error)


def accounts_of(site: Site, bookings: Sequence[Booking]) -> dict[int, str]:
    """The account of each booking's owner, by the booking's id."""
    with site.database.snapshot() as connection:
        known = {
            user: _account(connection, site.cluster, user) for user in {b.owner for b in bookings}
        }
    return {booking.id: known[booking.owner] for booking in bookings}


def live_bookings(site: Site, *, now: datetime, until: datetime) -> list[Booking]:
    """The bookings that hold GPUs now or begin before `until`, by start."""
    with site.database.snapshot() as connection:
        return list(queries.bookings_until(connection, now=now, until=until))

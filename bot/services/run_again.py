"""Starting a booking's job once more, after it failed or was lost; it goes on where it was."""

from __future__ import annotations

from datetime import datetime

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, BookingState, booking_label
from bot.domain.errors import N_, WrongState
from bot.domain.notes import Note
from bot.domain.run import Run
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.record import record_booking, tell_owner
from bot.services.rows import load_booking
from bot.services.run_rows import want_run
from bot.services.site import Site
from bot.store import run_queries


def run_again(site: Site, actor: Actor, booking_id: int, *, now: datetime) -> Run:
    """Have the booking's job started again; while one runs, that one is given.

    Raises WrongState when the booking is not active or has no job.
    """
    with changing(site, now) as change:
        booking = load_booking(change, booking_id)
        policy.check_may_keep(site.cluster, actor, booking)
        label = booking_label(booking.id)
        if booking.is_over(change.now):
            raise WrongState(booking=label, why=policy.already_over(booking))
        if booking.state is not BookingState.ACTIVE:
            raise WrongState(booking=label, why=Note(N_("has not started; its job will.")))
        if booking.job is None:
            why = Note(N_("has no job: give it one with `/gpu job {label} …`."), {"label": label})
            raise WrongState(booking=label, why=why)
        return start_again(change, actor, booking)


def start_again(change: Change, actor: Actor, booking: Booking) -> Run:
    """Want one more run of an active booking's job; while one runs, that one is given."""
    past = run_queries.runs_of(change.connection, booking.id)
    run = want_run(change, booking)
    if run is None:
        return past[-1]
    for other in past[-1:]:
        state = f"again:{run.number}"
        tell_owner(change, "run", f"run:{other.id}", state, booking.team, booking.owner)
    details = {"run": run.number}
    record_booking(
        change, actor, "run_again", before=booking, after=booking, details=details, told=True
    )
    return run

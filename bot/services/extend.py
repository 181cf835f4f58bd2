"""Making a booking longer."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, Placement, booking_label
from bot.domain.calendar import Calendar
from bot.domain.conflict import Conflict
from bot.domain.errors import N_, BadLength, WrongState
from bot.domain.job_templates import suits
from bot.domain.placement import place
from bot.domain.window import Grid, Window
from bot.services import receipts
from bot.services.activity import answering
from bot.services.change import Change, DoesNotFit
from bot.services.changing import changing
from bot.services.conflict import blockers_on, hints_for, kept_for
from bot.services.preemption_rows import pending_preemptions
from bot.services.quota import check_quotas
from bot.services.record import record_booking
from bot.services.rows import load_booking, update_booking
from bot.services.site import Site
from bot.services.withdraw import overtake_preemptions
from bot.store import queries

EXAMPLE = "/gpu extend B142 4h the run is slow"


class ExtendConflict(Conflict):
    """The GPUs are promised to somebody else after the booking's end.

    `longest` is the longest extension that is possible (zero: none); `booking` the booking's id.
    """

    code = "extend_conflict"
    template = N_("{booking} cannot be extended by {length}: its GPUs are promised after {end}.")

    def __init__(self, booking: Booking, until: datetime, longest: timedelta) -> None:
        super().__init__(shape=booking.shape, window=Window(booking.window.end, until))
        self.fields = {
            "booking": booking_label(booking.id),
            "length": until - booking.window.end,
            "end": booking.window.end + longest,
        }
        self.booking = booking.id
        self.longest = longest


class UrgentWorkNext(ExtendConflict):
    """The booking is warned: urgent work takes its GPUs over at its end."""

    template = N_("{booking} cannot be extended: its GPUs are reclaimed for urgent work {end}.")


def extend(
    site: Site,
    actor: Actor,
    booking_id: int,
    length: timedelta,
    *,
    reason: str = "",
    now: datetime,
    key: str | None = None,
) -> Booking:
    """Extend a booking by `length`, rounded up to the grid; it keeps its GPUs.

    A booking that has not started may change its node when its own is taken. Raises
    ExtendConflict with the longest extension that is possible.
    """
    if length <= timedelta(0):
        raise BadLength(word=str(length), example=f"/gpu extend {booking_label(booking_id)} 4h")
    key = receipts.scoped(key, actor, "extend", booking_id)
    try:
        with changing(site, now) as change:
            booking = load_booking(change, booking_id)
            if receipts.find(change, key) is not None:
                return booking
            until = _check(change, actor, booking, length)
            reason = policy.check_reason(actor, booking, reason, example=EXAMPLE)
            after = _extend(change, booking, until)
            record_booking(change, actor, "extended", before=booking, after=after, reason=reason)
            receipts.keep(change, key, booking.id)
            return after
    except DoesNotFit:
        pass
    raise _conflict(site, booking, until, now)


def _check(change: Change, actor: Actor, booking: Booking, length: timedelta) -> datetime:
    """The new end, if policy allows it."""
    cluster = change.cluster
    #: What a run that only finishes has after its promised end is no part of the length.
    promised = booking.overrun_from or booking.window.end
    policy.check_may_keep(cluster, actor, booking)
    if booking.is_over(change.now):
        raise WrongState(booking=booking_label(booking.id), why=policy.already_over(booking))
    # An extension is a slot at least: what is rounded away would be a promise not kept.
    next_line = cluster.grid.ceil(booking.window.end + timedelta(seconds=1))
    until = max(cluster.grid.round_end(promised + length), next_line)
    window = Window(booking.window.start, until)
    policy.check_priority(cluster, booking.owner, booking.priority)
    policy.check_extension(cluster, booking.priority, window)
    check_quotas(change, booking.owner, booking.team, window, booking.gpus, besides=booking.id)
    return until


def _extend(change: Change, booking: Booking, until: datetime) -> Booking:
    if booking.id in queries.warned(change.connection):
        raise DoesNotFit  # Its end is when urgent work takes over, whatever else is free then.
    # What is kept of a time it had before is no hindrance to its owner.
    overtake_preemptions(change, booking)
    added = Placement(Window(booking.window.end, until), booking.shares)
    window = Window(booking.window.start, until)
    if change.calendar.fits(added):
        change.take(booking.id, added)
        answer = answering(booking, change.now)
        return update_booking(change, booking, window=window, overrun_from=None, **answer)
    if booking.is_running(change.now) or pending_preemptions(change, booking.id):
        raise DoesNotFit
    change.give_back("booking", booking.id)
    hints = hints_for(change.connection, booking.team, window)
    placement = place(change.calendar, booking.shape, window, hints)
    if placement is None or not suits(change.cluster, booking.job, placement.shares):
        raise DoesNotFit
    change.take(booking.id, placement)
    return update_booking(change, booking, window=window, shares=placement.shares)


def _conflict(site: Site, booking: Booking, until: datetime, now: datetime) -> ExtendConflict:
    with site.database.snapshot() as connection:
        if booking.id in queries.warned(connection):
            conflict: ExtendConflict = UrgentWorkNext(booking, until, timedelta(0))
        else:
            kept = kept_for(connection, booking.id)
            calendar = site.calendars.fresh(connection, now).calendar.without(kept)
            longest = _longest_extension(calendar, site.cluster.grid, booking, until)
            conflict = ExtendConflict(booking, until, longest)
        conflict.blockers = blockers_on(
            connection, booking.nodes, conflict.window, besides=booking.id
        )
        return conflict


def _longest_extension(
    calendar: Calendar, grid: Grid, booking: Booking, until: datetime
) -> timedelta:
    """The longest extension, in whole slots and up to `until`, that the nodes are free for."""
    end = booking.window.end
    while (later := grid.line(grid.number(end) + 1)) <= until:
        if later > end and not calendar.fits(Placement(Window(end, later), booking.shares)):
            break
        end = max(end, later)
    return end - booking.window.end

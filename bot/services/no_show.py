"""Bookings that nobody seems to use: a question, and GPUs for those who wait."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    func,
    literal_column,
    not_,
    or_,
    update,
)
from sqlmodel import col

from bot.domain import policy
from bot.domain.actor import GPUBOT, Actor
from bot.domain.booking import Booking, BookingState, booking_label
from bot.domain.cluster import NoShow
from bot.domain.errors import WrongState
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.gpu_activity import only_idle, still_idle
from bot.services.preemption_rows import open_preemption
from bot.services.record import record_booking, tell_owner
from bot.services.recover import back_since
from bot.services.release import end_now
from bot.services.rows import load_booking, update_booking
from bot.services.site import Site
from bot.services.timely import later_if_undelivered
from bot.services.withdraw import let_go
from bot.store import models, queries, run_queries

#: Written out, as in the indexes that are made for these statements.
_ACTIVE: ColumnElement[str] = literal_column(f"'{BookingState.ACTIVE.value}'")

#: Nobody is asked oftener about one booking (design: "Calm").
ASKED_AT_MOST = 2


def ask_idle(site: Site, *, now: datetime) -> int:
    """Ask about the bookings that have begun and show no sign of use; return how many.

    With the policy "release" they are released without a question.
    """
    rule = site.cluster.policy.no_show
    with changing(site, now) as change:
        found = _to_ask(site, change.connection, change.now)
        for row in found:
            booking = queries.to_booking(row)
            if open_preemption(change, booking.id) is not None:
                continue
            if rule is NoShow.RELEASE:
                _release(change, booking)
            else:
                _ask(change, booking, row.asked)
        return len(found)


def release_unused(site: Site, *, now: datetime) -> int:
    """Release the bookings whose owners did not answer the question; return how many."""
    with changing(site, now) as change:
        period = site.cluster.policy.no_show_after
        found = 0
        for row in _to_release(site, change.connection, change.now):
            booking = queries.to_booking(row)
            asked = row.asked_at
            subject, due = f"idle:{booking.id}", asked + period
            due = later_if_undelivered(change, "idle", subject, due, period, since=asked)
            if due <= change.now:
                _release(change, booking)
                found += 1
        return found


def still_needed(site: Site, actor: Actor, booking_id: int, *, now: datetime) -> Booking:
    """The owner needs it: it is not asked about again. Also before it begins, in advance."""
    with changing(site, now) as change:
        booking = load_booking(change, booking_id)
        policy.check_may_change(site.cluster, actor, booking)
        if booking.is_over(change.now):
            raise WrongState(booking=booking_label(booking.id), why=policy.already_over(booking))
        if _asked(change, booking.id) >= ASKED_AT_MOST and booking.asked_at is None:
            return booking
        after = update_booking(change, booking, used_at=change.now, asked_at=None)
        _set_asked(change, booking.id, ASKED_AT_MOST)
        record_booking(change, actor, "still_needed", before=booking, after=after, quiet=True)
        return after


def seem_unused(site: Site, connection: Connection, now: datetime) -> bool:
    """Whether there are bookings to ask about."""
    return bool(_to_ask(site, connection, now))


def stay_unanswered(site: Site, connection: Connection, now: datetime) -> bool:
    """Whether there are bookings to release, or to leave alone a little longer."""
    return bool(_to_release(site, connection, now))


def _to_ask(site: Site, connection: Connection, now: datetime) -> list[Row[Any]]:
    if site.cluster.policy.no_show is NoShow.OFF or _is_just_back(site, connection, now):
        return []
    since = now - site.cluster.policy.no_show_after
    found = connection.execute(_silent(), {"since": since})
    rows = [row for row in found if row.start_at <= since and row.end_at > now]
    return only_idle(connection, rows, site.cluster.policy, now)


def _to_release(site: Site, connection: Connection, now: datetime) -> list[Row[Any]]:
    if site.cluster.policy.no_show is NoShow.OFF:
        return []
    since = now - site.cluster.policy.no_show_after
    rows = connection.execute(_unanswered(), {"now": now, "since": since}).all()
    return still_idle(connection, rows, now)


def _is_just_back(site: Site, connection: Connection, now: datetime) -> bool:
    """Whether signs of use may have been missed: nobody could give any while gpubot was away."""
    back = back_since(connection)
    return back is not None and back <= now < back + site.cluster.policy.no_show_after


@cache
def _silent() -> Select[tuple[object, ...]]:
    """Active bookings without a sign of use since their start, or since long ago."""
    table, since = models.Booking, queries.instant("since")
    return (
        queries.columns(table)
        .where(
            col(table.state) == _ACTIVE,
            # Their windows are looked at afterwards: if they were named here by themselves, SQLite
            # would go by them, and through everything that runs.
            func.coalesce(col(table.used_at), col(table.start_at)) <= since,
            col(table.asked_at).is_(None),
            col(table.asked) < ASKED_AT_MOST,
            col(table.queued).is_(False),
            col(table.overrun_from).is_(None),
            or_(col(table.used_at).is_(None), col(table.used_at) < since),
            # A run that cannot be seen at present is no sign that nobody needs the GPUs.
            not_(run_queries.has_open_run()),
        )
        .order_by(col(table.id))
    )


@cache
def _unanswered() -> Select[tuple[object, ...]]:
    table, now, since = models.Booking, queries.instant("now"), queries.instant("since")
    return (
        queries.columns(table)
        .where(
            col(table.state) == _ACTIVE,
            col(table.asked_at) <= since,
            col(table.end_at) > now,
            not_(run_queries.has_open_run()),
        )
        .order_by(col(table.id))
    )


def _ask(change: Change, booking: Booking, asked: int) -> None:
    after = update_booking(change, booking, asked_at=change.now)
    _set_asked(change, booking.id, asked + 1)
    record_booking(change, GPUBOT, "asked_idle", before=booking, after=after, quiet=True)
    _announce(change, after, f"asked:{asked + 1}")


def _release(change: Change, booking: Booking) -> None:
    after = end_now(change, booking, BookingState.NO_SHOW)
    record_booking(change, GPUBOT, "no_show", before=booking, after=after, told=True)
    let_go(change, GPUBOT, after, booking)
    _announce(change, after, "released")


def _announce(change: Change, booking: Booking, state: str) -> None:
    """The question, or what became of a booking of which nobody was asked."""
    tell_owner(change, "idle", f"idle:{booking.id}", state, booking.team, booking.owner)


def _asked(change: Change, booking_id: int) -> int:
    table = models.Booking
    statement = queries.columns(table).where(col(table.id) == booking_id)
    return int(change.connection.execute(statement).one().asked)


def _set_asked(change: Change, booking_id: int, times: int) -> None:
    table = models.Booking
    change.connection.execute(update(table).where(col(table.id) == booking_id).values(asked=times))

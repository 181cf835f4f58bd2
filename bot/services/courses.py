"""The courses of bookings, from their rows and what the audit remembers of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, select
from sqlmodel import col

from bot.domain.booking import BookingState
from bot.domain.report_course import Course, Promise
from bot.domain.window import Window
from bot.store import models, queries

#: What tells how a booking began, changed its size and came to its end.
TOLD = (
    "started", "released", "released_part", "released_early", "no_show", "ended", "reclaimed",
    "extended",
)  # fmt: skip

BOOKING = models.Booking


class Event(NamedTuple):
    """One record about a booking, as far as its course needs it."""

    booking: int
    at: datetime
    action: str
    before: str | None
    after: str | None


def courses(
    connection: Connection, window: Window, *conditions: ColumnElement[bool]
) -> tuple[Course, ...]:
    """The courses of the bookings whose windows touch `window`, by id; cancelled ones are none."""
    statement = select(
        col(BOOKING.id), col(BOOKING.owner), col(BOOKING.team), col(BOOKING.state),
        col(BOOKING.queued), col(BOOKING.created_at), col(BOOKING.start_at), col(BOOKING.end_at),
        col(BOOKING.gpus),
    ).where(
        col(BOOKING.state).in_([s.value for s in BookingState if s is not BookingState.CANCELLED]),
        col(BOOKING.end_at) > window.start,
        col(BOOKING.start_at) < window.end,
        *conditions,
    ).order_by(col(BOOKING.id))  # fmt: skip
    found: list[Course] = []
    # Part by part, so that no more of the rows is in memory: there may be years of them.
    for rows in connection.execute(statement).partitions(queries.MOST_IDS):
        events = _events(connection, [row[0] or 0 for row in rows])
        found += (_course(row, events[row[0] or 0]) for row in rows)
    return tuple(found)


def _events(connection: Connection, ids: Sequence[int]) -> dict[int, list[Event]]:
    """What the audit remembers of those bookings, oldest first."""
    found: dict[int, list[Event]] = {booking: [] for booking in ids}
    audit = models.Audit
    statement = (
        select(
            col(audit.booking), col(audit.at), col(audit.action), col(audit.before),
            col(audit.after),
        )
        .where(col(audit.booking).in_(ids), col(audit.action).in_(TOLD))
        .order_by(col(audit.seq))
    )  # fmt: skip
    for row in connection.execute(statement):
        event = Event._make(row)
        found[event.booking].append(event)
    return found


def _course(row: Row[*tuple[Any, ...]], events: Sequence[Event]) -> Course:
    booking, owner, team, state, queued, made_at, start, end, gpus = row
    return Course(
        booking=booking,
        owner=owner,
        team=team,
        state=BookingState(state),
        queued=queued,
        made_at=made_at,
        window=Window(start, end),
        gpus=gpus,
        promised=_promised(events),
        parts=tuple(
            (event.at, int(_state(event.after)["gpus"]))
            for event in events
            if event.action == "released_part"
        ),
        given_back=_given_back(events),
        extended=any(event.action == "extended" for event in events),
    )


def _promised(events: Sequence[Event]) -> Promise | None:
    """The booking as it stood when it began; None when it never did.

    One that ended in the very seconds of its start, before it was seen to begin, counts as it
    stood just before that; one that never began, such as one that gave way before its start, has
    no such record.
    """
    for event in events:
        if event.action == "started":
            return _promise(_state(event.after))
    for event in events:
        if event.action != "extended" and event.before is not None:
            return _promise(_state(event.before))
    return None


def _promise(state: dict[str, Any]) -> Promise:
    # What a booking runs over is no promise.
    start, end = state["start"], state.get("overrun_from", state["end"])
    window = Window(datetime.fromisoformat(start), datetime.fromisoformat(end))
    return Promise(window, int(state["gpus"]))


def _given_back(events: Sequence[Event]) -> Promise | None:
    """What was left when all of it was given back early.

    Who was warned, and gave way to urgent work sooner, had no choice: that says nothing about
    their lengths.
    """
    for event in events:
        if event.action == "released":
            before = _promise(_state(event.before))
            if before.window.start < event.at < before.window.end:
                return Promise(Window(event.at, before.window.end), before.gpus)
    return None


def _state(text: str | None) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(text or "{}")
    return state

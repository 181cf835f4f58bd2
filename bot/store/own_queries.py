"""Somebody's own bookings, page by page: what is asked most after booking itself.

Statements are made once, and read what they sort from the index `booking_owner` alone.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, text

from bot.domain.booking import Booking
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.store import models, queries

_BOOKING = queries.table_of(models.Booking)
_PREEMPTION = queries.table_of(models.Preemption)


def _own(*columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(_BOOKING)
        .where(
            _BOOKING.c.owner == bindparam("owner"),
            # Written out: a list that is bound would be spread out anew each time.
            text("booking.state IN ({})".format(", ".join(f"'{s}'" for s in queries.LIVE))),
            _BOOKING.c.end_at > bindparam("after"),
        )
    )


_COUNT = _own(func.count())
_PAGE: Select[Any] = (
    select(*_BOOKING.c, _COUNT.scalar_subquery().label("total"))
    .where(
        _BOOKING.c.id.in_(
            _own(_BOOKING.c.id)
            .order_by(_BOOKING.c.start_at, _BOOKING.c.id)
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
    )
    .order_by(_BOOKING.c.start_at, _BOOKING.c.id)
)
_GAVE_WAY: Select[Any] = (
    select(*_PREEMPTION.c)
    .where(_PREEMPTION.c.preemptee.in_(bindparam("preemptees", expanding=True)))
    .order_by(_PREEMPTION.c.id)
)


def own_bookings(
    connection: Connection, owner: str, *, after: datetime, limit: int, offset: int
) -> tuple[tuple[Booking, ...], int]:
    """Live bookings of `owner` that end after `after`, by start; and how many there are in all."""
    asked = {"owner": owner, "after": after}
    rows = connection.execute(_PAGE, {**asked, "limit": limit, "offset": offset}).all()
    total = rows[0].total if rows else connection.execute(_COUNT, asked).scalar_one()
    return tuple(map(queries.to_booking, rows)), int(total)


def warnings_of(connection: Connection, running: Collection[int]) -> dict[int, Preemption]:
    """The open warnings of those bookings, by booking."""
    if not running:
        return {}
    rows = connection.execute(_GAVE_WAY, {"preemptees": list(running)})
    last = {row.preemptee: queries.to_preemption(row) for row in rows}
    return {one: found for one, found in last.items() if found.state is PreemptionState.WARNED}

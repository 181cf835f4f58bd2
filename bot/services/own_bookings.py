"""One's own bookings, page by page, with what stands in their way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain.booking import Booking
from bot.domain.drain import Drain
from bot.domain.preemption_notice import Preemption
from bot.services.site import Site
from bot.store import queries
from bot.store.own_queries import count_own_bookings, own_bookings, warnings_of


@dataclass(frozen=True, slots=True)
class Page:
    """Some of somebody's bookings, by start."""

    bookings: tuple[Booking, ...]
    #: The first page is 0.
    number: int
    pages: int
    #: Over all pages.
    total: int
    #: Drains that hold their node now or later, by node.
    drains: Mapping[str, Drain]
    #: Open warnings of those that run, by booking.
    warned: Mapping[int, Preemption]


_NOTHING = Page((), 0, 0, 0, drains={}, warned={})


def page_of_bookings(site: Site, user: str, number: int, size: int, *, now: datetime) -> Page:
    """One page of the bookings of `user` that are not over; the last one when there are fewer."""
    number = max(number, 0)
    with site.database.snapshot() as connection:
        found = own_bookings(connection, user, after=now, limit=size, offset=number * size)
        if not found and number:
            number = max(count_own_bookings(connection, user, after=now) - 1, 0) // size
            found = own_bookings(connection, user, after=now, limit=size, offset=number * size)
        if not found:
            return _NOTHING
        first = found[0]
        running = [one.booking.id for one in found if one.booking.is_running(now)]
        return Page(
            tuple([one.booking for one in found]),
            number,
            -(-first.total // size),
            first.total,
            drains=queries.open_drains(connection) if first.any_drained else {},
            warned=warnings_of(connection, running) if first.any_warned else {},
        )

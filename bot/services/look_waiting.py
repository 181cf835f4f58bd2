"""Questions about the waitlist and about preemptions that change nothing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from bot.domain.booking import Booking
from bot.domain.cluster import Cluster
from bot.domain.preemption_notice import Preemption
from bot.domain.waitlist import Offer, WaitlistEntry
from bot.domain.window import Window
from bot.services.preemption_rows import no_such_preemption
from bot.services.site import Site
from bot.services.wait_rows import no_such_entry, no_such_offer
from bot.store import queries, wait_queries
from bot.store.own_queries import warnings_of


def get_entry(site: Site, entry_id: int) -> WaitlistEntry:
    """The waitlist entry with that id; raise NotFound when there is none."""
    with site.database.snapshot() as connection:
        entry = wait_queries.find_entry(connection, entry_id)
    if entry is None:
        raise no_such_entry(entry_id)
    return entry


def get_offer(site: Site, offer_id: int) -> Offer:
    """The offer with that id; raise NotFound when there is none."""
    with site.database.snapshot() as connection:
        offer = wait_queries.find_offer(connection, offer_id)
    if offer is None:
        raise no_such_offer()
    return offer


def get_preemption(site: Site, preemption_id: int) -> Preemption:
    """The preemption with that id; raise NotFound when there is none."""
    with site.database.snapshot() as connection:
        found = queries.find_preemption(connection, preemption_id)
    if found is None:
        raise no_such_preemption()
    return found


def waitlist(site: Site) -> tuple[WaitlistEntry, ...]:
    """The open wishes of everybody, in the order in which they are served."""
    with site.database.snapshot() as connection:
        return tuple(wait_queries.open_entries(connection))


def waitlist_of(site: Site, user: str) -> tuple[WaitlistEntry, ...]:
    """The open wishes of `user`, in the order in which they are served."""
    with site.database.snapshot() as connection:
        return tuple(wait_queries.open_entries(connection, user))


def position(site: Site, entry: WaitlistEntry) -> tuple[int, int]:
    """The place of an open wish in the line, from 1, and how long the line is; 0 for a closed one.

    Wishes for windows and for gaps stand in lines of their own.
    """
    line = [other.id for other in waitlist(site) if other.kind is entry.kind]
    return (line.index(entry.id) + 1 if entry.id in line else 0), len(line)


def open_offer_of(site: Site, entry_id: int) -> Offer | None:
    """What is held for a wish now; None when nothing is."""
    with site.database.snapshot() as connection:
        return wait_queries.open_offer(connection, entry_id)


def open_warnings(site: Site, running: Collection[int]) -> dict[int, Preemption]:
    """The open warnings of those bookings that run, by booking."""
    with site.database.snapshot() as connection:
        return warnings_of(connection, running)


def preemptions_by(site: Site, booking_id: int) -> tuple[Preemption, ...]:
    """Those who gave, or give, way to that booking."""
    with site.database.snapshot() as connection:
        return tuple(queries.preemptions_of(connection, preemptor=booking_id))


def is_free(site: Site, booking: Booking, window: Window, *, now: datetime) -> bool:
    """Whether the booking's GPUs are free during `window`, such as one after its end."""
    calendar = site.calendars.current(site.database, now)
    return all(calendar.free(share.node, window) >= share.gpus for share in booking.shares)


def waiting_for(site: Site, booking: Booking) -> int:
    """How many people wait for GPUs such as the booking has."""
    entries = waitlist(site)
    return len({e.owner for e in entries if _could_use(site.cluster, e, booking)} - {booking.owner})


def _could_use(cluster: Cluster, entry: WaitlistEntry, booking: Booking) -> bool:
    if entry.latest <= booking.window.start or entry.earliest >= booking.window.end:
        return False
    nodes = [node for name in booking.nodes if (node := cluster.node(name)) is not None]
    shape = entry.shape
    return any(
        shape.node in (None, node.name) and shape.model in (None, node.model) for node in nodes
    )

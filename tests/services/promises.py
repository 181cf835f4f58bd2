"""What has to hold at every moment, whatever people did: promises, and the cache of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from builders import request
from sqlalchemy import text

from bot.services.site import Site
from bot.store import queries

HOUR = timedelta(hours=1)

#: What may be claimed for whom: only what is live, open, or could still be given back.
KEPT = {
    "booking": "SELECT id FROM booking",
    "offer": "SELECT id FROM offer WHERE state = 'open'",
    "hold": "SELECT id FROM preemption WHERE state NOT IN ('withdrawn', 'overtaken', 'reclaimed')",
    "drain": "SELECT id FROM drain",
}


def check_promises(site):
    """No node is over-promised, and each live booking has exactly the claims it shows."""
    with site.database.snapshot() as connection:
        claims = connection.execute(text("SELECT * FROM claim WHERE gone IS NULL")).all()
        bookings = queries.open_bookings(connection, after=datetime.min.replace(tzinfo=UTC))
        kept = {kind: set(connection.execute(text(ids)).scalars()) for kind, ids in KEPT.items()}
    for claim in claims:
        assert claim.holder in kept[claim.kind]
    for booking in bookings:
        check_booking(booking, [c for c in claims if c.kind == "booking"])
    for node in site.cluster.nodes:
        # A drain takes a node that is booked; all others take what is free.
        here = [c for c in claims if c.node == node.name and c.kind != "drain"]
        for at in {c.start_s for c in here}:
            assert sum(c.gpus for c in here if c.start_s <= at < c.end_s) <= node.gpus


def check_booking(booking, claims):
    """A live booking holds what it shows from its start to its end."""
    start_s, end_s = (int(t.timestamp()) for t in (booking.window.start, booking.window.end))
    held = [c for c in claims if c.holder == booking.id and c.end_s > start_s]
    last = max(c.start_s for c in held)
    at_end = {c.node: c.gpus for c in held if c.end_s == end_s}
    assert at_end == {share.node: share.gpus for share in booking.shares}
    assert min(c.start_s for c in held) == start_s
    assert max(c.end_s for c in held) == end_s
    for at in range(start_s, end_s, 1800):
        here = sum(c.gpus for c in held if c.start_s <= at < c.end_s)
        assert here == booking.gpus if at >= last else here >= booking.gpus


def check_cache(site, now):
    """The calendar kept up to date by each write equals one loaded afresh."""
    cold = Site.open(site.database, site.cluster)
    for hours in range(-2, 60, 3):
        window = request(1, now + hours * HOUR, 3).window
        with site.database.snapshot() as connection:
            warm = site.calendars.fresh(connection, now).calendar
            fresh = cold.calendars.fresh(connection, now).calendar
        for node in site.cluster.nodes:
            assert warm.free(node.name, window) == fresh.free(node.name, window)

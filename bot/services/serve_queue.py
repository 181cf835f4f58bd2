"""Gaps for the short queue come by time alone: a booking ends, and the next begins later."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from bot.services.changing import changing, trying_on
from bot.services.serve_waitlist import serve, what_fits
from bot.services.site import Site
from bot.store import wait_queries


def serve_queue(site: Site, *, now: datetime) -> int:
    """Begin or offer the queue runs that a gap fits now, in their order; return how many."""
    with changing(site, now) as change:
        return sum(
            serve(change, entry) for entry in wait_queries.waiting_for_a_gap(change.connection)
        )


def gaps_have_come(site: Site, connection: Connection, now: datetime) -> bool:
    """Whether a gap fits somebody who waits for one, and may have it."""
    queued = wait_queries.waiting_for_a_gap(connection)
    if not queued:
        return False
    tried = trying_on(site, connection, now)
    return any(what_fits(tried, entry) for entry in queued)

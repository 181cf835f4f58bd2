"""Wishes that only a quota kept from what is free: time alone makes room in a quota."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection
from sqlmodel import col

from bot.domain.waitlist import EntryKind
from bot.domain.window import GRACE
from bot.services.change import OPEN_END
from bot.services.changing import changing, trying_on
from bot.services.serve_waitlist import serve_waitlist, what_fits
from bot.services.site import Site
from bot.store import models, wait_queries


def serve_again(site: Site, *, now: datetime) -> int:
    """Offer what is free to those whose quota allows it by now; return how many are served.

    Without quotas whoever waits has been offered what became free when it did.
    """
    with changing(site, now) as change:
        return serve_waitlist(change, int(change.now.timestamp()), OPEN_END)


def quotas_may_have_room(site: Site, connection: Connection, now: datetime) -> bool:
    """Whether somebody waits for what is free, and may have it by now."""
    rules, table = site.cluster.policy, models.WaitlistEntry
    if not (rules.user_quota.is_set or rules.team_quota.is_set):
        return False
    for_a_window = col(table.kind) == EntryKind.WINDOW.value
    in_time = col(table.last_start_at) >= now - GRACE
    waiting = [
        wait_queries.to_entry(r) for r in wait_queries.waiting(connection, for_a_window, in_time)
    ]
    if not waiting:
        return False
    tried = trying_on(site, connection, now)
    return any(what_fits(tried, entry) for entry in waiting)

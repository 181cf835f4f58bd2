"""Remembering requests that were refused because the GPUs were taken.

Whoever gets a "no" and goes away leaves no other trace, and is demand all the same.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select
from sqlmodel import col

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.request import BookingRequest
from bot.domain.window import Window
from bot.services.site import Site
from bot.store import models
from bot.store.errors import Busy

log = logging.getLogger(__name__)

#: Whoever asks for the same again within this time counts once.
ONCE_IN = timedelta(hours=1)


def note_refusal(site: Site, actor: Actor, request: BookingRequest, *, now: datetime) -> None:
    """Remember that `request` was refused for want of GPUs.

    A transaction of its own, after the one that failed; when the database is busy the refusal
    goes unremembered, because the asker's answer matters more.
    """
    now = now.replace(microsecond=0)
    team = policy.team_for(site.cluster, actor.name, request.team)
    shape, window = request.shape, request.window
    values = {
        "user": actor.name,
        "team": team.name,
        "gpus": shape.gpus,
        "model": site.cluster.model_asked(shape.model, shape.node),
        "node": shape.node,
        "start_at": window.start,
        "end_at": window.end,
        "priority": int(request.priority),
    }
    try:
        with site.database.snapshot() as connection:
            if _is_known(connection, values, window, now):
                return
        with site.database.transaction() as connection:
            connection.execute(insert(models.Refusal).values(at=now, **values))
    except Busy:
        log.info("the database is busy: a refusal goes unremembered")


def _is_known(
    connection: Connection, values: dict[str, object], window: Window, now: datetime
) -> bool:
    """Whether the same was refused to the same person just before.

    A request for "now" begins a little later each time it is made; it is the same all the same.
    """
    table = models.Refusal
    same = [col(getattr(table, name)) == values[name] for name in ("user", "gpus", "model", "node")]
    start, end = window.start, window.end
    statement = select(col(table.id)).where(
        col(table.at) > now - ONCE_IN,
        col(table.at) <= now,
        col(table.start_at) > start - ONCE_IN,
        col(table.start_at) < start + ONCE_IN,
        col(table.end_at) > end - ONCE_IN,
        col(table.end_at) < end + ONCE_IN,
        *same,
    )
    return connection.execute(statement.limit(1)).first() is not None

"""Booking as soon as it can be had: at the time asked for, or a bounded time later."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.actor import Actor
from bot.domain.booking import Booking
from bot.domain.conflict import Conflict
from bot.domain.request import BookingRequest
from bot.domain.window import GRACE, Window, asked_length
from bot.services.look import free_windows
from bot.services.reserve import reserve
from bot.services.site import Site

#: How often a window that was free a moment ago may be gone before this gives up.
TRIES = 5


def reserve_within(
    site: Site,
    actor: Actor,
    request: BookingRequest,
    within: timedelta,
    *,
    now: datetime,
    key: str | None = None,
) -> Booking:
    """Book what `request` asks for, or the same at the first start up to `within` after it.

    Raises the Conflict over the time asked for when there is no such start.
    """
    latest = request.window.start + within
    refused: Conflict | None = None
    for _ in range(TRIES):
        try:
            return reserve(site, actor, request, now=now, key=key)
        except Conflict as conflict:
            refused = refused or conflict
            later = _first_window(site, request, latest, now)
            if later is None:
                break
            request = replace(request, window=later)
    assert refused is not None, "only a conflict ends the loop"
    raise refused


def _first_window(
    site: Site, request: BookingRequest, latest: datetime, now: datetime
) -> Window | None:
    """The first window from the request's own start on that is free; None: none before `latest`."""
    length = asked_length(request.window, site.cluster.grid)
    found = free_windows(
        site, request.shape, length, not_before=request.window.start, now=now, limit=1
    )
    window = found[0].placement.window if found else None
    return window if window is not None and window.start <= latest + GRACE else None

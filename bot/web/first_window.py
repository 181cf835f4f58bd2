"""Which time a calendar page shows first, as far as the server can tell.

The page names the data of that time in its head, so that the browser asks for them while it still
reads the page's scripts. Scripts that want another time ask for themselves (static/store.js).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from urllib.parse import urlencode

from bot.domain.window import Window, on_wall_clock

#: Days in view, as the page has them (static/address.js).
VIEWS = {"day": 1, "week": 7, "month": 30}
#: More at both ends: days with a change of the clocks are longer, and pixels are rounded.
MARGIN = timedelta(minutes=61)
DAY = timedelta(days=1)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z")


def first_window(query: Mapping[str, str], zone: tzinfo | None, now: datetime) -> Window | None:
    """What a page with that query shows first, and a little more; None: only the browser knows.

    `zone` is the reader's; None is one that only their browser knows. `now` is aware UTC.
    """
    days, at = VIEWS.get(query.get("view", "week")), query.get("at", "")
    if days is None or "hours" in query or (at and not INSTANT.fullmatch(at)):
        return None
    try:
        start, latest = _starts(at, zone, now)
        return Window(start - MARGIN, latest + days * DAY + MARGIN)
    except (ValueError, OverflowError):
        return None


def _starts(at: str, zone: tzinfo | None, now: datetime) -> tuple[datetime, datetime]:
    """The earliest and the latest at which the view may begin."""
    if at:
        start = datetime.fromisoformat(at)
        return start, start
    if zone is None:
        return now - DAY, now
    midnight = on_wall_clock(now.astimezone(zone).date(), zone)
    return midnight, midnight


def first_data(window: Window | None) -> dict[str, object] | None:
    """For the page: the address of the window's data, and its ends in seconds since the epoch."""
    if window is None:
        return None
    start, end = (at.replace(second=0, microsecond=0) for at in (window.start, window.end))
    query = urlencode({"from": _written(start), "to": _written(end)}, safe=":")
    return {
        "url": f"/api/v1/calendar?{query}",
        "from": int(start.timestamp()),
        "to": int(end.timestamp()),
    }


def _written(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}"

"""Time zones by their names.

The standard library's, because dateutil's own differ between its versions at the hours that a
clock skips.
"""

from __future__ import annotations

from datetime import tzinfo
from zoneinfo import ZoneInfo


def zone_named(name: str) -> tzinfo | None:
    """The time zone with that IANA name; None when there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (LookupError, OSError, ValueError):
        return None

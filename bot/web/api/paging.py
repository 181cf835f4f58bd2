"""Pages of lists. A cursor names the last item of a page, so that new items shift nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query

from bot.domain.window import check_aware
from bot.web.api.schemas import LARGEST_ID
from bot.web.problems import Problem

LARGEST_PAGE = 200

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="How many items a page has.")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next` of the page before; opaque.")
]


def page(items: Sequence[Any], following: str | None) -> dict[str, Any]:
    """A page as JSON."""
    return {"items": items, "next": following}


def cursor_of(*place: object) -> str:
    """The cursor behind an item with those sort values: whole numbers and texts."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The sort values in a cursor; None for none. Raises Problem 422 when it is none of ours."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        place = None
    if not isinstance(place, list) or [type(value) for value in place] != list(kinds):
        raise _bad_cursor()
    if any(isinstance(value, int) and abs(value) > LARGEST_ID for value in place):
        raise _bad_cursor()
    return tuple(place)


def instant_place(cursor: str | None) -> tuple[datetime, int] | None:
    """The instant and the number in a cursor; None for none. Raises Problem 422."""
    place = place_of(cursor, str, int)
    if place is None:
        return None
    try:
        return check_aware(datetime.fromisoformat(place[0])), place[1]
    except (ValueError, OverflowError):
        raise _bad_cursor() from None


def _bad_cursor() -> Problem:
    return Problem(422, "bad_cursor", "Give “cursor” as “next” had it.")

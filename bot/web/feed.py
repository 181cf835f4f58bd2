"""`GET /calendar.ics?token=…`: bookings for calendar programs that subscribe (RFC 5545, RFC 7986).

The address is the secret. One that opens nothing (any more) is not found, so that nobody learns
whether it ever did.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import PlainTextResponse

from bot.services.feed import Feed, read_feed
from bot.services.site import Site
from bot.web.etags import etag_of, is_known

MEDIA_TYPE = "text/calendar; charset=utf-8"
#: Programs ask again each quarter of an hour, so a copy in between may be as old.
CACHED = "private, max-age=300"


def feed_routes(site: Site, now: Callable[[], datetime]) -> APIRouter:
    """The route, over `site`; `now` is the bot's clock, aware UTC."""
    router = APIRouter()

    @router.api_route("/calendar.ics", methods=["GET", "HEAD"], include_in_schema=False)
    def feed(
        token: Annotated[str, Query()] = "",
        if_none_match: Annotated[str, Header()] = "",
        if_modified_since: Annotated[str, Header()] = "",
    ) -> Response:
        instant = now()
        found = read_feed(site, token, now=instant)
        if found is None:
            detail = "There is no such calendar. Subscribe… in /gpu mine gives you a new address."
            return PlainTextResponse(detail, 404, {"Cache-Control": "no-store"})
        return _answer(site, found, instant, if_none_match, if_modified_since)

    return router


def _answer(site: Site, found: Feed, now: datetime, none_match: str, since: str) -> Response:
    from bot.web.feed_events import calendar_of  # noqa: PLC0415 - long to import

    content = calendar_of(site.cluster, site.address(), found, now)
    tag = etag_of(content)
    headers = {"Cache-Control": CACHED, "ETag": tag, **_last_modified(found, now)}
    if _has_it(tag, headers.get("Last-Modified", ""), none_match, since):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=MEDIA_TYPE, headers=headers)


def _last_modified(found: Feed, now: datetime) -> dict[str, str]:
    """When anything was changed last: what leaves a feed leaves no trace in it.

    Within the same second something else may change still, so that second does not count yet.
    """
    changed = found.changed_at
    if changed is None or changed >= now - timedelta(seconds=1):
        return {}
    return {"Last-Modified": format_datetime(changed.astimezone(UTC), usegmt=True)}


def _has_it(tag: str, modified: str, none_match: str, since: str) -> bool:
    """Whether the caller has this very content; a tag says more than a date (RFC 9110, 13.1.3)."""
    if none_match:
        return is_known(tag, none_match)
    if not since or not modified:
        return False
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except (ValueError, TypeError, OverflowError):
        return False

"""Addresses of the calendar page, as they stand in Slack; where need be they sign somebody in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from bot.domain.booking import booking_label
from bot.services.seals import seal, unseal
from bot.services.site import Site

#: A link from `/gpu calendar` is good for a day (the contract of sign-in).
LINK_LASTS = timedelta(days=1)


def calendar_link(
    site: Site,
    user: str,
    *,
    now: datetime,
    at: datetime | None = None,
    booking: int | None = None,
) -> str:
    """The address of the calendar for `user`, at an instant or a booking; empty: nowhere yet.

    It is for that person alone: where Slack does not say who somebody is (OpenID Connect), the
    link itself signs them in, for LINK_LASTS. Never post it where others read.
    """
    return page_link(site, user, calendar_path(at=at, booking=booking), now=now)


def page_link(site: Site, user: str, path: str, *, now: datetime) -> str:
    """The address of any of the pages for `user`, like `calendar_link`; `path` with its query."""
    address = site.address()
    if not address or site.open_id:
        return address and address + path
    query = urlencode({"link": seal_link(site, user, now=now), "next": path})
    return f"{address}/sign-in?{query}"


def calendar_path(*, at: datetime | None = None, booking: int | None = None) -> str:
    """The page's path and query: `/?at=2026-11-25T14:00:00Z&booking=B142`."""
    asked = {}
    if at is not None:
        asked["at"] = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if booking is not None:
        asked["booking"] = booking_label(booking)
    return f"/?{urlencode(asked, safe=':')}" if asked else "/"


def seal_link(site: Site, user: str, *, now: datetime) -> str:
    """What signs `user` in within LINK_LASTS."""
    return seal(site, "link", user, int((now + LINK_LASTS).timestamp()))


def open_link(site: Site, link: str, *, now: datetime) -> str | None:
    """Whom a link signs in; None when it is forged, expired, or no link."""
    match unseal(site, "link", link):
        case [str(user), int(expires)] if expires > now.timestamp():
            return user
        case _:
            return None

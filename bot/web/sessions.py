"""Who has signed in on the page: a signed cookie.

Nothing is kept on the server: what a session says is signed with the installation's secret.
Rights are never in it: they are looked up each time, so that they end when they end.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import Response

from bot.services.seals import seal, unseal
from bot.services.site import Site

COOKIE = "gpubot_session"
SESSION_LASTS = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in."""

    user: str
    expires_at: datetime
    #: What a page has to repeat with every change, which no other site can know.
    csrf: str


def new_session(user: str, *, now: datetime) -> Session:
    """A session of `user` that begins now."""
    return Session(user, now + SESSION_LASTS, secrets.token_urlsafe(16))


def seal_session(site: Site, session: Session) -> str:
    """The session as its cookie's value."""
    expires = int(session.expires_at.timestamp())
    return seal(site, "session", session.user, expires, session.csrf)


def open_session(site: Site, cookie: str, *, now: datetime) -> Session | None:
    """The session in a cookie; None when it is forged, expired, or no session."""
    match unseal(site, "session", cookie):
        case [str(user), int(expires), str(csrf)] if expires > now.timestamp():
            return Session(user, datetime.fromtimestamp(expires, UTC), csrf)
        case _:
            return None


def set_cookie(
    site: Site, response: Response, name: str, value: str, lasts: timedelta, path: str = "/"
) -> None:
    """Give the browser a cookie that scripts cannot read and other sites' requests do not carry.

    SameSite=Lax: a link from Slack still arrives signed in, a form or script elsewhere does not.
    """
    response.set_cookie(
        name,
        value,
        max_age=int(lasts.total_seconds()),
        path=path,
        secure=site.address().startswith("https:"),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(site: Site, response: Response, name: str, path: str = "/") -> None:
    """Have the browser forget a cookie of `set_cookie`."""
    secure = site.address().startswith("https:")
    response.delete_cookie(name, path=path, secure=secure, httponly=True, samesite="lax")

"""Who has signed in on the page: a signed cookie, and links that sign one person in.

Nothing is kept on the server: what a session or link says is signed with the installation's
secret. Rights are never in it: they are looked up each time, so that they end when they end.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer

from bot.services.secret import site_secret
from bot.services.site import Site

#: The fact in models.Memory that sessions and links are signed with.
SECRET = "session_secret"  # noqa: S105 - its name, not the secret
COOKIE = "gpubot_session"
SESSION_LASTS = timedelta(hours=12)
#: A link from `/gpu calendar` is good for a day (the contract of sign-in).
LINK_LASTS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in."""

    user: str
    expires_at: datetime
    #: What a page has to repeat with every change, which no other site can know.
    csrf: str


def new_session(user: str, *, now: datetime, lasts: timedelta = SESSION_LASTS) -> Session:
    """A session of `user` that begins now."""
    return Session(user, now + lasts, secrets.token_urlsafe(16))


def seal_session(site: Site, session: Session) -> str:
    """The session as its cookie's value."""
    content = [session.user, int(session.expires_at.timestamp()), session.csrf]
    return _signer(site, "session").dumps(content)


def open_session(site: Site, cookie: str, *, now: datetime) -> Session | None:
    """The session in a cookie; None when it is forged, expired, or no session."""
    try:
        user, expires, csrf = _signer(site, "session").loads(cookie)
        session = Session(str(user), datetime.fromtimestamp(int(expires), UTC), str(csrf))
    except (BadData, ValueError, TypeError, OverflowError, OSError):
        return None
    return session if session.expires_at > now else None


def seal_link(site: Site, user: str, *, now: datetime) -> str:
    """What signs `user` in within LINK_LASTS."""
    return _signer(site, "link").dumps([user, int((now + LINK_LASTS).timestamp())])


def open_link(site: Site, link: str, *, now: datetime) -> str | None:
    """Whom a link signs in; None when it is forged, expired, or no link."""
    try:
        user, expires = _signer(site, "link").loads(link)
        good = int(expires) > now.timestamp()
    except (BadData, ValueError, TypeError):
        return None
    return str(user) if good else None


def _signer(site: Site, purpose: str) -> URLSafeSerializer:
    return URLSafeSerializer(site_secret(site, SECRET), salt=f"gpubot.{purpose}")

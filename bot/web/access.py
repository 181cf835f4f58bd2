"""Who asks, and what they may: a token, somebody who signed in, or the public.

A change by somebody who signed in has to repeat their session's secret in `X-CSRF-Token`, which no
other site knows; a token is never sent by a browser on its own, so it needs none.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request

from bot import logs
from bot.domain import policy
from bot.domain.access import EVERYTHING, Scope
from bot.domain.actor import Actor
from bot.domain.cluster import Cluster
from bot.services.site import Site
from bot.services.tokens import find_token
from bot.web.problems import Problem
from bot.web.sessions import COOKIE, open_session

BEARER = "bearer "
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: How the audit names what somebody did on the page.
VIA_PAGE = "page"


@dataclass(frozen=True, slots=True)
class Viewer:
    """The one who asks. `user` None: the public."""

    user: str | None
    scopes: frozenset[Scope]
    #: A token's team: it books for no other; None: whatever its owner may.
    team: str | None = None
    via: str = ""
    #: The session's secret, for the page to repeat; empty without a session.
    csrf: str = ""

    @property
    def actor(self) -> Actor:
        """On whose behalf changes are made; only for viewers that are somebody."""
        assert self.user is not None, "the public changes nothing"
        return Actor(self.user, self.via)

    @property
    def is_on_page(self) -> bool:
        """Whether it is somebody who signed in, rather than a program or the public."""
        return self.via == VIA_PAGE

    def in_bounds(self, team: str) -> bool:
        """Whether what belongs to `team` is theirs to touch: a token may be another team's."""
        return self.team in (None, team)

    def may_change(self, cluster: Cluster, booking: policy.Owned) -> bool:
        """Whether they may change a booking, by the rules and within a token's bounds."""
        if self.user is None or not self.in_bounds(booking.team):
            return False
        return policy.may_change(cluster, self.actor, booking)


PUBLIC, NOBODY = frozenset({Scope.READ}), Viewer(None, frozenset())


class Access:
    """Tells who asks. `now` is the bot's clock, aware UTC."""

    def __init__(self, site: Site, now: Callable[[], datetime]) -> None:
        self._site, self._now = site, now

    def viewer(self, request: Request) -> Viewer:
        """Who asks. Raises Problem 401 for a token that opens nothing."""
        viewer = self._viewer(request)
        logs.note(user=viewer.user)
        return viewer

    def _viewer(self, request: Request) -> Viewer:
        secret = bearer(request)
        if secret:
            return self._by_token(secret)
        session = open_session(self._site, request.cookies.get(COOKIE, ""), now=self._now())
        if session is not None:
            return Viewer(session.user, EVERYTHING, via=VIA_PAGE, csrf=session.csrf)
        is_public = self._site.cluster.policy.public_calendar
        return Viewer(None, PUBLIC) if is_public else NOBODY

    def demand(self, request: Request, scope: Scope, *, public: bool = False) -> Viewer:
        """Who asks, if they may; `public` things are for everybody where policy says so.

        Raises Problem 401 when they have to say who they are, 403 when that is not enough.
        """
        viewer = self.viewer(request)
        if viewer.user is None and not (public and scope in viewer.scopes):
            detail = "Sign in, or give a token: Authorization: Bearer gpubot_…"
            headers = {"WWW-Authenticate": "Bearer"}
            raise Problem(401, "not_signed_in", detail, headers=headers)
        if scope not in viewer.scopes:
            raise Problem(403, "scope", f"This token lacks the scope “{scope}”.", scope=str(scope))
        if viewer.csrf and request.method not in SAFE_METHODS:
            check_csrf(viewer, request.headers.get(CSRF_HEADER, ""))
        return viewer

    def _by_token(self, secret: str) -> Viewer:
        token = find_token(self._site, secret, now=self._now())
        if token is None:
            detail = "This token is unknown, expired or revoked; /gpu token makes a new one."
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise Problem(401, "bad_token", detail, headers=headers)
        return Viewer(token.user, token.scopes, team=token.team, via=token.via)


def check_csrf(viewer: Viewer, given: str) -> None:
    """Raise Problem 403 unless `given` is the session's secret."""
    if not hmac.compare_digest(viewer.csrf.encode(), given.encode()):
        raise Problem(403, "csrf", "The page is out of date. Load it again.")


def bearer(request: Request) -> str:
    """The token in `Authorization: Bearer …`; empty for anything else."""
    given = request.headers.get("Authorization", "")
    return given[len(BEARER) :].strip() if given[: len(BEARER)].lower() == BEARER else ""

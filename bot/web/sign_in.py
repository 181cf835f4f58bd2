"""Signing in and out on the page.

With Slack (OpenID Connect) where it is configured; a link from `/gpu calendar` works in any case.
What stops what:
- A link signs nobody in by being opened: it asks *Continue as Alice*, and only the button's POST
  does it. Programs that open links in messages to look at them change nothing.
- That POST repeats a secret that the browser has as a cookie (`FORM_COOKIE`). Another site can
  send the form but has neither, so it cannot sign somebody in as whom it likes.
- `next` is a path of this page, or it is dropped: a link of ours leads nowhere else.
- Signing out repeats the session's secret, as every change does (`bot.web.access`).
- What Slack's answer has to prove: see `bot.web.open_id`.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import astuple
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from bot.domain.errors import N_
from bot.services.links import open_link
from bot.services.people import get_person
from bot.services.seals import seal, unseal
from bot.services.site import Site
from bot.web.access import Access, check_csrf
from bot.web.bodies import Body, form_fields
from bot.web.open_id_flow import Flow, ForeignWorkspace, SignInFailed
from bot.web.pages import look_of, render, translate
from bot.web.sessions import COOKIE, drop_cookie, new_session, seal_session, set_cookie

if TYPE_CHECKING:
    from bot.web.open_id import OpenId

log = logging.getLogger(__name__)

PATH = "/sign-in"
CALLBACK = f"{PATH}/callback"
FORM_COOKIE, FLOW_COOKIE = "gpubot_form", "gpubot_flow"
#: How long somebody may take over a form, or over signing in at Slack.
PATIENCE = timedelta(minutes=30)

GONE = N_("This link is not valid, or older than a day. Type /gpu calendar in Slack for a new one.")
ASK_SLACK = N_("Type /gpu calendar in Slack: the link that it answers signs you in.")
BEGIN_AGAIN = N_("This sign-in was begun in another browser, is over, or took too long.")
DENIED = N_("You did not allow it in Slack, so nobody is signed in.")
NO_ANSWER = N_("Slack did not say who you are. Try again in a moment.")
FOREIGN = N_("You signed in to another Slack workspace than the one that this calendar is of.")

Given = Annotated[str, Query()]


def sign_in_routes(
    site: Site,
    access: Access,
    now: Callable[[], datetime],
    open_id: OpenId | None,
    welcome: Callable[[str], object],
) -> APIRouter:
    """The routes. `welcome` hears who signed in, before their first page; it may take a while."""
    return _SignIn(site, access, now, open_id, welcome).router()


def own_path(asked: str) -> str:
    """Where to go afterwards: `asked` if that is a path of this page, else the calendar.

    What browsers skip or read as a slash (control characters, backslashes) is escaped first, so
    that nothing becomes another host's address in their eyes.
    """
    path = quote(asked, safe="/?&=#%:,+;@!$'()*~-._")
    is_ours = path.startswith("/") and not path.startswith(("//", PATH))
    return path if is_ours else "/"


class _SignIn:
    def __init__(
        self,
        site: Site,
        access: Access,
        now: Callable[[], datetime],
        open_id: OpenId | None,
        welcome: Callable[[str], object],
    ) -> None:
        self._site, self._access, self._now = site, access, now
        self._open_id, self._welcome = open_id, welcome

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.get(PATH)(self.begin)
        router.post(PATH)(self.by_link)
        router.get(CALLBACK)(self.from_slack)
        router.post("/sign-out")(self.sign_out)
        return router

    def begin(self, request: Request, link: Given = "", next: Given = "/") -> Response:  # noqa: A002
        """A link asks whom to continue as; without one, Slack is asked."""
        if link:
            return self._ask(request, link, own_path(next))
        if self._open_id is None:
            return self._message(request, 401, ASK_SLACK)
        url, flow = self._open_id.begin(own_path(next))
        response = _to(url)
        value = seal(self._site, "flow", *astuple(flow), self._until())
        set_cookie(self._site, response, FLOW_COOKIE, value, PATIENCE, CALLBACK)
        return response

    def by_link(self, request: Request, body: Body) -> Response:
        """*Continue as …*: sign that person in."""
        fields = form_fields(body)
        user = open_link(self._site, fields.get("link", ""), now=self._now())
        if user is None:
            return self._message(request, 403, GONE)
        if not _same(request.cookies.get(FORM_COOKIE, ""), fields.get("form", "")):
            return self._message(request, 403, BEGIN_AGAIN)
        response = self._signed_in(user, own_path(fields.get("next", "/")))
        drop_cookie(self._site, response, FORM_COOKIE, PATH)
        return response

    def from_slack(
        self, request: Request, code: Given = "", state: Given = "", error: Given = ""
    ) -> Response:
        """Slack sent the browser back."""
        response = self._finish(request, code, state, error)
        drop_cookie(self._site, response, FLOW_COOKIE, CALLBACK)
        return response

    def sign_out(self, request: Request, body: Body) -> Response:
        """Forget who it was."""
        viewer = self._access.viewer(request)
        if viewer.csrf:
            check_csrf(viewer, form_fields(body).get("csrf", ""))
        response = _to("/")
        drop_cookie(self._site, response, COOKIE)
        return response

    def _ask(self, request: Request, link: str, path: str) -> Response:
        user = open_link(self._site, link, now=self._now())
        if user is None:
            return self._message(request, 403, GONE)
        viewer = self._access.viewer(request)
        if viewer.user == user:
            return _to(path)
        person = get_person(self._site, user)
        form = secrets.token_urlsafe(16)
        response = render(
            request,
            "sign_in.html",
            viewer,
            site=self._site,
            link=link,
            next=path,
            form=form,
            name=person.name if person else user,
        )
        set_cookie(self._site, response, FORM_COOKIE, form, PATIENCE, PATH)
        return response

    def _finish(self, request: Request, code: str, state: str, error: str) -> Response:
        flow = self._flow(request)
        if self._open_id is None or flow is None or not _same(flow.state, state):
            return self._message(request, 403, BEGIN_AGAIN)
        if error or not code:
            log.info("a sign-in ended at Slack: %s", error[:80])
            is_own_will = error == "access_denied"
            return self._message(request, 403, DENIED if is_own_will else NO_ANSWER)
        try:
            user = self._open_id.finish(flow, code, now=self._now())
        except ForeignWorkspace as why:
            log.warning("a sign-in was refused: %s", why)
            return self._message(request, 403, FOREIGN)
        except SignInFailed as why:
            log.warning("a sign-in failed: %s", why)
            return self._message(request, 502, NO_ANSWER)
        return self._signed_in(user, flow.next)

    def _flow(self, request: Request) -> Flow | None:
        match unseal(self._site, "flow", request.cookies.get(FLOW_COOKIE, "")):
            case [*flow, int(until)] if until > self._now().timestamp():
                return Flow(*flow)
            case _:
                return None

    def _signed_in(self, user: str, path: str) -> Response:
        self._welcome(user)
        session = new_session(user, now=self._now())
        response = _to(path)
        value = seal_session(self._site, session)
        set_cookie(self._site, response, COOKIE, value, session.expires_at - self._now())
        return response

    def _message(self, request: Request, status: int, text: str) -> Response:
        viewer = self._access.viewer(request)
        said = translate(look_of(request, viewer, self._site))
        again = (PATH, said(N_("Sign in with Slack"))) if self._open_id else None
        return render(
            request,
            "message.html",
            viewer,
            site=self._site,
            status=status,
            title=said(N_("Sign in")),
            paragraphs=[said(text)],
            action=again,
        )

    def _until(self) -> int:
        return int((self._now() + PATIENCE).timestamp())


def _to(address: str) -> Response:
    """Go there, by GET; nobody keeps the answer."""
    return RedirectResponse(address, 303, {"Cache-Control": "no-store"})


def _same(expected: str, given: str) -> bool:
    """Whether a secret is the right one; an empty one never is."""
    return bool(expected) and hmac.compare_digest(expected.encode(), given.encode())

"""The OpenID provider over HTTP: the page with *Allow*, and what the app fetches."""

import base64
import binascii
import html
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bot.sandbox.errors import CannotSee, SlackError
from bot.sandbox.openid import Asked, OpenIdProvider
from bot.sandbox.records import Call, Json
from bot.sandbox.webapi import error_body
from bot.sandbox.workspace import Workspace

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{title}</title>
  <link rel="stylesheet" href="/static/theme.css">
  <link rel="stylesheet" href="/static/allow.css">
</head>
<body><main>{content}</main></body>
</html>
"""


class OpenIdPages:
    """The routes under Slack's own paths."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.provider = OpenIdProvider(workspace)

    def routes(self) -> list[BaseRoute]:
        """The routes; those of the Web API come before its general one."""
        return [
            Route("/openid/connect/authorize", self.authorize, methods=["GET"]),
            Route("/openid/connect/authorize", self.answer, methods=["POST"]),
            Route("/openid/connect/keys", self.keys, methods=["GET"]),
            Route("/.well-known/openid-configuration", self.configuration, methods=["GET"]),
            Route("/api/openid.connect.token", self.token, methods=["POST"]),
            Route("/api/openid.connect.userInfo", self.user_info, methods=["GET", "POST"]),
        ]

    def authorize(self, request: Request) -> Response:
        """The page that asks who it is, and whether the app may know."""
        try:
            self.provider.read(dict(request.query_params))
        except SlackError as error:
            return _refused(error)
        return _page(f"Sign in to {self._workspace.app.name}", self._question())

    async def answer(self, request: Request) -> Response:
        """*Allow* or *Cancel*: back to the app."""
        fields = dict(parse_qsl((await request.body()).decode()))
        try:
            asked = self.provider.read(dict(request.query_params))
            told = self._told(asked, fields)
        except SlackError as error:
            return _refused(error)
        except CannotSee as error:
            return _page("Sign in", f"<p>{html.escape(str(error))}</p>", 404)
        address = f"{asked.redirect_uri}?{urlencode({**told, 'state': asked.state})}"
        return RedirectResponse(address, 303)

    def keys(self, _request: Request) -> Response:
        """The keys that ID tokens are signed with."""
        return JSONResponse(self.provider.keys())

    def configuration(self, _request: Request) -> Response:
        """Where everything is."""
        return JSONResponse(self.provider.configuration())

    async def token(self, request: Request) -> Response:
        """openid.connect.token."""
        given: Json = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        given |= _basic(request.headers.get("authorization", ""))
        shown = {name: value for name, value in given.items() if name != "client_secret"}
        return await self._call("openid.connect.token", shown, lambda: self.provider.token(given))

    async def user_info(self, request: Request) -> Response:
        """openid.connect.userInfo."""
        token = request.headers.get("authorization", "").partition(" ")[2]
        return await self._call(
            "openid.connect.userInfo", {}, lambda: self.provider.user_info(token)
        )

    async def _call(self, method: str, arguments: Json, run: Callable[[], Json]) -> Response:
        """One Web API call, recorded; faults of that method hold here as well."""
        fault = self._workspace.faults.take(method)
        try:
            if fault is not None:
                raise SlackError(fault.code or fault.kind)
            result = await run_in_threadpool(run)
        except SlackError as error:
            result = error_body(error)
        self._workspace.record(Call(method, arguments, result))
        return JSONResponse(result, headers={"Cache-Control": "no-store"})

    def _told(self, asked: Asked, fields: dict[str, str]) -> Json:
        if "allow" not in fields:
            return {"error": "access_denied"}
        return {"code": self.provider.allow(asked, fields.get("user", ""))}

    def _question(self) -> str:
        app, name = html.escape(self._workspace.app.name), html.escape(self._workspace.name)
        people = "".join(
            f'<option value="{html.escape(user.id)}">{html.escape(user.real_name)}</option>'
            for user in self._workspace.users.values()
        )
        return (
            f"<h1>Sign in to {app} with {name}</h1>"
            f"<p>{app} will know who you are: your name and your picture.</p>"
            '<form method="post">'
            f'<label for="user">You are</label><select id="user" name="user">{people}</select>'
            '<div class="buttons"><button name="cancel" value="1">Cancel</button>'
            '<button name="allow" value="1" class="primary">Allow</button></div></form>'
        )


def _basic(authorization: str) -> Json:
    """The client's id and secret in a Basic authorization; empty for anything else."""
    kind, _, encoded = authorization.partition(" ")
    if kind.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return {}
    return {"client_id": unquote(client_id), "client_secret": unquote(secret)}


def _refused(error: SlackError) -> Response:
    return _page("Sign in", f"<h1>Something went wrong</h1><p>{html.escape(str(error))}</p>", 400)


def _page(title: str, content: str, status: int = 200) -> Response:
    text = _PAGE.format(title=html.escape(title), content=content)
    return HTMLResponse(text, status, headers=_HEADERS)

"""What holds for every answer and every request: security headers, and no body without a bound.

The headers are set outside of everything else, so that an error page has them too.

What stops what:
- Content-Security-Policy: a script that somebody got into a page does not run, nothing is loaded
  from or sent to another host, no other site can frame a page and have people click in it.
- X-Content-Type-Options: an upload or JSON is never taken for a script.
- Referrer-Policy: an address with a secret in it (a sign-in link, a feed) is told to no other site.
- Strict-Transport-Security, where the public address is https: nobody is led back to http.
- Cross-Origin-Opener-Policy: a page that opened ours has no hold on its window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.web.requests import Named

#: Slack's payloads are well under this; anything larger is not for us.
LARGEST_BODY = 1_000_000

CONTENT_SECURITY_POLICY = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
))  # fmt: skip

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
#: A year, as browsers' preload lists ask; subdomains may be somebody else's.
HSTS = {"Strict-Transport-Security": "max-age=31536000"}
#: FastAPI would look at each request whether somebody wants to hear of it elsewhere, and may be
#: told by the environment to send what went wrong there, in full.
NO_TELEMETRY = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def _as_bytes(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """Headers as ASGI has them, whose names are in lower case."""
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())


_HEADERS, _HSTS = _as_bytes(HEADERS), _as_bytes(HSTS)


class GuardedApp(FastAPI):
    """A FastAPI application whose every answer has the headers above, and every request an id."""

    def __init__(
        self,
        address: Callable[[], str],
        first: Callable[[ASGIApp], ASGIApp] = lambda app: app,
        *,
        title: str,
    ) -> None:
        """`address` is its own. `first` wraps FastAPI, so that it can answer before that does."""
        super().__init__(
            title=title,
            # FastAPI's own pages about the API load what is elsewhere.
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            telemetry=NO_TELEMETRY,  # type: ignore[arg-type]
        )
        self._guarded = Named(_Guard(first(super().__call__), address))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on through all of that: even answers to a crash pass it."""
        await self._guarded(scope, receive, send)


class _Guard:
    """ASGI: adds the headers that an answer lacks, and cuts bodies over LARGEST_BODY."""

    def __init__(self, app: ASGIApp, address: Callable[[], str]) -> None:
        self._app, self._address = app, address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = self._with_headers(send)
        if _announced(scope) > LARGEST_BODY:
            await PlainTextResponse("too large", 413)(scope, receive, guarded)
        else:
            await self._app(scope, _bounded(receive), guarded)

    def _with_headers(self, send: Send) -> Send:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message.get("headers", ()))
                there = {name for name, _ in headers}
                headers.extend(header for header in _HEADERS if header[0] not in there)
                if self._address().startswith("https:"):
                    headers.extend(header for header in _HSTS if header[0] not in there)
            await send(message)

        return guarded


def _announced(scope: Scope) -> int:
    """The length that the request says its body has, in bytes; 0 where it says none."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    # More digits than that are too many bytes whatever they say, and slow to read.
    return int(length[:18]) if length.isdigit() else 0


def _bounded(receive: Receive) -> Receive:
    """`receive` that raises HTTPException 413 once the body is over LARGEST_BODY."""
    read = 0

    async def bounded() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > LARGEST_BODY:
            raise HTTPException(413, "That is too large.")
        return message

    return bounded

"""What a request is called: its id stands in every line of the log about it, and in its answer."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot import logs
from bot.store.saved import one_request

log = logging.getLogger(__name__)

#: A proxy in front may have given the request an id already, so that both logs have the same.
HEADER = "X-Request-ID"
_KEY = HEADER.lower().encode()


class Named:
    """ASGI: gives each request its id, which its answer repeats."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == _KEY), b"")
        name = logs.request_id(given.decode("latin-1"))
        began, answered = time.perf_counter(), False

        async def named(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (_KEY, name.encode("latin-1"))]
                if log.isEnabledFor(logging.DEBUG):
                    _log(scope, message["status"], time.perf_counter() - began)
            await send(message)
            answered = message["type"] == "http.response.body" and not message.get("more_body")

        with one_request(), logs.about(request=name):
            try:
                await self._app(scope, receive, named)
            except Exception:
                # Answered as an incident, and logged as one.
                if not answered:
                    raise


def _log(scope: Scope, status: int, seconds: float) -> None:
    # Without what follows the path: addresses may carry what only their reader should know.
    log.debug("%s %s: %d in %.1f ms", scope["method"], scope["path"], status, seconds * 1000)

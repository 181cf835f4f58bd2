"""`POST /slack/events`: what Slack sends over HTTP, answered elsewhere.

It stands before all of FastAPI: most of what gpubot is asked comes this way, and somebody waits
for each answer. Finding the route, solving its dependencies and handing over to a thread took
longer than many an answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from slack_bolt.response import BoltResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.web.answering import THREADS, Answering, Slack
from bot.web.problems import incident, of_http

PATH = "/slack/events"


class SlackRequests:
    """ASGI: has `slack` answer what comes to PATH, and passes everything else on to `app`.

    `slack` None: everything there is refused. `at_once`: so many requests are worked at.
    """

    def __init__(self, app: ASGIApp, slack: Slack | None, at_once: int = THREADS) -> None:
        self._app = app
        self._answering = None if slack is None else Answering(slack, at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        if scope["type"] == "lifespan" and self._answering is not None:
            # It ends with the server, after the requests that were under way.
            try:
                await self._app(scope, receive, send)
            finally:
                self._answering.close()
            return
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._answered(scope, await _body(receive))
        except HTTPException as error:
            await of_http(error).response()(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - logged as an incident
            await incident("POST", PATH, error).response()(scope, receive, send)
        else:
            await _send(answer, send)

    async def _answered(self, scope: Scope, body: str) -> BoltResponse:
        if self._answering is None:
            return BoltResponse(status=401, body={"error": "no signing secret is configured"})
        query = scope["query_string"].decode("latin-1")
        return await self._answering.answer(body, query, _headers(scope))


async def _body(receive: Receive) -> str:
    """The request's body as it was sent; HTTPException 400 when it is not text."""
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    try:
        return b"".join(parts).decode()
    except UnicodeDecodeError:
        raise HTTPException(400, "The body is not text.") from None


def _headers(scope: Scope) -> Mapping[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _send(answer: BoltResponse, send: Send) -> None:
    """Send it as it is: Starlette's responses make their headers several times over."""
    body = answer.body.encode()
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, values in answer.headers.items()
        for value in values
    ]
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

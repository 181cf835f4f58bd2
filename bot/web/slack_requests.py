"""`POST /slack/events`: what Slack sends over HTTP, answered elsewhere.

It stands before FastAPI's routes: most of what gpubot is asked comes this way, and somebody waits
for each answer. Finding the route, solving its dependencies and handing over to a thread took
longer than many an answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from slack_bolt.response import BoltResponse
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.web.answering import THREADS, Answering, Slack
from bot.web.problems import of_http

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
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            answer = await self._answer(scope, receive)
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        try:
            body = await _body(receive)
        except HTTPException as error:
            return of_http(error).response()
        if self._answering is None:
            return JSONResponse({"error": "no signing secret is configured"}, 401)
        query, headers = scope["query_string"].decode("latin-1"), _headers(scope)
        return _to_response(await self._answering.answer(body, query, headers))


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


def _to_response(answer: BoltResponse) -> Response:
    response = Response(answer.body, answer.status)
    for name, values in answer.headers.items():
        for value in values:
            response.headers.append(name, value)
    return response

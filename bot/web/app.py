"""The HTTP side: Slack's requests, and how gpubot fares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from slack_bolt import App as BoltApp
from slack_bolt.request import BoltRequest
from slack_bolt.response import BoltResponse

from bot.services.site import Site
from bot.web.notice import notice_routes

#: Slack's payloads are well under this; anything larger is not Slack.
LARGEST_BODY = 1_000_000


async def read_body(request: Request) -> str:
    """The request's body as it was signed; 413 over LARGEST_BODY, 400 when it is no text."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise HTTPException(413)
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise HTTPException(400) from None


Body = Annotated[str, Depends(read_body)]


def build_web(
    bolt: BoltApp | None,
    problems: Callable[[], Sequence[str]],
    site: Site,
    now: Callable[[], datetime],
) -> FastAPI:
    """The web application.

    `bolt` answers `/slack/events`; None refuses everything there, because without a signing
    secret nothing can be proved to come from Slack. `problems` says why gpubot is not ready;
    empty when it is. `now` is the bot's clock, aware UTC.
    """
    web = FastAPI(title="gpubot", openapi_url=None, docs_url=None, redoc_url=None)
    web.include_router(notice_routes(site, now))

    # A plain function runs in FastAPI's thread pool, so requests do not queue on the event loop.
    @web.post("/slack/events")
    def slack_events(request: Request, body: Body) -> Response:
        if bolt is None:
            return JSONResponse({"error": "no signing secret is configured"}, 401)
        return _to_response(bolt.dispatch(_to_bolt(request, body)))

    @web.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @web.get("/readyz")
    def readyz() -> Response:
        found = list(problems())
        state = "not ready" if found else "ready"
        return JSONResponse({"status": state, "problems": found}, 503 if found else 200)

    return web


def _to_bolt(request: Request, body: str) -> BoltRequest:
    headers: dict[str, str | Sequence[str]] = dict(request.headers)
    return BoltRequest(body=body, query=request.url.query, headers=headers)


def _to_response(answer: BoltResponse) -> Response:
    response = Response(answer.body, answer.status)
    for name, values in answer.headers.items():
        for value in values:
            response.headers.append(name, value)
    return response

"""What the app talks to: the Web API, response URLs, uploads and Socket Mode, over HTTP."""

import asyncio
import threading

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from bot.sandbox import webapi
from bot.sandbox.errors import SlackError
from bot.sandbox.faults import Fault
from bot.sandbox.responses import respond
from bot.sandbox.socketmode import SocketMode
from bot.sandbox.workspace import Workspace

HANG_SECONDS = 60.0


class Dropped(Response):
    """No answer at all: the connection is cut."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Cut the connection under the request.

        ASGI has no word for it, so this reaches for the transport of uvicorn's request.
        """
        transport = scope["sandbox.send"].__self__.transport
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class Endpoints:
    """The routes of the app's side."""

    def __init__(self, workspace: Workspace, sockets: SocketMode) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self.stopping = threading.Event()

    def routes(self) -> list[BaseRoute]:
        """The routes, Slack's own paths."""
        return [
            Route("/api/{method}", self.web_api, methods=["GET", "POST"]),
            Route("/commands/{team}/{key}", self.response_url, methods=["POST"]),
            Route("/actions/{team}/{key}", self.response_url, methods=["POST"]),
            Route("/upload/{file_id}", self.upload, methods=["POST", "PUT"]),
            WebSocketRoute("/link/", self._sockets.serve),
        ]

    async def web_api(self, request: Request) -> Response:
        """One Web API call."""
        asked = webapi.Request(
            method=request.path_params["method"],
            authorization=request.headers.get("authorization", ""),
            content_type=request.headers.get("content-type", ""),
            query=request.url.query,
            body=await request.body(),
        )
        fault = self._workspace.faults.take(asked.method)
        if fault is not None and not fault.after_effect:
            error = "ratelimited" if fault.kind == "rate_limited" else fault.kind
            webapi.note_fault(self._workspace, asked, error)
            return await self._failure(fault)
        answer = await run_in_threadpool(webapi.call, self._workspace, asked)
        if fault is not None:
            return await self._failure(fault)
        return JSONResponse(answer.body, headers=answer.headers)

    async def response_url(self, request: Request) -> Response:
        """One post to a response_url."""
        try:
            body = await request.json()
            await run_in_threadpool(respond, self._workspace, request.path_params["key"], body)
        except SlackError as error:
            gone = error.code in ("used_url", "expired_url", "not_found")
            return JSONResponse(webapi.error_body(error), status_code=404 if gone else 400)
        except (ValueError, AttributeError):
            return PlainTextResponse("invalid_payload", status_code=400)
        return PlainTextResponse("ok")

    async def upload(self, request: Request) -> Response:
        """The bytes of an announced file."""
        content = await request.body()
        try:
            file = self._workspace.files.receive(request.path_params["file_id"], content)
        except SlackError as error:
            return PlainTextResponse(str(error), status_code=400)
        return PlainTextResponse(f"OK - {file.length}")

    async def _failure(self, fault: Fault) -> Response:
        if fault.kind == "timeout":
            await self._hang()
        if fault.kind in ("timeout", "drop_connection"):
            return Dropped()
        return _FAILURES[fault.kind](fault)

    async def _hang(self) -> None:
        """Say nothing until the faults are cleared, the server stops, or a minute passed."""
        released = self._workspace.faults.released
        for _ in range(int(HANG_SECONDS / 0.05)):
            if released.is_set() or self.stopping.is_set():
                return
            await asyncio.sleep(0.05)


def _rate_limited(fault: Fault) -> Response:
    headers = {"Retry-After": str(fault.retry_after)}
    return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers)


def _http_500(_fault: Fault) -> Response:
    return PlainTextResponse("Internal Server Error", status_code=500)


def _garbage(_fault: Fault) -> Response:
    page = "<html><body>502 Bad Gateway</body></html>"
    return Response(page, media_type="text/html")


def _error(fault: Fault) -> Response:
    return JSONResponse({"ok": False, "error": fault.code})


_FAILURES = {
    "rate_limited": _rate_limited,
    "http_500": _http_500,
    "garbage": _garbage,
    "error": _error,
}


class RememberSend:
    """ASGI middleware, the outermost: keeps the server's own `send`, for Dropped."""

    def __init__(self, app: object) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        scope["sandbox.send"] = send
        await self._app(scope, receive, send)  # type: ignore[operator]

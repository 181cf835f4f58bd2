"""`POST /slack/events`: what Slack sends over HTTP, answered elsewhere.

It stands before FastAPI's routes: most of what gpubot is asked comes this way, and somebody waits
for each answer. Finding the route, solving its dependencies and handing over to a thread took
longer than many an answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass
from queue import SimpleQueue

from slack_bolt.response import BoltResponse
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.web.problems import of_http

PATH = "/slack/events"
#: Answers a request of Slack's, given its body, query and headers; it checks the signature.
Slack = Callable[[str, str, Mapping[str, str]], BoltResponse]
#: So many requests are answered at once. Most wait for nothing but the database, and Python runs
#: one thread at a time, so that with many to choose from some would wait for long; those that ask
#: Slack for something may wait two seconds, and must not hold up the others.
THREADS = 8


class SlackRequests:
    """ASGI: has `slack` answer what comes to PATH, and passes everything else on to `app`.

    `slack` None: everything there is refused.
    """

    def __init__(self, app: ASGIApp, slack: Slack | None) -> None:
        self._app = app
        self._answering = None if slack is None else Answering(slack)

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
        return _to_response(await self._answering.answer(scope, body))


@dataclass(frozen=True, slots=True)
class _Asked:
    body: str
    query: str
    headers: Mapping[str, str]
    #: What lines of the log say of it.
    context: Context
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[BoltResponse]


class Answering:
    """`slack` on THREADS threads, all daemons: a hanging one cannot keep the program from ending.

    Threads of its own are handed a request in a tenth of the time that asyncio's or AnyIO's take.
    """

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._asked: SimpleQueue[_Asked] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    async def answer(self, scope: Scope, body: str) -> BoltResponse:
        """What is answered to the request; raises what that raises."""
        loop = asyncio.get_running_loop()
        if not self._threads:
            self._start()
        future: asyncio.Future[BoltResponse] = loop.create_future()
        query, headers = scope["query_string"].decode("latin-1"), _headers(scope)
        self._asked.put(_Asked(body, query, headers, copy_context(), loop, future))
        return await future

    def _start(self) -> None:
        self._threads = [
            threading.Thread(target=self._work, name=f"slack-{number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while True:
            asked = self._asked.get()
            try:
                answer: BoltResponse | BaseException = asked.context.run(
                    self._slack, asked.body, asked.query, asked.headers
                )
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                answer = error
            # The loop has ended when nobody waits any more.
            with suppress(RuntimeError):
                asked.loop.call_soon_threadsafe(_tell, asked.answer, answer)


def _tell(future: asyncio.Future[BoltResponse], answer: BoltResponse | BaseException) -> None:
    if future.done():
        return
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)


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

"""The threads that answer what Slack sends over HTTP."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass
from queue import SimpleQueue

from slack_bolt.response import BoltResponse

from bot.turns import Turns

#: Answers a request of Slack's, given its body, query, headers, and the seconds for which it has
#: waited to be read; it checks the signature.
Slack = Callable[[str, str, Mapping[str, str], float], BoltResponse]

#: So many requests can be under way. Some wait for an answer of Slack's, for two seconds at most,
#: and must not hold up the others.
THREADS = 8
#: Who has been at a request for so many seconds most likely waits for something.
LIKELY_WAITS_S = 0.025


@dataclass(frozen=True, slots=True)
class _Asked:
    body: str
    query: str
    headers: Mapping[str, str]
    #: In monotonic seconds.
    at: float
    #: What lines of the log say of it.
    context: Context
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[BoltResponse]


class Answering:
    """`slack` on THREADS threads, of which `at_once` work and the others wait.

    Threads of its own are handed a request in a tenth of the time that asyncio's or AnyIO's take.
    All are daemons: a hanging one cannot keep the program from ending.
    """

    def __init__(self, slack: Slack, at_once: int) -> None:
        self._slack = slack
        #: None ends a thread.
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._turns = Turns(at_once, time.monotonic)
        self._is_watching = False

    async def answer(self, body: str, query: str, headers: Mapping[str, str]) -> BoltResponse:
        """What is answered to the request; raises what that raises."""
        loop = asyncio.get_running_loop()
        if not self._threads:
            self._start()
        future: asyncio.Future[BoltResponse] = loop.create_future()
        asked = _Asked(body, query, headers, time.monotonic(), copy_context(), loop, future)
        self._asked.put(asked)
        if not self._is_watching and not self._asked.empty():
            self._watch(loop)
        return await future

    def close(self) -> None:
        """End the threads, each after what it is at; nothing is asked any more."""
        threads, self._threads = self._threads, []
        for _ in threads:
            self._asked.put(None)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let those who wait have the turns of those who take long, as long as anybody waits."""
        self._turns.pass_on_older(LIKELY_WAITS_S)
        self._is_watching = not self._asked.empty()
        if self._is_watching:
            loop.call_later(LIKELY_WAITS_S, self._watch, loop)

    def _start(self) -> None:
        self._threads = [
            threading.Thread(target=self._work, name=f"slack-{number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        turn = self._turns.of_this_thread()
        while True:
            turn.take()
            asked = self._asked.get()
            if asked is None:
                turn.pass_on()
                return
            turn.begin()
            try:
                answer: BoltResponse | BaseException = asked.context.run(self._answer, asked)
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                answer = error
            # The loop has ended when nobody waits any more.
            with suppress(RuntimeError):
                asked.loop.call_soon_threadsafe(_tell, asked.answer, answer)
            turn.end()

    def _answer(self, asked: _Asked) -> BoltResponse:
        waited_s = time.monotonic() - asked.at
        return self._slack(asked.body, asked.query, asked.headers, waited_s)


def _tell(future: asyncio.Future[BoltResponse], answer: BoltResponse | BaseException) -> None:
    if future.done():
        return
    if isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)

"""Requests to several replicas, as a load balancer sends them: to one that answers.

What cannot be answered because a replica went away is sent to another, with the same body: gpubot
knows a request that it has already carried out by its trigger.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.load import signed

#: Seconds for which a replica that did not answer is left alone, and for which an answer is
#: waited for. Slack gives up after 3.
LEFT_ALONE_S, ANSWER_S = 0.3, 20.0
#: Seconds after which there is no hope for a request.
GIVE_UP_S = 120.0

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request in the end."""

    status: int
    body: str
    #: Seconds since it was sent first, and how often it was sent.
    took_s: float
    tries: int


class Balancer:
    """Spreads requests over the replicas that listen at `ports` of this machine.

    `most` is how many are under way at once; the others wait for their turn.
    """

    def __init__(self, ports: Sequence[int], secret: str, most: int) -> None:
        self._secret = secret
        self._turn = asyncio.Semaphore(most)
        self._turns = itertools.cycle(ports)
        self._ports = len(ports)
        self._idle: dict[int, list[Streams]] = {port: [] for port in ports}
        self._away_until = dict.fromkeys(ports, 0.0)

    async def send(self, body: bytes) -> Answer:
        """Send one signed request to whoever answers. Raises TimeoutError after GIVE_UP_S."""
        began = time.monotonic()
        async with self._turn:
            return await self._answered(body, began)

    async def _answered(self, body: bytes, began: float) -> Answer:
        for tries in itertools.count(1):
            port = await self._next()
            try:
                status, text = await asyncio.wait_for(self._ask(port, body), ANSWER_S)
            except (OSError, EOFError, TimeoutError):
                self._away_until[port] = time.monotonic() + LEFT_ALONE_S
                if time.monotonic() - began > GIVE_UP_S:
                    raise TimeoutError(f"no replica answered within {GIVE_UP_S:g} s") from None
            else:
                return Answer(status, text, time.monotonic() - began, tries)
        raise AssertionError

    async def close(self) -> None:
        """Close the connections that are kept."""
        for _, writer in itertools.chain.from_iterable(self._idle.values()):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _next(self) -> int:
        while True:
            now = time.monotonic()
            for port in itertools.islice(self._turns, self._ports):
                if self._away_until[port] <= now:
                    return port
            await asyncio.sleep(0.02)

    async def _ask(self, port: int, body: bytes) -> tuple[int, str]:
        idle = self._idle[port]
        reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(signed(self._secret, body))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = head.partition("content-length:")[2].split("\r\n")[0]
            text = (await reader.readexactly(int(length or 0))).decode()
        except BaseException:
            writer.close()
            raise
        if "connection: close" in head:
            writer.close()
        else:
            idle.append((reader, writer))
        return int(head.split()[1]), text

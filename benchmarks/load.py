"""Signed slash commands over HTTP, by several clients that each wait for their answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from benchmarks.figures import Times

#: So that no two requests are the same.
TRIGGERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Load:
    """What a load led to."""

    times: Times
    per_second: float
    #: Answers that were not what was hoped for, such as that the GPUs are taken.
    others: int


def run(
    port: int,
    secret: str,
    clients: int,
    requests: int,
    command: Callable[[int], tuple[str, str]],
    wanted: str,
) -> Load:
    """Have `clients` send `requests` commands in all; `command(n)` says who sends what.

    An answer without the text `wanted` is counted among the others.
    """

    async def answered() -> Load:
        load = _Clients(secret, iter(range(requests)), command, wanted.encode())
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        for _ in range(clients):
            await loop.create_connection(lambda: _Client(load), "127.0.0.1", port)
        await load.done
        took = time.perf_counter() - began
        if load.broken:
            raise ConnectionError("the program closed a connection")
        return Load(Times(tuple(load.took)), requests / took, load.others)

    return asyncio.run(answered())


class _Clients:
    """What all clients of one load share."""

    def __init__(
        self,
        secret: str,
        numbers: Iterator[int],
        command: Callable[[int], tuple[str, str]],
        wanted: bytes,
    ) -> None:
        self.secret, self.numbers, self.command, self.wanted = secret, numbers, command, wanted
        self.took: list[float] = []
        self.others = self.connected = 0
        self.broken = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class _Client(asyncio.Protocol):
    """Sends a command, waits for its answer, and sends the next.

    A protocol, because streams take longer than some of what is measured.
    """

    def __init__(self, load: _Clients) -> None:
        self._load = load
        self._got = b""
        self._began: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._load.connected += 1
        self._send()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        assert self._began is not None
        self._load.took.append((time.perf_counter() - self._began) * 1000)
        self._load.others += b" 200 " not in head[:16] or self._load.wanted not in body
        self._got, self._began = b"", None
        self._send()

    def connection_lost(self, _error: Exception | None) -> None:
        self._load.broken |= self._began is not None
        self._load.connected -= 1
        if not self._load.connected and not self._load.done.done():
            self._load.done.set_result(None)

    def _send(self) -> None:
        number = next(self._load.numbers, None)
        if number is None:
            self._transport.close()
            return
        request = signed(self._load.secret, slash_command(*self._load.command(number)))
        self._began = time.perf_counter()
        self._transport.write(request)


def _length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next((int(value) for name, _, value in lines if name == b"content-length"), 0)


def slash_command(user: str, text: str) -> bytes:
    """The body of `/gpu text` by `user`, which is like no other body."""
    return urlencode({
        "command": "/gpu", "text": text, "user_id": user, "team_id": "T0", "channel_id": "C0",
        "trigger_id": f"{time.time_ns()}.{next(TRIGGERS)}", "api_app_id": "A0",
        "response_url": "https://hooks.slack.com/commands/T0/1/x", "user_name": "somebody",
    }).encode()  # fmt: skip


def signed(secret: str, body: bytes) -> bytes:
    """A request with that body as Slack sends it now."""
    stamp = str(int(time.time()))
    base = b"v0:" + stamp.encode() + b":" + body
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    head = (
        "POST /slack/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"X-Slack-Request-Timestamp: {stamp}\r\nX-Slack-Signature: v0={digest}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body

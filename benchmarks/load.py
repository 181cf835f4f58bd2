"""Signed slash commands over HTTP, by several clients that each wait for their answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from benchmarks.figures import Times

_TRIGGERS = itertools.count(1)


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
    return asyncio.run(_run(port, secret, clients, requests, command, wanted))


async def _run(
    port: int,
    secret: str,
    clients: int,
    requests: int,
    command: Callable[[int], tuple[str, str]],
    wanted: str,
) -> Load:
    numbers, took, others = iter(range(requests)), [], 0

    async def client() -> None:
        nonlocal others
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            request = signed(secret, *command(number))
            began = time.perf_counter()
            writer.write(request)
            status, body = await _answer(reader)
            took.append((time.perf_counter() - began) * 1000)
            others += status != 200 or wanted.encode() not in body
        writer.close()
        await writer.wait_closed()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return Load(Times(tuple(took)), requests / (time.perf_counter() - began), others)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    lengths = (line.partition(":")[2] for line in lines if line.lower().startswith("content-len"))
    return int(lines[0].split()[1]), await reader.readexactly(int(next(lengths, "0")))


def signed(secret: str, user: str, text: str) -> bytes:
    """A slash command as Slack sends it."""
    body = urlencode({
        "command": "/gpu", "text": text, "user_id": user, "team_id": "T0", "channel_id": "C0",
        "trigger_id": f"{time.time_ns()}.{next(_TRIGGERS)}", "api_app_id": "A0",
        "response_url": "https://hooks.slack.com/commands/T0/1/x", "user_name": "somebody",
    })  # fmt: skip
    stamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    head = (
        "POST /slack/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"X-Slack-Request-Timestamp: {stamp}\r\nX-Slack-Signature: v0={digest}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()

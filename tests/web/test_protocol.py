"""Requests that have no end are not read for ever, with uvloop and without."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from itertools import repeat
from urllib.parse import urlsplit

import pytest
from patience import PATIENCE_S

from bot.web.protocol import LARGEST_HEAD
from bot.web.server import WebServer
from bot.web.slack_requests import PATH, SlackRequests

BEGIN = f"POST {PATH} HTTP/1.1\r\nHost: gpu.lab\r\n".encode()
#: More than what the kernel and uvicorn take before they look at it.
MUCH = 200 * LARGEST_HEAD


async def nowhere(*_parts: object) -> None:
    """There is nothing else."""


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def address(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "asyncio":
            patch.setitem(sys.modules, "uvloop", None)  # As where there is none.
        server = WebServer(SlackRequests(nowhere, None), "127.0.0.1", 0)
        server.start()
        parts = urlsplit(server.address)
        with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=60) as first:
            first.sendall(BEGIN + b"Connection: close\r\nContent-Length: 0\r\n\r\n")
            assert first.recv(100).startswith(b"HTTP/1.1 401")
    assert parts.hostname is not None
    assert parts.port is not None
    yield parts.hostname, parts.port
    server._server.should_exit = True
    assert server._thread is not None
    server._thread.join(PATIENCE_S)


def sent_until_refused(address: tuple[str, int], begin: bytes, piece: bytes) -> int:
    """How many bytes were taken before the connection was closed; MUCH when it never was."""
    sent = 0
    with socket.create_connection(address, timeout=60) as connection:
        try:
            connection.sendall(begin)
            for _ in repeat(None, MUCH // len(piece)):
                connection.sendall(piece)
                sent += len(piece)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except ConnectionError:
            return sent
    return MUCH


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (BEGIN, b"X-More: " + b"x" * 1000 + b"\r\n"),
        (BEGIN + b"X-Long: ", b"x" * 1000),
        (b"POST /", b"x" * 1000),
        (
            BEGIN + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
            b"X-More: " + b"x" * 1000 + b"\r\n",
        ),
    ],
    ids=["headers", "one header", "an address", "headers after the body"],
)
def test_a_head_without_an_end_is_not_read_for_ever(
    address: tuple[str, int], begin: bytes, piece: bytes
) -> None:
    assert sent_until_refused(address, begin, piece) < MUCH


def test_a_body_in_many_small_pieces_is_read(address: tuple[str, int]) -> None:
    pieces = b"".join(b"40\r\n" + b"x" * 64 + b"\r\n" for _ in range(10_000))
    head = BEGIN + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(head + pieces + b"0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 401")

"""HTTP that is over in time: a call as a whole, not each part of it.

The timeouts of the standard library count from the last byte, so an answer that comes byte by byte
holds its reader for as long as it likes. Here one deadline is for everything: connecting, sending,
and reading to the end. (A name server is not asked by Python itself; it has limits of its own.)
Redirections are not followed: Slack sends none, and they would take the token with them.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from functools import cache, partial
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from io import BufferedReader, RawIOBase
from ssl import SSLContext
from typing import Any
from urllib.request import (
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)


@cache
def opener(proxy: str | None, context: SSLContext | None) -> OpenerDirector:
    """What opens addresses of HTTP and HTTPS; the `timeout` of each call is for all of it.

    Every answer is returned, whatever its status; whoever opens it closes it.
    No other proxy than `proxy` is used, whatever the environment says. `context` says whom to
    trust; None: whom the system trusts.
    """
    made = OpenerDirector()
    for handler in (
        ProxyHandler({} if proxy is None else {"http": proxy, "https": proxy}),
        _Plain(),
        _Secure(context),
        UnknownHandler(),
    ):
        made.add_handler(handler)
    return made


class _Plain(HTTPHandler):
    """HTTP by connections with a deadline."""

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_PlainConnection, req)  # type: ignore[arg-type]


class _Secure(HTTPSHandler):
    """HTTPS by connections with a deadline."""

    def __init__(self, context: SSLContext | None) -> None:
        super().__init__(context=context)
        self._trusting = context

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_SecureConnection, req, context=self._trusting)  # type: ignore[arg-type]


class _Bounded(HTTPConnection):
    """A connection for one call, which has `timeout` seconds from now."""

    def __init__(self, host: str, *, timeout: float, **more: Any) -> None:
        super().__init__(host, timeout=timeout, **more)
        until = time.monotonic() + timeout
        self._left = partial(_left, until)
        self.response_class = partial(_Answer, left=self._left)  # type: ignore[assignment]
        # HTTPConnection calls it to connect; what comes after goes on with the same deadline.
        self._create_connection = self._reach

    def _reach(
        self, address: tuple[str, int], _timeout: float, source: tuple[str, int] | None
    ) -> socket.socket:
        """A socket to the first of the host's addresses that answers."""
        failure = OSError(address[0])
        for *_, where in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
            try:
                made = socket.create_connection((str(where[0]), address[1]), self._left(), source)
            except OSError as error:
                failure = error
            else:
                made.settimeout(self._left())
                return made
        raise failure

    def connect(self) -> None:
        """Connect, and let the rest take the time that is left."""
        super().connect()
        self.sock.settimeout(self._left())


class _PlainConnection(_Bounded):
    """HTTP."""


class _SecureConnection(_Bounded, HTTPSConnection):
    """HTTPS."""


class _Answer(HTTPResponse):
    """An answer that is read until the deadline, from its first line on."""

    def __init__(self, sock: socket.socket, *, left: Callable[[], float], **more: Any) -> None:
        super().__init__(sock, **more)
        self.fp.close()
        self.fp = BufferedReader(_Received(sock, left))


class _Received(RawIOBase):
    """What a socket receives as long as there is time left."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        super().__init__()
        self._socket, self._left = sock, left
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left(until: float) -> float:
    """Seconds until then. Raises TimeoutError when there are none."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the call as a whole took too long")
    return left

"""The web server: it listens, serves, and ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import uvicorn

from bot.loopback import web_address
from bot.web.events import end_streams
from bot.web.protocol import BoundedProtocol


class WebServer:
    """uvicorn on a thread of its own, so that the main thread stays free for signals."""

    def __init__(
        self, app: Callable[..., object], host: str, port: int, grace_s: float = 1.0
    ) -> None:
        """`grace_s`: how many seconds requests have that are under way at the end."""
        self._app, self._host, self._port = app, host, port
        config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            log_config=None,
            access_log=False,
            # It says int, and waits for just this long.
            timeout_graceful_shutdown=grace_s,  # type: ignore[arg-type]
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where it listens, with the port that was taken when 0 was asked for."""
        return web_address(self._host, self._port)

    def start(self) -> None:
        """Bind and serve. Raises OSError when the port is taken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            bound = socket.create_server((self._host, self._port), family=family, backlog=128)
        except OSError as error:
            place = f"{self._host}:{self._port}"
            raise OSError(f"cannot listen at {place}: {error.strerror}") from error
        # Connections inherit it. asyncio sets it only for sockets that name their protocol; without
        # it an answer's body waits 40 ms until its head was acknowledged.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = bound.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [bound]}, name="web", daemon=True
        )
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Finish the requests that are under way, for at most `timeout` seconds."""
        end_streams(self._app)
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout)

"""Socket Mode: the connection over which Slack tells us what people do.

slack_bolt's built-in client keeps the connection and opens a new one when it breaks. Here is what
it lacks: a first connection that waits for Slack to be there, a look at whether the other side
has gone (the client notices only by unanswered pings, and spins until then), an end that lets
answers leave first, and a word about how things stand.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from contextlib import suppress

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.socket_mode.internals import build_headers, send_response
from slack_bolt.request import BoltRequest
from slack_sdk import WebClient
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot import logs
from bot.config.settings import Settings
from bot.loopback import is_loopback
from bot.slack.clients import CALL_ERRORS, background_client
from bot.slack.lateness import Lateness

log = logging.getLogger(__name__)
#: Where slack_sdk's client tells of its connection.
client_log = log.getChild("client")

#: Seconds between pings, and between looks at whether a new connection is needed. A connection
#: is given up after four unanswered ones: commands are lost for a quarter of a minute at most.
PING_S = 3
#: Seconds between looks at whether the other side has closed the connection.
LOOK_S = 1.0
#: Pauses, in seconds, between attempts to connect for the first time.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0


class SocketLink:
    """The connection to Slack of one Bolt app."""

    def __init__(self, app: App, settings: Settings) -> None:
        client = background_client(settings)
        self._handler = _Counting(app, settings.app_token, web_client=client)
        if is_loopback(settings.slack_api_url):
            self._handler.client.proxy = None
        self._stopping = threading.Event()
        #: One at a time closes the client, whose own close() is not made for two.
        self._closing = threading.Lock()
        self._starter = threading.Thread(target=self._connect, name="socket", daemon=True)

    def start(self) -> None:
        """Connect in the background, trying until Slack is there."""
        client_log.removeFilter(_nothing)
        self._starter.start()

    def problem(self) -> str | None:
        """Why nothing can arrive from Slack; None while the connection stands."""
        if self._handler.client.is_connected():
            return None
        return "Socket Mode: not connected, trying again"

    def stop(self, timeout: float) -> None:
        """Let answers leave that are being made, then close; takes at most `timeout` seconds."""
        self._stopping.set()
        deadline = time.monotonic() + timeout
        self._handler.wait_idle(timeout / 2)
        # The client's own close() waits for its threads without a bound.
        closer = threading.Thread(target=self._close, name="socket-close", daemon=True)
        closer.start()
        for thread in (closer, self._starter):
            if thread.is_alive():
                thread.join(max(deadline - time.monotonic(), 0.1))

    def _connect(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            try:
                self._handler.connect()  # type: ignore[no-untyped-call]
            except CALL_ERRORS as error:
                log.warning("Slack cannot be reached (%s); trying again in %.0f s", error, pause)
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
            else:
                self._watch()
        # A connection that was just being made was none yet when the others were closed.
        self._close()

    def _watch(self) -> None:
        """Let go of a connection that the other side has closed; the client then makes another."""
        while not self._stopping.wait(LOOK_S):
            session = self._handler.client.current_session
            if session is not None and session.sock is not None and _has_ended(session.sock):
                log.info("Slack closed the connection; connecting again")
                session.disconnect()

    def _close(self) -> None:
        """Close the client; its threads are woken first, because its close() waits for them."""
        with self._closing:
            self._close_client(self._handler.client)

    def _close_client(self, client: SocketModeClient) -> None:
        # What breaks from here on is meant to.
        client_log.addFilter(_nothing)
        client.auto_reconnect_enabled = False
        client.current_session_state.terminated = True
        session = client.current_session
        if session is not None and session.sock is not None:
            with suppress(OSError):
                session.sock.shutdown(socket.SHUT_RDWR)
        client.closed = True
        client.message_queue.put(None)
        self._handler.close()  # type: ignore[no-untyped-call]


def _nothing(_record: logging.LogRecord) -> bool:
    """Lets no line through."""
    return False


def _has_ended(sock: socket.socket) -> bool:
    """Whether the other side has closed the connection and everything it sent was read."""
    try:
        if not select.select([sock], [], [], 0)[0]:
            return False
        # The base class's recv looks below TLS, where an end is an end.
        return socket.socket.recv(sock, 1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        # The client has closed it meanwhile, or it broke: its own look will tell.
        return False


class _Arrived(str):
    """A message of Slack's, and when it came, in monotonic seconds."""

    __slots__ = ("at",)
    at: float


class _Counting(SocketModeHandler):
    """Bolt's handler, which knows how many requests are answered, and how long each has waited."""

    def __init__(self, app: App, app_token: str, *, web_client: WebClient) -> None:
        super().__init__(
            app, app_token, logger=client_log, web_client=web_client, ping_interval=PING_S
        )
        self._under_way = 0
        self._changed = threading.Condition()
        self._lateness = Lateness()
        #: When what this thread answers has come.
        self._current = threading.local()
        self.client.enqueue_message = self._enqueue  # type: ignore[method-assign]
        # It is told of a message first, by the thread that answers it next.
        self.client.message_listeners.append(self._take_up)

    def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        """Answer one request; what has waited for too long is not carried out, as over HTTP."""
        self._count(1)
        start = time.time()
        try:
            with logs.about(request=logs.request_id(req.envelope_id)):
                request = BoltRequest(
                    mode="socket_mode", body=req.payload, headers=build_headers(req)
                )
                self._lateness.mark(request, time.monotonic() - self._current.at)
                send_response(client, req, self.app.dispatch(request), start)
        finally:
            self._count(-1)

    def _enqueue(self, message: str) -> None:
        """A message came, and waits for one of the client's threads."""
        arrived = _Arrived(message)
        arrived.at = time.monotonic()
        self.client.message_queue.put(arrived)

    def _take_up(
        self, _client: BaseSocketModeClient, _message: dict[str, object], raw: str | None
    ) -> None:
        self._current.at = raw.at if isinstance(raw, _Arrived) else time.monotonic()

    def wait_idle(self, timeout: float) -> None:
        """Wait until nothing is being answered, for at most `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way == 0, timeout)

    def _count(self, change: int) -> None:
        with self._changed:
            self._under_way += change
            self._changed.notify_all()

"""Delivery to the app: one way in for commands, interactions and events, two ways out."""

import threading
from collections.abc import Sequence

from bot.sandbox import signedhttp
from bot.sandbox.acknowledgement import Ack
from bot.sandbox.records import Json
from bot.sandbox.socketmode import SocketMode
from bot.sandbox.workspace import Workspace

# Slack repeats an event that was not acknowledged at once, after a minute and after five.
EVENT_RETRIES = (0.0, 60.0, 300.0)


class Delivery:
    """Sends what happened to the app and waits for its acknowledgement.

    Args:
        ack_timeout: real seconds the app has to acknowledge; Slack gives 3.
        event_retries: real seconds before each repetition of an unacknowledged event.

    """

    def __init__(
        self,
        workspace: Workspace,
        sockets: SocketMode,
        ack_timeout: float,
        event_retries: Sequence[float] = EVENT_RETRIES,
    ) -> None:
        self.request_url: str | None = None
        self._workspace = workspace
        self._sockets = sockets
        self.ack_timeout = ack_timeout
        self.event_retries = event_retries
        self._timers: list[threading.Timer] = []
        self._stopped = False

    @property
    def connected(self) -> bool:
        """Whether the app can be reached, as far as Slack knows."""
        return self.request_url is not None or self._sockets.connected

    def deliver(self, kind: str, payload: Json) -> Ack:
        """Send a command or an interaction.

        `kind` is slash_commands or interactive. A duplicate (see faults) follows the original
        and its answer is dropped.
        """
        twice = self._workspace.faults.take_duplicate()
        ack = self.send(kind, payload, attempt=0)
        if twice:
            self.send(kind, payload, attempt=1)
        return ack

    def deliver_event(self, payload: Json) -> Ack:
        """Send an event; where the app does not acknowledge, it is repeated later."""
        ack = self.deliver("events_api", payload)
        if not ack.ok:
            self._retry_later(payload, 1, ack.error)
        return ack

    def start(self) -> None:
        """Take up work, again after a stop."""
        self._stopped = False

    def stop(self) -> None:
        """Give up all repetitions."""
        self._stopped = True
        for timer in self._timers:
            timer.cancel()
        for timer in self._timers:
            timer.join()

    def send(self, kind: str, payload: Json, attempt: int, reason: str = "http_timeout") -> Ack:
        """Send once; `attempt` counts the repetitions and is 0 for the first time."""
        if self.request_url is None:
            repeated = {"retry_attempt": attempt, "retry_reason": reason}
            extra = repeated if attempt or kind == "events_api" else None
            return self._sockets.send(kind, payload, self.ack_timeout, extra)
        retry = {"x-slack-retry-num": str(attempt), "x-slack-retry-reason": reason}
        return signedhttp.send(
            self.request_url,
            self._workspace.app.signing_secret,
            kind,
            payload,
            self.ack_timeout,
            retry if attempt else None,
        )

    def _retry_later(self, payload: Json, attempt: int, error: str | None) -> None:
        if self._stopped or attempt > len(self.event_retries):
            return
        delay = self.event_retries[attempt - 1]
        timer = threading.Timer(delay, self._retry, (payload, attempt, error))
        timer.daemon = True
        self._timers = [t for t in self._timers if t.is_alive()]
        self._timers.append(timer)
        timer.start()

    def _retry(self, payload: Json, attempt: int, error: str | None) -> None:
        reason = "http_timeout" if error == "operation_timeout" else "connection_failed"
        ack = self.send("events_api", payload, attempt, reason)
        if not ack.ok:
            self._retry_later(payload, attempt + 1, ack.error)

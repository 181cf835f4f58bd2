"""Socket Mode: the app's WebSocket connections, envelopes to them and acknowledgements back."""

import asyncio
import itertools
import json
import secrets
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NoAnswer

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.sandbox.acknowledgement import Ack
from bot.sandbox.records import Json
from bot.sandbox.workspace import Workspace


class SocketMode:
    """All connections the app holds; envelopes go to them in turn."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sockets: list[WebSocket] = []
        self._retired: list[WebSocket] = []
        self._turn = itertools.count()
        self._waiting: dict[str, Future[Json]] = {}

    @property
    def connected(self) -> bool:
        """Whether the app holds a connection."""
        return bool(self._sockets)

    async def serve(self, socket: WebSocket) -> None:
        """One connection of the app, from its handshake to its end."""
        refused = self._workspace.faults.sockets_refused
        if refused or not self._workspace.redeem_ticket(socket.query_params.get("ticket", "")):
            await socket.close()
            return
        await socket.accept()
        self._loop = asyncio.get_running_loop()
        await socket.send_json(self._hello(socket))
        self._sockets.append(socket)
        self._tell()
        while self._retired:
            await _close(self._retired.pop())
        try:
            await self._listen(socket)
        except WebSocketDisconnect:
            pass
        finally:
            if socket in self._sockets:
                self._sockets.remove(socket)
            self._tell()

    def send(self, kind: str, payload: Json, timeout: float, extra: Json | None = None) -> Ack:
        """Send one envelope and wait for its acknowledgement, `timeout` real seconds at most."""
        sockets = list(self._sockets)
        if not sockets or self._loop is None:
            return Ack.failed("dispatch_failed")
        socket = sockets[next(self._turn) % len(sockets)]
        envelope_id = secrets.token_hex(16)
        envelope = {
            "envelope_id": envelope_id,
            "type": kind,
            "accepts_response_payload": kind != "events_api",
            "payload": payload,
            **(extra or {}),
        }
        answer: Future[Json] = Future()
        self._waiting[envelope_id] = answer
        asyncio.run_coroutine_threadsafe(_send(socket, envelope), self._loop)
        try:
            return Ack.accepted(answer.result(timeout))
        except NoAnswer:
            return Ack.failed("operation_timeout")
        except CancelledError:
            return Ack.failed("dispatch_failed")
        finally:
            self._waiting.pop(envelope_id, None)

    def drop(self, *, announced: bool) -> None:
        """End every connection.

        Announced, the app is asked to come back, and the old connection is closed when the new
        one is up, as when Slack recycles one; otherwise the connections just close.
        """
        if self._loop is None:
            return
        sockets, self._sockets = self._sockets, []
        self._retired.extend(sockets if announced else [])
        self._tell()
        end = _announce if announced else _close
        for socket in sockets:
            asyncio.run_coroutine_threadsafe(end(socket), self._loop)

    def stop(self) -> None:
        """Let go of everybody who waits for an acknowledgement."""
        for answer in list(self._waiting.values()):
            answer.cancel()

    async def _listen(self, socket: WebSocket) -> None:
        while True:
            try:
                frame = json.loads(await socket.receive_text())
            except ValueError:
                continue
            answer = self._waiting.get(str(frame.get("envelope_id")))
            if answer is not None and not answer.done():
                answer.set_result(frame.get("payload") or {})

    def _hello(self, socket: WebSocket) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._sockets) + 1,
            "connection_info": {"app_id": self._workspace.app.app_id},
            "debug_info": {
                "host": socket.url.hostname,
                "build_number": 1,
                "approximate_connection_time": 3600,
            },
        }

    def _tell(self) -> None:
        self._workspace.journal.report({"type": "app", "connected": self.connected})


async def _send(socket: WebSocket, envelope: Json) -> None:
    # A connection that just ended: the envelope is lost, as with Slack.
    try:
        await socket.send_json(envelope)
    except (RuntimeError, WebSocketDisconnect):
        return


async def _announce(socket: WebSocket) -> None:
    await _send(socket, {"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})


async def _close(socket: WebSocket) -> None:
    try:
        await socket.close(code=1001, reason="dropped")
    except (RuntimeError, WebSocketDisconnect):
        return

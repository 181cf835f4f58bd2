"""What the open pages are told, as it happens."""

import asyncio
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.sandbox.journal import Change
from bot.sandbox.records import Json
from bot.sandbox.workspace import Workspace


@dataclass
class _Page:
    user: str
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[Json] = field(default_factory=asyncio.Queue)


class Live:
    """The WebSockets of the pages; each page hears what its person may know."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._pages: list[_Page] = []
        workspace.journal.listen(self._heard)
        workspace.clock.on_change(self._clock_changed)

    async def serve(self, socket: WebSocket) -> None:
        """One page, until it goes away."""
        user = socket.query_params.get("user", "")
        if user not in self._workspace.users:
            await socket.close()
            return
        await socket.accept()
        page = _Page(user, asyncio.get_running_loop())
        self._pages.append(page)
        sender = asyncio.create_task(_send_all(socket, page.queue))
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            self._pages.remove(page)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    def _heard(self, change: Change) -> None:
        for page in list(self._pages):
            if change.audience is None or page.user in change.audience:
                page.loop.call_soon_threadsafe(page.queue.put_nowait, change.event)

    def _clock_changed(self) -> None:
        self._workspace.journal.report({"type": "clock", **clock_json(self._workspace)})


def clock_json(workspace: Workspace) -> Json:
    """The workspace's time for the page."""
    now = workspace.clock.now()
    return {"now": now.isoformat(), "epoch": now.timestamp(), "speed": workspace.clock.speed}


async def _send_all(socket: WebSocket, queue: asyncio.Queue[Json]) -> None:
    while True:
        event = await queue.get()
        try:
            await socket.send_json(event)
        except (RuntimeError, WebSocketDisconnect):
            return

"""`GET /api/v1/events`: server-sent events that tell a page when and where the calendar changed.

One task of the server's event loop looks at the database, for all streams together: at once after
a commit of this process, and every few seconds for what other processes wrote. It runs only while
somebody listens. A stream costs no thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from bot.domain.access import Scope
from bot.services.changes import Changes, State, changes_since, state_now
from bot.services.site import Site
from bot.web.access import Access
from bot.web.problems import Problem

log = logging.getLogger(__name__)

#: At most so many streams at once; a browser opens one a tab. The public may have no more than its
#: share, so that strangers keep nobody out who has signed in.
MOST_STREAMS, MOST_PUBLIC = 500, 250
#: No event of ours has a number with more digits.
MOST_DIGITS = 18
#: How often the database is asked without a commit of this process, and how often a stream says
#: that it is still there, in seconds. Proxies close what is silent for a minute.
POLL_S, HEARTBEAT_S = 3.0, 15.0
#: What comes within this time after a commit is told together, in seconds.
GATHER_S = 0.1
#: A stream ends after so many seconds; the page comes back at once, if it still may.
LASTS_S = 3600.0
#: What a client waits before it comes back, in milliseconds.
RETRY_MS = 2000

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def events_routes(site: Site, access: Access) -> APIRouter:
    """The route, over `site`."""
    router, hub = APIRouter(prefix="/api/v1", tags=["calendar"]), Hub(site)
    site.database.on_commit(hub.wake)

    # A plain function, so that asking the database who this is does not hold up the event loop;
    # the stream itself then runs on the loop.
    @router.get("/events", response_class=StreamingResponse)
    def events(request: Request, last_event_id: Annotated[str, Header()] = "") -> StreamingResponse:
        """`hello` with the state now, then a `change` whenever bookings or nodes change."""
        viewer = access.demand(request, Scope.READ, public=True)
        request.app.state.event_hub = hub
        if hub.is_full(public=viewer.user is None):
            headers = {"Retry-After": "10"}
            raise Problem(
                503, "too_many_streams", "Too many pages listen; try later.", headers=headers
            )
        stream = hub.stream(state_now(site), _number(last_event_id))
        return StreamingResponse(stream, 200, HEADERS, "text/event-stream")

    return router


def _number(event_id: str) -> int | None:
    """The number in `Last-Event-ID`; None where it is none of ours."""
    is_ours = event_id.isascii() and event_id.isdigit() and len(event_id) <= MOST_DIGITS
    return int(event_id) if is_ours else None


def end_streams(web: object) -> None:
    """End the event streams of the application, so that a server that stops need not wait."""
    hub = getattr(getattr(web, "state", None), "event_hub", None)
    if isinstance(hub, Hub):
        hub.close()


@dataclass(eq=False)
class _Listener:
    """One stream: what it has not been told yet."""

    seq: int
    #: None: anything may have changed.
    nodes: frozenset[str] | None = frozenset()
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, seq: int, nodes: frozenset[str] | None) -> None:
        self.seq = seq
        self.nodes = None if self.nodes is None or nodes is None else self.nodes | nodes
        self.news.set()


class Hub:
    """Those who listen, and the one task that looks for them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._listeners: set[_Listener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        #: What the task has told of.
        self._seen = State(0, {})
        self._nodes = site.cluster.nodes
        self._closed = False

    def is_full(self, *, public: bool) -> bool:
        """Whether nobody else may listen; of the public, or at all."""
        return len(self._listeners) >= (min(MOST_PUBLIC, MOST_STREAMS) if public else MOST_STREAMS)

    def wake(self) -> None:
        """Something was committed; from any thread."""
        self._on_loop(self._woken.set)

    def close(self) -> None:
        """End all streams; from any thread."""
        self._closed = True
        self._on_loop(self._end_all)

    def _on_loop(self, call: Callable[[], Any]) -> None:
        loop = self._loop
        if loop is None or not self._listeners:
            return
        try:
            loop.call_soon_threadsafe(call)
        except RuntimeError:  # The loop ended meanwhile.
            log.debug("nobody listens any more")

    def _end_all(self) -> None:
        for listener in self._listeners:
            listener.news.set()
        if self._task is not None:
            self._task.cancel()

    async def stream(self, state: State, last: int | None) -> AsyncIterator[str]:
        """What one listener is sent; `last` is the last event that it saw before, if any."""
        listener = _Listener(state.seq)
        self._join(listener, state)
        try:
            yield f"retry: {RETRY_MS}\n\n" + event("hello", state.seq)
            if self._seen.seq > state.seq or last not in (None, state.seq):
                # What changed while it was away, or while it joined.
                yield event("change", max(state.seq, self._seen.seq))
            ends = asyncio.get_running_loop().time() + LASTS_S
            while not self._closed and asyncio.get_running_loop().time() < ends:
                try:
                    await asyncio.wait_for(listener.news.wait(), HEARTBEAT_S)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                listener.news.clear()
                if not self._closed:
                    nodes, listener.nodes = listener.nodes, frozenset()
                    yield event("change", listener.seq, nodes)
        finally:
            self._leave(listener)

    def _join(self, listener: _Listener, state: State) -> None:
        self._listeners.add(listener)
        self._loop = asyncio.get_running_loop()
        if self._task is None or self._task.done():
            self._woken.clear()
            self._seen, self._nodes = state, self._site.cluster.nodes
            self._task = self._loop.create_task(self._look(), name="event streams")

    def _leave(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look(self) -> None:
        """Tell the listeners what changes from now on."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), POLL_S)
                await asyncio.sleep(GATHER_S)
            self._woken.clear()
            try:
                found = await run_in_threadpool(changes_since, self._site, self._seen)
            except Exception:
                log.exception("event streams: the database could not be asked")
                continue
            self._tell(found)

    def _tell(self, found: Changes | None) -> None:
        """Tell the listeners what was found, and of nodes that are known by now.

        This process may learn of a node later than the database, and without a commit.
        """
        nodes = self._site.cluster.nodes
        are_others = nodes != self._nodes
        self._nodes = nodes
        if found is not None:
            self._seen = found.state
        elif not are_others:
            return
        changed = None if are_others or found is None else found.nodes
        for listener in self._listeners:
            listener.tell(self._seen.seq, changed)


def event(name: str, seq: int, nodes: Iterable[str] | None = None) -> str:
    """An event as it is sent; without `nodes`, anything may have changed."""
    data: dict[str, Any] = {"seq": seq}
    if nodes is not None:
        data["nodes"] = sorted(nodes)
    return f"id: {seq}\nevent: {name}\ndata: {json.dumps(data)}\n\n"

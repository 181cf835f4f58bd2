"""The stream of events that keeps a calendar page up to date."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import builders
import httpx
import pytest
from builders import ADMIN, BOB, NOW, actor, request
from clients import client
from patience import PATIENCE_S

from bot.domain.cluster import Node
from bot.services.changes import state_now
from bot.services.drain import drain
from bot.services.learn_nodes import learn_nodes, recall_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.web import events as events_module
from bot.web.app import build_web
from bot.web.server import WebServer
from bot.web.sessions import COOKIE, new_session, seal_session

Event = tuple[str, dict[str, object]]


class Stream:
    """The events of a stream, one after another."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()

    def line(self) -> str:
        return next(self._lines)

    def event(self) -> Event:
        """The next event's name and data; comments are passed over."""
        name = ""
        while True:
            line = self.line()
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            if line.startswith("data: "):
                return name, json.loads(line.removeprefix("data: "))

    def is_over(self) -> bool:
        return not any(self._lines)


@pytest.fixture
def public(open_site: Callable[..., Site]) -> Site:
    """A site whose calendar anybody may look at."""
    return open_site(builders.cluster(public_calendar=True))


@pytest.fixture
def server(public: Site) -> Iterator[WebServer]:
    server = WebServer(build_web(None, list, public, lambda: NOW), "127.0.0.1", 0)
    server.start()
    yield server
    server.stop(PATIENCE_S)


@contextmanager
def listening(server: WebServer, **headers: str) -> Iterator[Stream]:
    with (
        client(server.address) as browser,
        browser.stream("GET", "/api/v1/events", headers=headers) as response,
    ):
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        yield Stream(response)


def get_events(server: WebServer) -> httpx.Response:
    """A whole answer, which a stream never is."""
    with client(server.address) as browser:
        return browser.get("/api/v1/events")


def test_a_booking_is_told_with_its_nodes(public: Site, server: WebServer) -> None:
    with listening(server) as stream:
        assert stream.event() == ("hello", {"seq": 0})
        reserve(public, actor(BOB), request(2, node="gpu-03"), now=NOW)
        assert stream.event() == ("change", {"seq": 1, "nodes": ["gpu-03"]})


def test_a_booking_that_begins_is_told(public: Site, server: WebServer) -> None:
    """It gets its GPUs, although its claim stays as it was."""
    reserve(public, actor(BOB), request(2, NOW, 3 + 23 / 60, node="gpu-03"), now=NOW)
    with listening(server) as stream:
        hello = stream.event()
        assert turn_over(public, now=NOW) == 1
        assert stream.event() == ("change", {"seq": hello[1]["seq"] + 1, "nodes": ["gpu-03"]})


def test_another_process_is_heard(
    public: Site, open_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "POLL_S", 0.05)
    other = open_site(builders.cluster())
    server = WebServer(build_web(None, list, public, lambda: NOW), "127.0.0.1", 0)
    server.start()
    try:
        with listening(server) as stream:
            stream.event()
            drain(other, actor(ADMIN), "gpu-02", until=None, reason="fan", now=NOW)
            assert stream.event() == ("change", {"seq": 1, "nodes": ["gpu-02"]})
    finally:
        server.stop(PATIENCE_S)


def test_a_node_that_another_process_learnt_is_told_once_it_is_known_here(
    public: Site, open_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "POLL_S", 0.05)
    other, node = open_site(builders.cluster()), Node("gpu-04", 8, "H100")
    server = WebServer(build_web(None, list, public, lambda: NOW), "127.0.0.1", 0)
    server.start()
    try:
        with listening(server) as stream:
            stream.event()
            learn_nodes(other, (*other.cluster.nodes, node), now=NOW)
            assert stream.event() == ("change", {"seq": 0, "nodes": ["gpu-04"]})
            recall_nodes(public)
            assert stream.event() == ("change", {"seq": 0})
            recall_nodes(public)
            reserve(public, actor(BOB), request(2, node="gpu-04"), now=NOW)
            assert stream.event() == ("change", {"seq": 1, "nodes": ["gpu-04"]})
    finally:
        server.stop(PATIENCE_S)


def test_who_comes_back_is_told_that_something_changed_meanwhile(
    public: Site, server: WebServer
) -> None:
    with listening(server) as stream:
        stream.event()
    reserve(public, actor(BOB), request(2, node="gpu-03"), now=NOW)
    with listening(server, **{"Last-Event-ID": "0"}) as stream:
        assert stream.event() == ("hello", {"seq": 1})
        assert stream.event() == ("change", {"seq": 1})


def test_who_comes_back_to_the_same_is_told_nothing_else(public: Site, server: WebServer) -> None:
    with listening(server, **{"Last-Event-ID": "0"}) as stream:
        assert stream.event() == ("hello", {"seq": 0})
        reserve(public, actor(BOB), request(2, node="gpu-01"), now=NOW)
        assert stream.event() == ("change", {"seq": 1, "nodes": ["gpu-01"]})


def test_a_quiet_stream_says_that_it_is_still_there(
    public: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "HEARTBEAT_S", 0.05)
    server = WebServer(build_web(None, list, public, lambda: NOW), "127.0.0.1", 0)
    server.start()
    try:
        with listening(server) as stream:
            stream.event()
            assert ": still here" in (stream.line(), stream.line(), stream.line())
    finally:
        server.stop(PATIENCE_S)


def test_a_stopping_server_ends_its_streams(public: Site, caplog: pytest.LogCaptureFixture) -> None:
    server = WebServer(build_web(None, list, public, lambda: NOW), "127.0.0.1", 0)
    server.start()
    with listening(server) as stream:
        stream.event()
        ends = threading.Thread(target=server.stop, args=(PATIENCE_S,))
        ends.start()
        assert stream.is_over()
        ends.join(PATIENCE_S)
        assert not ends.is_alive()
    # Nothing had to be cancelled, which uvicorn would say.
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_there_are_only_so_many_streams(
    public: Site, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "MOST_STREAMS", 1)
    with listening(server) as stream:
        stream.event()
        refused = get_events(server)
        assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
        assert refused.headers["retry-after"]


def test_a_stream_that_ends_makes_room(
    public: Site, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "MOST_STREAMS", 1)
    with listening(server) as stream:
        stream.event()
    status = 503
    with client(server.address) as browser:
        while status == 503:  # the server sees the end of a connection when it looks at it next
            with browser.stream("GET", "/api/v1/events") as response:
                status = response.status_code
    assert status == 200


def test_many_streams_take_no_threads(public: Site, server: WebServer) -> None:
    with listening(server) as first:
        first.event()
        before = threading.active_count()
        with client(server.address) as browser:
            streams = [browser.stream("GET", "/api/v1/events") for _ in range(60)]
            responses = [stream.__enter__() for stream in streams]
            assert {response.status_code for response in responses} == {200}
            # More than FastAPI's pool has threads, and it still answers.
            assert browser.get("/healthz").status_code == 200
            assert threading.active_count() - before < 45
            for stream in streams:
                stream.__exit__(None, None, None)


def test_the_public_takes_no_more_than_its_share_of_them(
    public: Site, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "MOST_PUBLIC", 1)
    cookie = f"{COOKIE}={seal_session(public, new_session(BOB, now=NOW))}"
    with listening(server) as stream:
        stream.event()
        refused = get_events(server)
        assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
        with listening(server, Cookie=cookie) as other:
            assert other.event()[0] == "hello"


def test_who_reads_slowly_is_told_of_all_that_changed_meanwhile(public: Site) -> None:
    async def told() -> str:
        hub = events_module.Hub(public)
        stream = hub.stream(state_now(public), None)
        await anext(stream)
        (listener,) = hub._listeners
        for seq, node in ((1, "gpu-03"), (2, "gpu-01")):
            listener.tell(seq, frozenset({node}))
        news = await anext(stream)
        await stream.aclose()
        return news

    # On a thread of its own: where a browser was started, this one has a loop already.
    with ThreadPoolExecutor(1) as thread:
        news = thread.submit(lambda: asyncio.run(told())).result()
    assert 'data: {"seq": 2, "nodes": ["gpu-01", "gpu-03"]}' in news


@pytest.mark.parametrize("last", ["9" * 5000, "-1", "x", "1.0"])
def test_a_last_event_that_is_none_of_ours_counts_as_none(
    public: Site, server: WebServer, last: str
) -> None:
    with listening(server, **{"Last-Event-ID": last}) as stream:
        assert stream.event()[0] == "hello"
        reserve(public, actor(BOB), request(1), now=NOW)
        assert stream.event()[1]["nodes"]


def test_strangers_hear_nothing_unless_policy_says_so(site: Site) -> None:
    server = WebServer(build_web(None, list, site, lambda: NOW), "127.0.0.1", 0)
    server.start()
    try:
        answer = get_events(server)
        assert answer.status_code == 401
    finally:
        server.stop(PATIENCE_S)

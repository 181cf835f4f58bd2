"""A running workspace, a Bolt app in it, and the ways to connect the two."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from patience import PATIENCE_S
from slack_bolt import App, BoltRequest
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bot.sandbox import Sandbox, SandboxChannel, SandboxClock, SandboxUser, SandboxUsergroup

MANIFEST = Path(__file__).parents[2] / "manifest.yml"
START = datetime(2026, 11, 25, 2, 37, tzinfo=UTC)


@dataclass
class Watch:
    """Real seconds that pass only when a test says so."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def sandbox(watch: Watch) -> Iterator[Sandbox]:
    """A workspace whose clock stands at START; no event is ever repeated on its own."""
    workspace = Sandbox(
        manifest=MANIFEST,
        users=[
            SandboxUser(
                "U0ALICE",
                "alice",
                "Alice Martin",
                tz="Europe/Paris",
                locale="fr-FR",
                email="alice@example.org",
                title="vision",
            ),
            SandboxUser("U0BOB", "bob", "Bob Li", tz="Asia/Shanghai"),
        ],
        channels=[
            SandboxChannel("C0VISION", "vision", members=["U0ALICE", "U0BOB"], topic="GPUs"),
            SandboxChannel("C0OPEN", "open", members=["U0BOB"], bot_member=False),
            SandboxChannel("G0SECRET", "secret", members=["U0BOB"], private=True),
            SandboxChannel("G0CLOSED", "closed", members=["U0BOB"], private=True, bot_member=False),
        ],
        usergroups=[SandboxUsergroup("S0VISION", "visionaries", "Vision", ["U0ALICE"])],
        clock=SandboxClock(START, speed=0),
        workspace_name="Vision Lab",
        team_id="T0LAB",
        monotonic=watch,
        trigger_lifetime=3,
        ack_timeout=PATIENCE_S,
        event_retries=(),
    )
    with workspace:
        yield workspace


@pytest.fixture
def client(sandbox: Sandbox) -> WebClient:
    return WebClient(token=sandbox.bot_token, base_url=sandbox.api_url, timeout=PATIENCE_S)


@pytest.fixture
def app(sandbox: Sandbox, client: WebClient) -> App:
    """A Bolt app without listeners; not connected yet."""
    return App(client=client, signing_secret=sandbox.signing_secret)


@pytest.fixture
def by_socket(sandbox: Sandbox, app: App) -> Iterator[SocketModeHandler]:
    """The app, connected by Socket Mode with the client Bolt brings along."""
    handler = SocketModeHandler(app, sandbox.app_token, ping_interval=0.5)
    handler.connect()
    sandbox.wait_for(lambda: sandbox.connected)
    yield handler
    # The workspace first: the client waits for its socket, and a second for its empty queue.
    sandbox.stop()
    handler.client.message_processor.event.set()
    handler.client.message_queue.put(None)
    handler.close()


@pytest.fixture
def by_http(sandbox: Sandbox, app: App) -> Iterator[ThreadingHTTPServer]:
    """The app behind a signed request URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(app))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    sandbox.request_url = f"http://127.0.0.1:{server.server_port}/slack/events"
    yield server
    sandbox.request_url = None
    server.shutdown()
    server.server_close()
    thread.join()


def _handler_of(app: App) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = app.dispatch(BoltRequest(body=body, headers=headers))
            self.send_response(answer.status)
            for name, values in answer.headers.items():
                self.send_header(name, values[0])
            self.end_headers()
            self.wfile.write(answer.body.encode())

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    return Handler

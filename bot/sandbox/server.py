"""The server of the embedded workspace: one object to start and stop."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

import uvicorn
from starlette.applications import Starlette

from bot.sandbox.acting import Acting
from bot.sandbox.clock import SandboxClock
from bot.sandbox.delivery import EVENT_RETRIES, Delivery
from bot.sandbox.endpoints import Endpoints, RememberSend
from bot.sandbox.faults import Faults
from bot.sandbox.guard import LoopbackOnly
from bot.sandbox.installation import read_manifest
from bot.sandbox.live import Live
from bot.sandbox.openid import OpenIdProvider
from bot.sandbox.openid_pages import OpenIdPages
from bot.sandbox.records import SandboxChannel, SandboxUser, SandboxUsergroup
from bot.sandbox.socketmode import SocketMode
from bot.sandbox.ui import Ui
from bot.sandbox.workspace import Workspace

START_SECONDS = 10.0


class Sandbox(Acting):
    """A Slack workspace on this machine, with the app of a manifest installed.

    Args:
        manifest: the app's manifest; its scopes and commands are the ones in force.
        monotonic: real seconds, for trigger ids and response URLs; tests pass their own.
        trigger_lifetime: real seconds a trigger id is good for; None: `ack_timeout`, as at Slack.
        ack_timeout: real seconds the app has to acknowledge.
        event_retries: real seconds before each repetition of an unacknowledged event.

    """

    def __init__(
        self,
        *,
        manifest: Path,
        users: Iterable[SandboxUser],
        channels: Iterable[SandboxChannel],
        usergroups: Iterable[SandboxUsergroup] = (),
        clock: SandboxClock | None = None,
        workspace_name: str = "Sandbox",
        team_id: str = "T0SANDBOX",
        monotonic: Callable[[], float] = time.monotonic,
        trigger_lifetime: float | None = None,
        ack_timeout: float = 3.0,
        event_retries: Iterable[float] = EVENT_RETRIES,
    ) -> None:
        self.clock = clock or SandboxClock()
        self.workspace = Workspace(
            app=read_manifest(manifest),
            users=users,
            channels=channels,
            usergroups=usergroups,
            clock=self.clock,
            name=workspace_name,
            team_id=team_id,
            monotonic=monotonic,
            trigger_lifetime=ack_timeout if trigger_lifetime is None else trigger_lifetime,
        )
        self._sockets = SocketMode(self.workspace)
        self.delivery = Delivery(self.workspace, self._sockets, ack_timeout, tuple(event_retries))
        self._endpoints = Endpoints(self.workspace, self._sockets)
        self._live = Live(self.workspace)
        self._openid = OpenIdPages(self.workspace)
        self._server: _Server | None = None
        self.workspace.faults.on_drop(self._sockets.drop)

    def start(self, port: int = 0) -> Self:
        """Listen on 127.0.0.1; port 0 takes a free one. Returns when requests are answered.

        After a stop it may start again, with all that was there. Raises OSError where the port
        is taken.
        """
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            raise
        self._endpoints.stopping.clear()
        self.delivery.start()
        self.workspace.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._server = _Server(self._application(), listener)
        self._server.start()
        return self

    def stop(self) -> None:
        """End all connections and threads; may be called twice."""
        self._endpoints.stopping.set()
        self.delivery.stop()
        self._sockets.stop()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        return self.start() if self._server is None else self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the page is: http://127.0.0.1:PORT."""
        return self.workspace.base_url

    @property
    def api_url(self) -> str:
        """The base of the Web API, for SLACK_API_URL."""
        return f"{self.workspace.base_url}/api/"

    @property
    def bot_token(self) -> str:
        """The bot's token."""
        return self.workspace.app.bot_token

    @property
    def app_token(self) -> str:
        """The app-level token, for Socket Mode."""
        return self.workspace.app.app_token

    @property
    def signing_secret(self) -> str:
        """What signs HTTP deliveries."""
        return self.workspace.app.signing_secret

    @property
    def client_id(self) -> str:
        """The app's client id, for *Sign in with Slack*."""
        return self.workspace.app.client_id

    @property
    def client_secret(self) -> str:
        """The secret to the client id."""
        return self.workspace.app.client_secret

    @property
    def openid(self) -> OpenIdProvider:
        """*Sign in with Slack*, as far as it is not a page."""
        return self._openid.provider

    def allow_redirect(self, url: str) -> None:
        """Let *Sign in with Slack* send people back to an address, as the app's settings do."""
        self.workspace.app.redirect_urls.add(url)

    @property
    def bot_user_id(self) -> str:
        """The bot's user id."""
        return self.workspace.app.bot_user_id

    @property
    def scopes(self) -> set[str]:
        """The scopes the app was granted; may be changed at any time."""
        return self.workspace.app.scopes

    @property
    def faults(self) -> Faults:
        """Faults on demand."""
        return self.workspace.faults

    @property
    def connected(self) -> bool:
        """Whether the app can be reached."""
        return self.delivery.connected

    @property
    def request_url(self) -> str | None:
        """Where signed HTTP requests go; None delivers by Socket Mode."""
        return self.delivery.request_url

    @request_url.setter
    def request_url(self, url: str | None) -> None:
        self.delivery.request_url = url
        self.workspace.journal.report({"type": "app", "connected": self.connected})

    def hide_user(self, user: str) -> None:
        """Let users.info no longer know a person."""
        self.workspace.unreadable.add(user)

    def _application(self) -> LoopbackOnly:
        ui = Ui(self.workspace, self.delivery, self._live)
        routes = [*self._openid.routes(), *self._endpoints.routes(), *ui.routes()]
        return LoopbackOnly(RememberSend(Starlette(routes=routes)))


class _Server(uvicorn.Server):
    """uvicorn in a thread of its own, with its own event loop."""

    def __init__(self, application: LoopbackOnly, listener: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                ws="websockets-sansio",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=2,
            )
        )
        self._listener = listener
        self._ready = threading.Event()
        self._ending: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve_here, name="sandbox")

    def start(self) -> None:
        """Serve; returns when requests are answered."""
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise TimeoutError("the sandbox did not start")

    def stop(self) -> None:
        """End the server and its thread."""
        if self._loop is not None and self._ending is not None:
            self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()
        self._listener.close()

    def _serve_here(self) -> None:
        self.run(sockets=[self._listener])

    async def main_loop(self) -> None:
        """Wait for the end; uvicorn would look for it ten times a second."""
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        await self.on_tick(0)
        self._ready.set()
        await self._ending.wait()

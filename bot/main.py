"""The composition root: everything that runs is put together here, started and ended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from socket import gethostname
from typing import TYPE_CHECKING

from fastapi import FastAPI
from prometheus_client.metrics_core import Metric
from slack_bolt import App
from slack_sdk import WebClient

from bot import turns
from bot.around import Around
from bot.clock import Clock, SystemClock
from bot.clock_watch import ClockWatch
from bot.config.edges import Edges
from bot.config.fingerprint import fingerprints
from bot.config.settings import Settings
from bot.domain.cluster import Cluster
from bot.readiness import Readiness
from bot.services import receipts
from bot.services.audit_watch import AuditWatch
from bot.services.clock_notes import ClockNotes
from bot.services.delivery import Delivery
from bot.services.digest import write_digests
from bot.services.forget_sent import forget_sent
from bot.services.keep_time import keep_time
from bot.services.nodes import sync_nodes
from bot.services.only_process import OnlyProcess
from bot.services.recover import AWAY, note_alive, recover
from bot.services.replicas import Replica, forget_replicas
from bot.services.site import Site
from bot.slack import announcements, calendar_picture, home
from bot.slack.answers import Answers
from bot.slack.app import Listeners, build_app
from bot.slack.clients import background_client, interactive_client
from bot.slack.context import Message, Picture, View
from bot.slack.homes import Homes
from bot.slack.incoming import Incoming
from bot.slack.outbox import PACE, Deliverer
from bot.slack.pictures import Pictures
from bot.slack.probe import Probe
from bot.slack.profiles import Profiles
from bot.slack.reader import Reader
from bot.slack.socket import SocketLink
from bot.slack.workers import Workers
from bot.starting import as_soon_as_possible
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.ticks.claims import Claims
from bot.ticks.scheduler import Tick, Ticks
from bot.warming import warm_up_when_ready
from bot.web.answering import Slack
from bot.web.app import build_web
from bot.web.metrics import Metrics, Sources, TickFigures
from bot.web.own_metrics import audit_metrics, clock_metrics, disk_metrics
from bot.web.server import WebServer
from bot.web.sign_in import CALLBACK

if TYPE_CHECKING:
    from bot.web.open_id import OpenId

log = logging.getLogger(__name__)

#: Seconds for each part of a clean end: what Slack has asked, by Socket Mode or the web side,
#: ticks, replies, outbox. Together they stay under ten: whoever sent SIGTERM may send SIGKILL then
#: (design, section 3: "Process").
STOP_SOCKET_S, STOP_WEB_S, STOP_TICKS_S = 2.0, 1.5, 1.5
STOP_REPLIES_S, STOP_OUTBOX_S = 1.5, 2.5
#: Instead of the first two where Slack asks by HTTP: it waits 3 s for an answer.
STOP_HTTP_S = 3.0
#: Seconds less for the requests that are under way, so that the server ends by itself.
STOP_MARGIN_S = 0.4
#: How many profiles are read by one tick; users.info allows about 100 a minute.
PROFILES_AT_ONCE = 10


class Bot:
    """One running gpubot: Slack, scheduler and web over one site."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        clock: Clock | None = None,
        *,
        edges: Edges | None = None,
        pace: timedelta = PACE,
        watch: ClockWatch | None = None,
    ) -> None:
        """`clock` None is the machine's; `pace` is the least time between posts to a channel.

        `watch` tells whether the clock can be believed. None: the machine's is watched, and one
        that somebody moves on purpose is not.

        `edges` are the servers around the cluster; None: there are none.
        """
        self.settings = settings
        self._edges = edges or Edges()
        self._watch = watch or (ClockWatch(SystemClock()) if clock is None else None)
        self.clock: Clock = self._watch or clock or SystemClock()
        #: The real time; a clock that is moved on purpose does not tell it.
        self._wall = (SystemClock() if clock else self.clock).now
        self._signed_by = time.time if clock else lambda: self.clock.now().timestamp()
        self.site = self._open_site(cluster)
        interactive, background = interactive_client(settings), background_client(settings)
        self._claims = Claims(self.site, self._wall)
        self._around = Around(self.site, self._edges, settings, background, self._now, self._claims)
        as_soon_as_possible(lambda: sync_nodes(self.site, now=self._now()))
        as_soon_as_possible(lambda: recover(self.site, now=self._now()))
        as_soon_as_possible(self._around.settle_unwatched)
        #: When it was last noted that gpubot is alive, by the bot's clock.
        self._alive_at = self._now()
        self._stopping = threading.Event()
        self._workers = Workers("replies", threads=4, capacity=200)
        self._profiles = Profiles(self.site, interactive, self.clock)
        pictures = Pictures(background)
        self._homes = self._homes_with(background, pictures)
        self._deliverer = self._deliver_with(background, pace, pictures)
        self._audit = AuditWatch(self.site)
        self._alone = OnlyProcess(self.site) if self.site.database.is_of_one_process else None
        self._metrics = Metrics(self.site, self._now, self._sources())
        app = build_app(settings, self._listeners(Answers(interactive, self._workers, pictures)))
        self._socket = SocketLink(app, settings) if settings.socket_mode else None
        self._probe = Probe(background, heard=self._watch.hear if self._watch else None)
        self._due = self._due_by_the_clock()
        self._ticks = Ticks(self._table())
        self._stop_web_s = STOP_WEB_S if self._socket else STOP_HTTP_S
        self._app = self._web_side(app)
        self._web = self._web_server()

    @property
    def address(self) -> str:
        """Where the web side listens; known once it has started."""
        return self._web.address

    def start(self, when_warm: Callable[[], object] | None = None) -> None:
        """Start everything. Raises OSError when the web side's port is taken.

        Slack may be away: gpubot starts all the same, and connects when Slack is back. Call
        `when_warm` when everything has been made that is kept from then on.
        """
        self._web.start()
        self._workers.start()
        warm = partial(warm_up_when_ready, self._app, self.problems, self._stopping, when_warm)
        self._workers.submit(warm)
        self._deliverer.start()
        self._ticks.start()
        if self._socket is not None:
            self._socket.start()
        mode = "Socket Mode" if self._socket else "HTTP"
        log.info("gpubot runs at %s, with Slack over %s", self.address, mode)

    def stop(self) -> None:
        """End cleanly: no new requests, answers leave, rows not delivered stay for next time."""
        self._stopping.set()
        if self._socket is not None:
            self._socket.stop(STOP_SOCKET_S)
        self._web.stop(self._stop_web_s)
        self._ticks.stop(STOP_TICKS_S)
        self._claims.close()
        self._workers.stop(STOP_REPLIES_S)
        self._deliverer.stop(STOP_OUTBOX_S)
        self._around.close()
        self.site.database.close()
        log.info("gpubot has ended")

    def run_ticks(self) -> None:
        """Do now what is due by the bot's clock, for a clock that moves faster than the ticks."""
        # It was moved on purpose, and nobody was away.
        self._alive_at = self._now()
        for tick in self._due:
            self._ticks.run(tick)

    def deliver(self, timeout: float) -> bool:
        """Wait, at most `timeout` seconds, until Slack has what it takes now; whether it has."""
        return self._deliverer.wait_until_idle(timeout)

    def set_pace(self, pace: timedelta) -> None:
        """Leave at least `pace` of real time between posts to a channel from now on."""
        self._deliverer.pace = pace
        self._deliverer.wake()

    def problems(self) -> list[str]:
        """Why gpubot is not ready to serve; empty when it is."""
        return self._readiness.problems()

    @property
    def _readiness(self) -> Readiness:
        return Readiness(
            self.site.database, self._probe, self._ticks, self._socket, self._watch, self._alone,
            self._stopping,
        )  # fmt: skip

    def _open_site(self, cluster: Cluster) -> Site:
        url = self.settings.database_url
        upgrade(url)
        database = Database(url)
        # Who waits for the disk lets others work.
        database.before_waiting(turns.pass_on)
        return Site.open(database, cluster, self._public_address, open_id=self.settings.open_id)

    def _web_server(self) -> WebServer:
        wait_s = self._stop_web_s - STOP_MARGIN_S
        return WebServer(self._app, self.settings.host, self.settings.port, wait_s)

    def _homes_with(self, client: WebClient, pictures: Pictures) -> Homes:
        return Homes(
            self.site, self.clock, client, self._profiles, self._workers, self._draw_home,
            pictures, self._picture_at_home,
        )  # fmt: skip

    def _deliver_with(self, client: WebClient, pace: timedelta, pictures: Pictures) -> Deliverer:
        """Who brings messages to Slack; each commit wakes it."""
        made = Deliverer(
            self.site, client, self._render, self.clock, wall=self._wall, pace=pace,
            pictures=pictures,
        )  # fmt: skip
        self.site.database.on_commit(made.wake)
        return made

    def _listeners(self, answers: Answers) -> Listeners:
        return Listeners(
            self.site, self.clock, self._profiles, answers, self._homes.opened,
            self._metrics.decided,
        )  # fmt: skip

    def _due_by_the_clock(self) -> tuple[Tick, ...]:
        """What becomes due by the bot's clock, in the order in which it happens at one instant."""
        ticks = (
            _tick("due", 5, self._keep_time),
            *self._around.due(),
            _tick("digests", 60, lambda: write_digests(self.site, now=self._now())),
        )
        return tuple(map(self._believing_the_clock, ticks))

    def _table(self) -> tuple[Tick, ...]:
        """Everything that runs again and again. What is due is done within 15 s (design, 4)."""
        by_the_clock = (
            _tick("alive", 30, self._note_alive),
            _tick("receipts", 3600, self._forget),
            _tick("sent", 3600, lambda: forget_sent(self.site, now=self._now())),
            *self._around.ticks(),
        )
        return (
            _tick("outbox", 5, self._deliverer.wake),
            *self._due,
            _tick("homes", 3, self._homes.refresh),
            self._claims.shared(_tick("slots", 5, self._homes.new_slot)),
            self._claims.shared(_tick("profiles", 30, self._refresh_profiles)),
            _tick("slack", 30, self._probe.look),
            *self._told_of_the_clock(),
            _tick("audit", 60, self._look_at_audit),
            *map(self._believing_the_clock, by_the_clock),
            *([_tick("alone", 60, self._alone.look)] if self._alone else ()),
            *self._claims.ticks(),
            *self._claims.presence(Replica(gethostname(), *fingerprints(self.settings)).claim),
        )

    def _told_of_the_clock(self) -> Iterator[Tick]:
        if (watch := self._watch) is not None:
            notes = ClockNotes(self.site, watch.jumped, self._now, self._wall)
            yield from (_tick("clock", 20, notes.look), _tick("clocks", 3600, notes.look_at_others))

    def _look_at_audit(self) -> None:
        """All processes tell what was found, and one looks."""
        walks = self._claims.has("audit", timedelta(seconds=60))
        self._audit.look(now=self._now(), walks=walks)

    def _believing_the_clock(self, tick: Tick) -> Tick:
        """The same, but for times in which the clock cannot be believed."""
        watch = self._watch
        if watch is None:
            return tick
        return replace(tick, run=lambda: None if watch.is_in_doubt() else tick.run())

    def _forget(self) -> None:
        receipts.forget(self.site, now=self._now())
        forget_replicas(self.site, wall=self._wall())

    def _keep_time(self) -> None:
        """Do what is due; before that, those who could not be served get their time again."""
        if self._now() - self._alive_at >= AWAY:
            self._note_alive()
        keep_time(self.site, now=self._now())

    def _note_alive(self) -> None:
        """Remember that gpubot is there, after a time in which it was not: the database was away.

        Also after one that is missing because the clock was set forward.
        """
        now = self._now()
        if now - self._alive_at >= AWAY:
            recover(self.site, now=now)
        else:
            note_alive(self.site, now=now)
        self._alive_at = now

    def _sources(self) -> Sources:
        """What `/metrics` tells besides what stands in the tables."""
        return Sources(
            ticks=lambda: [
                TickFigures(tick.name, tick.lag_s, tick.failures) for tick in self._ticks.states()
            ],
            connected=lambda: self._readiness.slack_problem() is None,
            monitored=self._around.monitored,
            more=(
                lambda: audit_metrics(self._audit.is_whole),
                disk_metrics(self._around.places()),
                *self._clock_metrics(),
                *self._around.metrics(),
            ),
        )

    def _clock_metrics(self) -> Iterator[Callable[[], Iterable[Metric]]]:
        if (watch := self._watch) is not None:
            yield lambda: clock_metrics(watch.jump().total_seconds(), watch.off_s())

    def _now(self) -> datetime:
        return self.clock.now().replace(microsecond=0)

    def _public_address(self) -> str:
        return self.settings.base_url or self.address

    def _web_side(self, app: App) -> FastAPI:
        return build_web(
            self._incoming(app),
            self.problems,
            self.site,
            self._now,
            of_replica=self._readiness.of_replica,
            open_id=self._open_id(),
            github_secret=self.settings.github_secret,
            alerts_token=self.settings.alerts_token,
            node_label=self._around.node_label,
            metrics=self._metrics,
            welcome=self._profiles.reader,
            logs=self._around.logs,
        )

    def _incoming(self, app: App) -> Slack | None:
        secret = self.settings.signing_secret
        return Incoming(app, secret, self._signed_by).answer if secret else None

    def _open_id(self) -> OpenId | None:
        settings = self.settings
        if not settings.open_id:
            return None
        from bot.web.open_id import OpenId  # noqa: PLC0415 - long to import, seldom configured

        return OpenId(
            settings.client_id,
            settings.client_secret,
            settings.slack_api_url,
            redirect=lambda: self.site.address() + CALLBACK,
            team=self._probe.team,
        )

    def _refresh_profiles(self) -> None:
        cluster = self.site.cluster
        users = cluster.admins.union(*(team.members | team.leads for team in cluster.teams))
        self._profiles.refresh(users, limit=PROFILES_AT_ONCE)

    def _draw_home(self, reader: Reader) -> View:
        return home.home_view(self.site, reader, self._now())

    def _picture_at_home(self, reader: Reader) -> Picture:
        now = self._now()
        day = calendar_picture.day_from(self.site, now)
        return calendar_picture.calendar_picture(self.site, reader, day, now=now, compact=True)

    def _render(self, row: Delivery, now: datetime) -> Message | None:
        is_person = row.recipient.startswith(("U", "W"))
        reader = self._profiles.reader(row.recipient) if is_person else None
        return announcements.render(row.topic, row, self.site, now, reader)


def _tick(name: str, seconds: int, run: Callable[[], object]) -> Tick:
    return Tick(name, timedelta(seconds=seconds), run)

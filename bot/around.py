"""The servers around a cluster, as far as the configuration names any: asked by ticks of their own.

Directories say who is who, Prometheus says what the GPUs do, a runner runs the work of bookings,
and Kubernetes may say which nodes there are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client.metrics_core import Metric
from slack_sdk import WebClient

from bot.config.edges import Edges
from bot.config.settings import Settings
from bot.domain.membership import Configured
from bot.monitoring.prometheus import Prometheus
from bot.running import make_running
from bot.services.follow_run import leave_all
from bot.services.gpu_activity import forget_nodes
from bot.services.gpu_watch import is_up
from bot.services.learn_nodes import recall_nodes
from bot.services.site import Site
from bot.services.unwatched import settle_unwatched
from bot.ticks.claims import Claims
from bot.ticks.cluster_nodes import ClusterNodes
from bot.ticks.directory import Directories
from bot.ticks.monitoring import watch_gpus
from bot.ticks.runs import drop_copies
from bot.ticks.scheduler import Tick
from bot.web.run_logs import ShownLogs
from bot.web.runner_metrics import runner_metrics

log = logging.getLogger(__name__)

#: How often runs are brought to what is wanted, and nodes are looked at.
RUNS_EVERY, NODES_EVERY = timedelta(seconds=5), timedelta(seconds=20)
#: How often the servers' own scheduler is told what is booked.
HOLDS_EVERY = timedelta(minutes=1)
LOGS_EXPIRE_EVERY = timedelta(hours=1)
#: How often runs are given up where nothing runs them.
LEFT_EVERY = timedelta(minutes=1)


class Around:
    """What stands around one site. Making it asks no server yet."""

    def __init__(
        self,
        site: Site,
        edges: Edges,
        settings: Settings,
        client: WebClient,
        now: Callable[[], datetime],
        claims: Claims,
    ) -> None:
        """`client` asks Slack about its user groups; `now` is the bot's clock, aware UTC.

        `claims` say which of several processes asks the servers.
        """
        self._site, self._edges, self._now = site, edges, now
        self._claims = claims
        self._directories = Directories(
            site,
            Configured(site.cluster, edges.directories.grants),
            edges.directories,
            client,
            settings.ldap_password,
            now,
            claims.has,
        )
        self._directories.adopt()
        self._running = make_running(site, edges, now)
        self._nodes = self._cluster_nodes()
        self._prometheus = self._open_prometheus(settings.prometheus_token)

    @property
    def logs(self) -> ShownLogs | None:
        """What runs have written; None: nothing is ever run."""
        return None if self._running is None else self._running.logs

    @property
    def node_label(self) -> str:
        """The label that names nodes in metrics and alerts; empty: the usual ones do."""
        return "" if self._edges.monitoring is None else self._edges.monitoring.node_label

    @property
    def monitored(self) -> Callable[[], bool] | None:
        """Whether the GPUs can be seen now; None: nobody looks at them."""
        monitoring = self._edges.monitoring
        if monitoring is None:
            return None
        return lambda: is_up(self._site, monitoring.interval, now=self._now())

    def metrics(self) -> Sequence[Callable[[], Iterable[Metric]]]:
        """What `/metrics` tells of it."""
        if self._running is None:
            return ()
        name = self._running.runner.name
        return (lambda: runner_metrics(self._site, name),)

    def places(self) -> dict[str, Path]:
        """The folders that gpubot writes to, by what it keeps there."""
        found = {} if self._edges.logs.s3 else {"logs": self._edges.logs.folder}
        file = self._site.database.engine.url.database
        if self._site.database.backend == "sqlite" and file:
            found["database"] = Path(file).absolute().parent
        if self._running is not None:
            found["runs"] = self._edges.runner.folder
        return found

    def due(self) -> tuple[Tick, ...]:
        """What follows the bot's clock, after the bookings themselves."""
        if self._running is None:
            return ()
        return (self._claims.shared(Tick("runs", RUNS_EVERY, self._running.keeper.tick)),)

    def ticks(self) -> tuple[Tick, ...]:
        """What is asked again and again."""
        return (
            *self._directories.ticks(),
            *self._looks_at_gpus(),
            *self._looks_at_nodes(),
            *self._drops_copies(),
            *self._keeps_promises_known(),
            *self._leaves_runs(),
        )

    def settle_unwatched(self) -> int:
        """End what was told of servers that the configuration has no longer; return how much."""
        return settle_unwatched(
            self._site,
            servers=() if self._running is None else (self._running.runner.name,),
            directories={grant.source for grant in self._edges.directories.grants},
            monitored=self._prometheus is not None,
            now=self._now(),
        )

    def close(self) -> None:
        """Let go of connections and threads; runs go on."""
        if self._prometheus is not None:
            self._prometheus.close()
        if self._running is not None:
            self._running.runner.close()

    def _open_prometheus(self, token: str) -> Prometheus | None:
        monitoring = self._edges.monitoring
        if monitoring is None:
            forget_nodes(self._site)
            return None
        return Prometheus(monitoring.prometheus, timeout=monitoring.timeout, token=token)

    def _cluster_nodes(self) -> ClusterNodes | None:
        if self._running is None or self._running.nodes is None:
            return None
        learns = self._edges.runner.kubernetes.learns_nodes
        if learns:
            recall_nodes(self._site)
        return ClusterNodes(self._site, self._running.nodes, learns=learns)

    def _looks_at_gpus(self) -> tuple[Tick, ...]:
        settings, prometheus = self._edges.monitoring, self._prometheus
        if settings is None or prometheus is None:
            return ()
        look = Tick(
            "monitoring",
            settings.interval,
            lambda: watch_gpus(self._site, prometheus, settings, now=self._now()),
        )
        return (self._claims.shared(look),)

    def _looks_at_nodes(self) -> tuple[Tick, ...]:
        nodes = self._nodes
        if nodes is None:
            return ()

        def look() -> None:
            if self._claims.has("nodes", NODES_EVERY):
                nodes.look(now=self._now())
            else:
                nodes.follow()

        return (Tick("nodes", NODES_EVERY, look),)

    def _drops_copies(self) -> tuple[Tick, ...]:
        """Not shared: each process has copies of its own."""
        if self._running is None or (copies := self._running.copies) is None:
            return ()
        return (Tick("copies", LOGS_EXPIRE_EVERY, lambda: drop_copies(self._site, copies)),)

    def _leaves_runs(self) -> tuple[Tick, ...]:
        """Without a runner no run stays open, nor one of what was booked while there was one."""
        if self._running is not None:
            return ()

        def leave() -> None:
            if left := leave_all(self._site, now=self._now()):
                log.warning("the runner is off: %d runs that were open count as lost", left)

        # By the name under which a process that still has the runner attends to them.
        return (self._claims.shared(Tick("runs", LEFT_EVERY, leave)),)

    def _keeps_promises_known(self) -> tuple[Tick, ...]:
        """The runner's own scheduler knows what is booked; logs are kept no longer than wanted."""
        running = self._running
        if running is None:
            return ()
        keep, ahead = self._edges.logs.keep, running.holds_ahead
        ticks = [
            Tick("logs", LOGS_EXPIRE_EVERY, lambda: running.archive.expire(self._now() - keep)),
        ]
        if ahead is not None:
            ticks.append(Tick("holds", HOLDS_EVERY, lambda: running.keeper.hold(ahead)))
        return tuple(map(self._claims.shared, ticks))

"""What runs the work of bookings, put together: the runner, the archive, and their reconciler."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.config.edges import Edges
from bot.domain.errors import BookingError
from bot.domain.job import Job
from bot.domain.job_templates import resolve
from bot.domain.run_rules import RunnerKind
from bot.runners.archive import Archive, make_archive
from bot.runners.protocol import Runner
from bot.runners.run_logs import RunLogs
from bot.runners.secret_files import known_values
from bot.runners.settings import RunnerSettings
from bot.services.look_runs import latest_run, run_with_key
from bot.services.site import Site
from bot.ticks.cluster_nodes import Source
from bot.ticks.runs import Copies, RunKeeper
from bot.web.run_logs import ShownLogs

if TYPE_CHECKING:
    from bot.runners.kubernetes.runner import KubernetesRunner

#: A variable with one of these in its name holds something that nobody is to read.
SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASS", "PWD", "AUTH", "CREDENTIAL")
_PASSWORD = re.compile(r"://[^/\s@]*:[^/\s@]+@")


@dataclass(frozen=True, slots=True)
class Running:
    """Everything about runs that a bot has; without a runner nothing is started."""

    runner: Runner
    archive: Archive
    keeper: RunKeeper
    logs: ShownLogs
    #: Who knows which nodes there are; None: the configuration file alone.
    nodes: Source | None
    #: What each process copies for itself; None: nothing.
    copies: Copies | None
    #: How far ahead the servers' own scheduler is told what is booked; None: they have none.
    holds_ahead: timedelta | None


def make_running(site: Site, edges: Edges, now: Callable[[], datetime]) -> Running | None:
    """The runner that the configuration describes; None where it is off.

    `now` is the bot's clock, aware UTC.
    """
    settings = edges.runner
    kubernetes = _kubernetes(settings)
    runner = kubernetes or _runner(site, settings, now)
    if runner is None:
        return None
    archive = make_archive(edges.logs, site.address)
    hidden = _hidden_values(site, settings)
    logs = ShownLogs(
        RunLogs(runner, archive, hidden),
        booking_of=lambda key: None if (run := run_with_key(site, key)) is None else run.booking,
        latest_of=lambda booking: None if (run := latest_run(site, booking)) is None else run.key,
    )
    return Running(
        runner=runner,
        archive=archive,
        keeper=RunKeeper(site, runner, archive, now, hidden),
        logs=logs,
        nodes=kubernetes,
        copies=kubernetes,
        holds_ahead=settings.slurm.reserve_ahead if settings.kind is RunnerKind.SLURM else None,
    )


# Nobody has two runners, so none is imported before it is known to be wanted.


def _kubernetes(settings: RunnerSettings) -> KubernetesRunner | None:
    if settings.kind is not RunnerKind.KUBERNETES:
        return None
    from bot.runners.kubernetes.runner import kubernetes_runner  # noqa: PLC0415

    return kubernetes_runner(settings.kubernetes, settings.folder)


def _runner(site: Site, settings: RunnerSettings, now: Callable[[], datetime]) -> Runner | None:
    match settings.kind:
        case RunnerKind.LOCAL:
            from bot.runners.local.runner import local_runner  # noqa: PLC0415

            nodes = [node.name for node in site.cluster.nodes]
            return local_runner(
                settings.local, settings.folder, settings.secrets, nodes, dict(os.environ)
            )
        case RunnerKind.SLURM:
            from bot.runners.slurm.runner import slurm_runner  # noqa: PLC0415

            return slurm_runner(settings.slurm, settings.folder, settings.secrets, now)
        case _:
            return None


def _hidden_values(site: Site, settings: RunnerSettings) -> Callable[[str], Collection[str]]:
    """What must not be read in a run's log: the values of its secrets, as far as known here."""

    def hidden(key: str) -> Collection[str]:
        job = _job_of(site, key)
        return () if job is None else _values(job, settings)

    return hidden


def _job_of(site: Site, key: str) -> Job | None:
    """What the run runs, whatever its booking has by now; None: that cannot be told any more."""
    run = run_with_key(site, key)
    order = None if run is None else run.job
    if order is None or order.own is not None:
        return None if order is None else order.own
    try:
        return resolve(site.cluster, order)
    except BookingError:
        return None  # Its template is gone by now.


def _values(job: Job, settings: RunnerSettings) -> Collection[str]:
    named = [value for name, value in job.env if _is_secret(name, value)]
    # Secrets of a Kubernetes cluster are known to it alone.
    return (*named, *known_values(settings.secrets, job.secrets))


def _is_secret(name: str, value: str) -> bool:
    """Whether nobody is to read it: by its name, or because it is an address with a password."""
    return any(part in name.upper() for part in SECRET_NAMES) or bool(_PASSWORD.search(value))

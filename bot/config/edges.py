"""What the configuration file says about other servers: each edge's own settings, put together.

Each edge (a runner, a directory, monitoring) has frozen settings of its own in its package, and a
table of the file in a module here that makes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.config.directory import to_directories
from bot.config.file import ClusterFile, to_cluster
from bot.config.logs import to_log_settings
from bot.config.monitoring import to_monitoring
from bot.config.runner import to_runner_settings
from bot.directory.settings import DirectorySettings
from bot.monitoring.settings import MonitoringSettings
from bot.runners.archive import LogSettings
from bot.runners.settings import RunnerSettings


@dataclass(frozen=True, slots=True)
class Edges:
    """The settings of every edge; None: the file does not speak of it."""

    runner: RunnerSettings = field(default_factory=RunnerSettings)
    monitoring: MonitoringSettings | None = None
    logs: LogSettings = field(default_factory=LogSettings)
    directories: DirectorySettings = field(default_factory=DirectorySettings)


def to_edges(file: ClusterFile) -> Edges:
    """The settings that the file describes."""
    monitoring = file.monitoring
    return Edges(
        runner=to_runner_settings(file.runner, file.policy.host_paths),
        monitoring=None if monitoring is None else to_monitoring(monitoring),
        logs=to_log_settings(file.logs),
        directories=to_directories(file.ldap, to_cluster(file).teams),
    )

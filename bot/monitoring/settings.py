"""Where Prometheus is, and how its metrics are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from bot.domain.gpu_health import Thresholds


@dataclass(frozen=True, slots=True)
class MonitoringSettings:
    """The file's table `[monitoring]`."""

    #: Base address of its HTTP API, without a slash at its end.
    prometheus: str
    interval: timedelta = timedelta(seconds=30)
    timeout: timedelta = timedelta(seconds=10)
    #: The label that names the node; empty: the usual ones.
    node_label: str = ""
    #: The label that names whoever works on a GPU.
    user_label: str = "user"
    thresholds: Thresholds = field(default=Thresholds())

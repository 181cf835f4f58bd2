"""Whether what runs the work of bookings shows and does what it is to, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from bot.services.outages import is_noted
from bot.services.site import Site


def runner_metrics(site: Site, runner: str) -> Iterable[Metric]:
    """The metrics of a runner, by its name."""
    up = GaugeMetricFamily(
        "gpubot_runner_up",
        "Whether everything could be seen and done there when something was to run last.",
        labels=["runner"],
    )
    up.add_metric([runner], 0 if is_noted(site, runner) else 1)
    return (up,)

"""The look at the GPUs: ask Prometheus, then write down what it said, or that it said nothing."""

from __future__ import annotations

import logging
from datetime import datetime

from bot.monitoring.dcgm import Readings, read_gpus
from bot.monitoring.prometheus import Prometheus, PrometheusError
from bot.monitoring.settings import MonitoringSettings
from bot.services.gpu_alerts import note_outage
from bot.services.gpu_watch import note_readings
from bot.services.site import Site

log = logging.getLogger(__name__)


def watch_gpus(
    site: Site, prometheus: Prometheus, settings: MonitoringSettings, *, now: datetime
) -> bool:
    """Look once; whether there were readings. Prometheus' troubles are told, and never raised."""
    try:
        readings = read_gpus(
            prometheus,
            site.cluster,
            node_label=settings.node_label,
            user_label=settings.user_label,
        )
    except PrometheusError as error:
        log.warning("Prometheus: %s", error)
        note_outage(site, str(error), now=now)
        return False
    if readings.dropped:
        log.warning("Prometheus: %d samples that cannot be true were left out", readings.dropped)
    if not readings.found:
        note_outage(site, nothing_found(readings), now=now)
        return False
    note_readings(site, readings.found, settings.thresholds, settings.interval, now=now)
    return True


def nothing_found(readings: Readings) -> str:
    """Why there are no readings although Prometheus answers."""
    if readings.strangers:
        names = ", ".join(readings.strangers)
        return f"no GPU metrics of the nodes, but of {names}: set node_label, or the nodes' names"
    if readings.dropped:
        return f"no sample that can be true; left out: {readings.dropped}"
    return "no GPU metrics: it scrapes no DCGM exporter"

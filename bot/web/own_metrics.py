"""What gpubot tells Prometheus of its audit log, its disks, and its machine's clock."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prometheus_client.metrics_core import GaugeMetricFamily, Metric


def audit_metrics(is_whole: bool) -> Iterable[Metric]:  # noqa: FBT001 - the only thing it tells
    """Whether every record that was looked at holds."""
    said = "Whether the audit log is whole, as far as it was looked at."
    return (GaugeMetricFamily("gpubot_audit_whole", said, value=float(is_whole)),)


def clock_metrics(jump_s: float, off_s: float | None) -> Iterable[Metric]:
    """How the machine's clock fares, in seconds; `off_s` None: Slack did not say the time yet."""
    said = "By how much the clock has jumped, as long as gpubot does not believe it."
    yield GaugeMetricFamily("gpubot_clock_jump_seconds", said, value=jump_s)
    if off_s is not None:
        said = "By how much the clock was ahead of Slack's, when that was last seen."
        yield GaugeMetricFamily("gpubot_clock_offset_seconds", said, value=off_s)


def disk_metrics(places: Mapping[str, Path]) -> Callable[[], Iterable[Metric]]:
    """How much room is left where gpubot writes; `places` are folders by what is kept there."""

    def measure() -> Iterable[Metric]:
        said = "Share of the disk that is free, by what gpubot keeps there."
        free = GaugeMetricFamily("gpubot_disk_free_ratio", said, labels=["place"])
        for place, folder in places.items():
            share = _free(folder)
            if share is not None:
                free.add_metric([place], share)
        yield free

    return measure


def _free(folder: Path) -> float | None:
    """None where there is no such folder yet."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free / usage.total if usage.total else None

"""Names that Kubernetes objects of gpubot carry, and where the objects lie."""

from __future__ import annotations

import re

#: Labels. Everything of gpubot carries MANAGED_BY; what belongs to a run, the run's key.
MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "gpubot"
RUN = "gpubot.io/run"
BOOKING = "gpubot.io/booking"
TEAM = "gpubot.io/team"
WORKER = "gpubot.io/worker"
OURS = f"{MANAGED_BY}={MANAGER}"

#: Annotations. On pods: when the GPUs are reclaimed, ISO 8601, and why.
RECLAIM_AT = "gpubot.io/reclaim-at"
RECLAIM_REASON = "gpubot.io/reclaim-reason"
#: On a job: gpubot asked it to end, and why.
STOPPED = "gpubot.io/stopped"

JOB_API = "batch.volcano.sh/v1alpha1"
COMMAND_API = "bus.volcano.sh/v1alpha1"
#: The container of each pod that is the worker.
CONTAINER = "worker"

NODES = "/api/v1/nodes"


def jobs(namespace: str, name: str = "") -> str:
    """Where Volcano's jobs lie, or one of them."""
    return _path(f"/apis/{JOB_API}", namespace, "jobs", name)


def commands(namespace: str) -> str:
    """Where Volcano takes commands for its jobs."""
    return _path(f"/apis/{COMMAND_API}", namespace, "commands")


def pods(namespace: str, name: str = "") -> str:
    """Where pods lie, or one of them."""
    return _path("/api/v1", namespace, "pods", name)


def events(namespace: str) -> str:
    """Where events lie."""
    return _path("/api/v1", namespace, "events")


def label_value(text: str) -> str:
    """`text` as the value of a label; what may not stand there becomes a hyphen."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:63]
    return cleaned.strip("._-")


def _path(group: str, namespace: str, kind: str, name: str = "") -> str:
    return f"{group}/namespaces/{namespace}/{kind}" + (f"/{name}" if name else "")

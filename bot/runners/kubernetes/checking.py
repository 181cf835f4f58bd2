"""What `gpubot check` says about a Kubernetes cluster. For operators, so in English only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.booking import Priority
from bot.domain.cluster import Node
from bot.domain.job import Job
from bot.domain.run import Worker, WorkOrder
from bot.runners.kubernetes import names
from bot.runners.kubernetes.api import Api, Denied
from bot.runners.kubernetes.manifest import job_of
from bot.runners.kubernetes.nodes import SeenNode, seen_nodes
from bot.runners.kubernetes.settings import KubernetesSettings
from bot.runners.protocol import Unreachable

_FEW = {"limit": "1"}
#: Where they are given.
RIGHTS = "deploy/kubernetes/base/rights.yaml"


def look_at_kubernetes(
    settings: KubernetesSettings, nodes: Sequence[Node]
) -> Iterator[tuple[bool | None, str]]:
    """Findings as made: whether all is well, and what was looked at; nothing is changed."""
    api = Api(settings)
    namespace = settings.namespace
    try:
        for path in (names.jobs(namespace), names.pods(namespace), names.events(namespace)):
            api.get(path, _FEW)
        yield True, f"Kubernetes: answers, and shows Volcano's jobs in {namespace}"
        yield from _starting(api, settings)
        found = seen_nodes(api.get(names.NODES).get("items") or (), settings)
        yield from _nodes(found, () if settings.learns_nodes else nodes)
    except Denied as error:
        yield (
            False,
            f"Kubernetes: {error}; deploy/kubernetes/base/rights.yaml has the rights needed",
        )
    except Unreachable as error:
        yield False, f"Kubernetes: {error}"
    finally:
        api.close()


def _starting(api: Api, settings: KubernetesSettings) -> Iterator[tuple[bool | None, str]]:
    """Whether the cluster would take a job of each priority: rights, queues, Volcano's rules."""
    lacking = False
    for priority in Priority:
        job = job_of(_sample(priority), settings)
        try:
            api.create(names.jobs(settings.namespace), job, {"dryRun": "All"})
        except Denied as error:
            lacking = True
            yield False, f"Kubernetes: would not take a job of {priority.name}: {error}"
    if not lacking:
        yield True, "Kubernetes: would take jobs of all priorities"


def _sample(priority: Priority) -> WorkOrder:
    """A run that is never started."""
    return WorkOrder(
        key="gpubot-check",
        booking=0,
        first=0,
        owner="gpubot",
        account="",
        team="check",
        priority=priority,
        preemptible=True,
        job=Job(image="check"),
        workers=(Worker(0, "check", (0,)),),
        ends_at=datetime(2030, 1, 1, tzinfo=UTC),
        warning=timedelta(),
    )


def _nodes(found: Sequence[SeenNode], nodes: Sequence[Node]) -> Iterator[tuple[bool | None, str]]:
    """The cluster's nodes, beside those that the configuration file names (none: it names none)."""
    gpus = sum(node.gpus for node in found)
    yield bool(found), f"Kubernetes: {len(found)} nodes with {gpus} GPUs"
    for node in found:
        if node.trouble:
            yield False, f"Kubernetes: {node.name} is not ready: {node.trouble}"
    known = {node.name: node.gpus for node in found}
    for wanted in nodes:
        if wanted.name not in known:
            yield False, f"Kubernetes: there is no node {wanted.name} with GPUs"
        elif known[wanted.name] < wanted.gpus:
            has = known[wanted.name]
            yield False, f"Kubernetes: {wanted.name} has {has} GPUs there, and {wanted.gpus} here"

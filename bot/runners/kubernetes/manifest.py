"""The Volcano job of a run: one task for each worker, bound to its node, all or nothing.

What shaped it, in Volcano's terms:
- `minAvailable` of all workers is the gang: the scheduler binds all pods or none.
- Every worker is a task of its own, since each has its own node, rank and number of GPUs.
- By itself Volcano starts a pod anew when one was evicted, and waits for the others when one
  failed. Both end the whole job here (`TerminateJob`): a gang without one of its workers is no
  use, and whether to run it again is gpubot's to decide.
- `Terminated` counts as finished, so that its time to live begins; `Aborted` does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from bot.domain.job import Job, Volume, VolumeKind
from bot.domain.run import Worker, WorkOrder
from bot.runners.kubernetes import names
from bot.runners.kubernetes.api import Object
from bot.runners.kubernetes.settings import KubernetesSettings
from bot.runners.protocol import Refused

#: Folder in which a pod finds what gpubot tells it: the file reclaim-at, empty until warned.
NOTES = "/etc/gpubot"
#: What the workers of one run meet at, unless the job says otherwise.
MASTER_PORT = "29500"


def job_of(order: WorkOrder, settings: KubernetesSettings) -> Object:
    """The job to create for `order`. Raises Refused when the order cannot be one."""
    workers = len(order.workers)
    spec: Object = {
        "schedulerName": "volcano",
        "queue": settings.queues[order.priority],
        "priorityClassName": settings.priority_classes[order.priority],
        "minAvailable": workers,
        "maxRetry": 1,
        "ttlSecondsAfterFinished": int(settings.kept_for.total_seconds()),
        "policies": [{"events": ["PodFailed", "PodEvicted"], "action": "TerminateJob"}],
        "tasks": [_task(order, worker, settings) for worker in order.workers],
    }
    if workers > 1:
        # A name for each pod, so that the workers find the first one.
        spec["plugins"] = {"env": [], "svc": ["--publish-not-ready-addresses=true"]}
    return {
        "apiVersion": names.JOB_API,
        "kind": "Job",
        "metadata": {
            "name": order.key,
            "namespace": settings.namespace,
            "labels": _labels(order),
            "annotations": _annotations(order),
        },
        "spec": spec,
    }


def stop_command(job: Object, namespace: str) -> Object:
    """What makes Volcano end a job in order: pods get their grace, and the job is kept."""
    metadata = job["metadata"]
    return {
        "apiVersion": names.COMMAND_API,
        "kind": "Command",
        "metadata": {
            "name": f"{metadata['name']}-stop",
            "namespace": namespace,
            "labels": {names.MANAGED_BY: names.MANAGER, names.RUN: metadata["name"]},
        },
        "action": "TerminateJob",
        "reason": "Stopped",
        "message": "gpubot ends this run",
        "target": {
            "apiVersion": names.JOB_API,
            "kind": "Job",
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
    }


def grace_seconds(order: WorkOrder) -> int:
    """How long a pod may take to end: its job's grace, within the warning that people get."""
    most = order.warning if order.warning > timedelta() else order.job.grace
    return max(1, int(min(order.job.grace, most).total_seconds()))


def _labels(order: WorkOrder) -> dict[str, str]:
    return {
        names.MANAGED_BY: names.MANAGER,
        names.RUN: order.key,
        names.BOOKING: order.label,
        names.TEAM: names.label_value(order.team),
    }


def _annotations(order: WorkOrder) -> dict[str, str]:
    known = {"gpubot.io/owner": order.owner, "gpubot.io/team": order.team}
    if not order.preemptible:
        # Volcano's scheduler may evict whatever does not say this.
        known["volcano.sh/preemptable"] = "false"
    return known


def _task(order: WorkOrder, worker: Worker, settings: KubernetesSettings) -> Object:
    return {
        "name": f"w{worker.index}",
        "replicas": 1,
        "template": {
            "metadata": {"labels": {**_labels(order), names.WORKER: str(worker.index)}},
            "spec": _pod(order, worker, settings),
        },
    }


def _pod(order: WorkOrder, worker: Worker, settings: KubernetesSettings) -> Object:
    volumes, mounts = _volumes(_wanted(order.job, settings), settings)
    pod: Object = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": grace_seconds(order),
        "enableServiceLinks": False,
        "affinity": _on(worker.node, settings.node_label),
        "tolerations": [{"key": settings.gpu_resource, "operator": "Exists"}],
        "containers": [_container(order, worker, settings, mounts)],
        "volumes": volumes,
    }
    if settings.service_account:
        pod["serviceAccountName"] = settings.service_account
    else:
        pod["automountServiceAccountToken"] = False
    return pod


def _on(node: str, label: str) -> Object:
    wanted = {"matchExpressions": [{"key": label, "operator": "In", "values": [node]}]}
    return {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [wanted]}
        }
    }


def _container(
    order: WorkOrder, worker: Worker, settings: KubernetesSettings, mounts: list[Object]
) -> Object:
    image = order.job.image or settings.image
    if not image:
        raise Refused("the job names no container image, and there is none by default")
    container: Object = {
        "name": names.CONTAINER,
        "image": image,
        "env": list(_env(order, worker)),
        "resources": {"limits": {settings.gpu_resource: str(len(worker.gpu_ids))}},
        "volumeMounts": mounts,
    }
    if words := order.words(worker):
        # Kubernetes itself fills in $(NAME) in a command; "$$(" is how to write "$(".
        container["command"] = [word.replace("$(", "$$(") for word in words]
    if order.job.folder:
        container["workingDir"] = order.job.folder
    return container


def _env(order: WorkOrder, worker: Worker) -> Iterable[Object]:
    known = {"GPUBOT_RECLAIM_FILE": f"{NOTES}/reclaim-at", **order.variables(worker)}
    if len(order.workers) > 1:
        first = f"{order.key}-w{order.workers[0].index}-0"
        known = {"MASTER_ADDR": f"{first}.{order.key}", "MASTER_PORT": MASTER_PORT, **known}
    for name, value in known.items():
        yield {"name": name, "value": value.replace("$(", "$$(")}
    for name, place in order.job.secrets:
        secret, slash, key = place.partition("/")
        if not (secret and slash and key):
            raise Refused(f'the secret for {name} is to be "secret/key"')
        yield {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def _wanted(job: Job, settings: KubernetesSettings) -> Iterable[Volume]:
    """The job's volumes, and the one for checkpoints unless the job has its own there."""
    yield from job.volumes
    where = settings.checkpoints
    if settings.checkpoints_claim and where not in [volume.mount for volume in job.volumes]:
        yield Volume(VolumeKind.CLAIM, settings.checkpoints_claim, where)


def _volumes(
    wanted: Iterable[Volume], settings: KubernetesSettings
) -> tuple[list[Object], list[Object]]:
    """The pod's volumes, and where its container finds them."""
    reclaim_at = {
        "path": "reclaim-at",
        "fieldRef": {"fieldPath": f"metadata.annotations['{names.RECLAIM_AT}']"},
    }
    volumes: list[Object] = [
        {"name": "gpubot", "downwardAPI": {"items": [reclaim_at]}},
        # What processes that load data share; a container's own 64 MB are too few for that.
        {"name": "shm", "emptyDir": {"medium": "Memory"}},
    ]
    mounts: list[Object] = [
        {"name": "gpubot", "mountPath": NOTES, "readOnly": True},
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - a mount of the pod's own
    ]
    for number, volume in enumerate(wanted):
        name = f"data-{number}"
        volumes.append({"name": name, **_source(volume, settings)})
        mounts.append({"name": name, "mountPath": volume.mount, "readOnly": volume.read_only})
    return volumes, mounts


def _source(volume: Volume, settings: KubernetesSettings) -> dict[str, Any]:
    match volume.kind:
        case VolumeKind.CLAIM:
            claim = {"claimName": volume.source, "readOnly": volume.read_only}
            return {"persistentVolumeClaim": claim}
        case VolumeKind.NFS:
            share = {"server": volume.server, "path": volume.source}
            return {"nfs": {**share, "readOnly": volume.read_only}}
        case VolumeKind.HOST:
            if not _is_within(volume.source, settings.host_paths):
                raise Refused(f"policy allows no folder of a node at {volume.source}")
            return {"hostPath": {"path": volume.source}}


def _is_within(folder: str, allowed: Iterable[str]) -> bool:
    path = PurePosixPath(folder)
    if not path.is_absolute() or ".." in path.parts:
        return False
    return any(path.is_relative_to(PurePosixPath(one)) for one in allowed)

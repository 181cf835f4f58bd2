"""What is to be known of one pod, also after it is gone: eviction leaves nothing behind.

Pure: from the API's object to facts, and to and from JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from bot.runners.kubernetes import names
from bot.runners.kubernetes.api import Object, one_line

#: What kubelets say of the end of a container that they cannot find.
_UNKNOWN = "ContainerStatusUnknown"


@dataclass(frozen=True, slots=True)
class Pod:
    """One worker's pod, as it was seen last."""

    name: str
    run: str
    worker: int
    #: Pending, Running, Succeeded, Failed or Unknown.
    phase: str = "Pending"
    node: str = ""
    #: Why the container waits, and the server's words: ImagePullBackOff, …
    waiting: str = ""
    #: Why no node was found for it; empty: one was, or nobody looked yet.
    unbound: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    #: How the container ended: OOMKilled, Error, Completed; or the pod: Evicted, NodeLost.
    reason: str = ""
    message: str = ""
    #: Its end was asked for while it still ran.
    is_taken: bool = False
    #: By whom, where Kubernetes says so: PreemptionByScheduler, DeletionByTaintManager, …
    taken_by: str = ""
    #: When it was told so: the annotation gpubot.io/reclaim-at.
    reclaim_at: str = ""
    is_gone: bool = False

    @property
    def is_over(self) -> bool:
        """Whether it uses nothing any more."""
        return self.is_gone or self.phase in ("Succeeded", "Failed")

    @property
    def has_failed(self) -> bool:
        """Whether it ended badly by itself."""
        return self.phase == "Failed" or bool(self.exit_code)


def pod_of(found: Object, before: Pod | None = None) -> Pod:
    """The facts of the API's object; `before` is what was known of it."""
    metadata, spec, status = found["metadata"], found.get("spec", {}), found.get("status", {})
    labels = metadata.get("labels", {})
    state = _state(status)
    ended = state.get("terminated") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    is_over = bool(ended) or status.get("phase") in ("Succeeded", "Failed")
    taken = bool(metadata.get("deletionTimestamp")) and not is_over
    disruption = conditions.get("DisruptionTarget", {})
    # Volcano's older schedulers say so by this alone.
    is_evicted = conditions.get("Ready", {}).get("reason") == "Evict"
    taken_by = disruption.get("reason") or ("PreemptionByScheduler" if is_evicted else "")
    return Pod(
        name=metadata["name"],
        run=labels.get(names.RUN, ""),
        worker=_number(labels.get(names.WORKER)),
        phase=status.get("phase") or "Pending",
        node=spec.get("nodeName") or "",
        waiting=_waiting(state.get("waiting") or {}),
        unbound=_unbound(conditions.get("PodScheduled", {})),
        started_at=_instant((state.get("running") or ended).get("startedAt") or _begun(status)),
        ended_at=_instant(ended.get("finishedAt")),
        # The code of a container that never was, or that its node has lost, is made up (137).
        exit_code=None if ended.get("reason") == _UNKNOWN else ended.get("exitCode"),
        reason=ended.get("reason") or status.get("reason") or "",
        message=one_line(ended.get("message") or status.get("message") or ""),
        is_taken=taken or (before is not None and before.is_taken),
        taken_by=taken_by or (before.taken_by if before else ""),
        reclaim_at=(metadata.get("annotations") or {}).get(names.RECLAIM_AT, ""),
    )


def gone(pod: Pod) -> Pod:
    """The same pod, once the API does not know it any more."""
    return replace(pod, is_gone=True)


def first_start(pods: Iterable[Pod]) -> datetime | None:
    """When the first of them began to run."""
    return min((pod.started_at for pod in pods if pod.started_at), default=None)


def last_end(pods: Iterable[Pod]) -> datetime | None:
    """When the last of them had ended."""
    return max((pod.ended_at for pod in pods if pod.ended_at), default=None)


def to_json(pod: Pod) -> dict[str, Any]:
    """As a file keeps it."""
    instants = {"started_at": pod.started_at, "ended_at": pod.ended_at}
    return {**asdict(pod), **{k: v and v.isoformat() for k, v in instants.items()}}


def from_json(kept: Mapping[str, Any]) -> Pod:
    """What `to_json` wrote."""
    instants = {name: _instant(kept[name]) for name in ("started_at", "ended_at")}
    return Pod(**{**kept, **instants})


def _state(status: Object) -> Object:
    for one in status.get("containerStatuses") or ():
        if one.get("name") == names.CONTAINER:
            return one.get("state") or {}
    return {}


def _begun(status: Object) -> str | None:
    """When a pod began of whose container nothing is told (any more)."""
    has_begun = status.get("phase") in ("Running", "Succeeded", "Failed")
    return status.get("startTime") if has_begun and not status.get("containerStatuses") else None


def _waiting(waiting: Object) -> str:
    reason = waiting.get("reason") or ""
    # Every container begins like this.
    if reason in ("", "ContainerCreating", "PodInitializing"):
        return ""
    return one_line(f"{reason}: {waiting.get('message') or ''}".rstrip(": "))


def _unbound(condition: Object) -> str:
    if condition.get("status") != "False":
        return ""
    return one_line(condition.get("message") or condition.get("reason") or "")


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0

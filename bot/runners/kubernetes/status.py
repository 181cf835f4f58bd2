"""What a run looks like, from its Volcano job, its pods and the events about them. Pure.

A job may have no pods at all while it waits for room; that is no failure. Its phase alone does
not tell how it ended either: a pod that is evicted and then ends with 0 makes a job `Completed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.run import Observation, RunState
from bot.runners.kubernetes.api import Object, one_line
from bot.runners.kubernetes.pods import Pod, first_start, last_end

#: Phases of a Volcano job after which nothing happens any more, and those that lead there.
ENDED = frozenset({"Completed", "Failed", "Terminated", "Aborted"})
ENDING = frozenset({"Completing", "Terminating", "Aborting", "Restarting"})
_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_MOUNT = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
#: What Volcano says of a gang that has to wait.
_WAITING = ("FailedScheduling", "Unschedulable", "NotEnoughResources", "PodGroupPending")
#: Who takes pods because their node is gone (reasons of the condition DisruptionTarget).
_NODE_GONE = ("DeletionByTaintManager", "DeletionByPodGC", "TerminationByKubelet")
_KILLED = 137
_ORIGIN = re.compile(r"Origin reason is[^:]*: ")
_UNAVAILABLE = re.compile(r"^(all|\d+/\d+) nodes are (un)?available: ")
#: Volcano's word for a gang that waits for its own rest, or whose pods are being bound just now.
_GANG_ONLY = re.compile(r"pod group is (not )?ready|can possibly be assigned to")
#: Volcano tells of a pod that the API did not take by the whole answer, as Go prints it.
_ANSWER = re.compile(r'Message:"((?:[^"\\]|\\.)+)"')
_PLUGIN = re.compile(r"\d+ plugin \w+ pre-predicates failed ")


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is known of one run at one instant."""

    #: Volcano's phase of the job, Pending until there is one; empty: the job is gone.
    phase: str
    #: Pods that the job is to have.
    workers: int
    pods: Sequence[Pod]
    #: Events about the job, its pod group and its pods, as the API has them, in any order.
    events: Sequence[Object] = ()
    #: Whether gpubot asked it to end.
    is_stopped: bool = False
    #: Nodes that do not answer, by Kubernetes' name.
    dead_nodes: frozenset[str] = frozenset()
    #: When the job came to that phase.
    since: datetime | None = None
    #: What Volcano says about the phase.
    message: str = ""


def observe(seen: Seen) -> Observation:
    """The run as people are told about it."""
    if seen.phase in ENDED and all(pod.is_over for pod in seen.pods):
        return _outcome(seen)
    if not seen.phase and all(pod.is_over for pod in seen.pods):
        return _outcome(seen)
    if seen.is_stopped or seen.phase in ENDING or seen.phase in ENDED or not seen.phase:
        return _stopping(seen)
    if seen.phase == "Running" or _running(seen) == seen.workers:
        note = _dead_node(seen)
        return Observation(
            RunState.RUNNING, note, is_trouble=bool(note), started_at=first_start(seen.pods)
        )
    note, is_trouble = _waits_for(seen)
    return Observation(RunState.PENDING, note, is_trouble, started_at=first_start(seen.pods))


def _running(seen: Seen) -> int:
    return sum(pod.phase == "Running" for pod in seen.pods)


def _stopping(seen: Seen) -> Observation:
    dead = _dead_node(seen)
    failed = None if seen.is_stopped else _culprit(seen.pods)
    note = dead or (_told(failed, seen.workers) if failed else "")
    return Observation(
        RunState.STOPPING, note, is_trouble=bool(note), started_at=first_start(seen.pods)
    )


def _outcome(seen: Seen) -> Observation:
    state, note, code = _how_it_ended(seen)
    return Observation(
        state,
        one_line(note),
        is_trouble=state in (RunState.FAILED, RunState.LOST),
        exit_code=code,
        started_at=first_start(seen.pods),
        ended_at=last_end(seen.pods) or seen.since,
    )


def _how_it_ended(seen: Seen) -> tuple[RunState, str, int | None]:
    """The state, what is to say about it, and the exit code that counts."""
    taken = [pod for pod in seen.pods if pod.is_taken]
    culprit = _culprit(seen.pods)
    code = _exit_code(seen.pods)
    if _has_succeeded(seen) and not taken and culprit is None:
        return RunState.SUCCEEDED, "", 0
    if seen.is_stopped:
        killed = code == _KILLED and not any(pod.reason == "OOMKilled" for pod in seen.pods)
        return RunState.STOPPED, "it did not end within its grace, and was killed" * killed, code
    if any(pod.taken_by in _NODE_GONE or pod.reason == "NodeLost" for pod in seen.pods):
        return RunState.LOST, f"its node was lost: {_nodes(taken or seen.pods)}", code
    if any(pod.taken_by == "EvictionByEvictionAPI" for pod in seen.pods):
        return RunState.LOST, f"evicted by hand from {_nodes(taken)}", code
    if _is_evicted(seen):
        return RunState.STOPPED, "evicted by the cluster's scheduler for other work", code
    if culprit is not None:
        return RunState.FAILED, _told(culprit, seen.workers), code
    if not seen.phase:
        return RunState.LOST, "somebody deleted its job in the cluster", code
    if taken or any(pod.is_gone for pod in seen.pods):
        return RunState.LOST, "somebody ended its pods in the cluster", code
    if seen.phase == "Failed":
        return RunState.FAILED, seen.message or "the cluster says that it failed", code
    return RunState.LOST, seen.message or "somebody ended its job in the cluster", code


def _has_succeeded(seen: Seen) -> bool:
    """Whether Volcano says so, or every pod did before the job's time to live was over.

    Volcano keeps pods that have ended well: one that went without being seen to do so was taken.
    """
    if seen.phase:
        vanished = any(pod.is_gone and pod.phase != "Succeeded" for pod in seen.pods)
        return seen.phase == "Completed" and not vanished
    return len(seen.pods) == seen.workers > 0 and all(pod.exit_code == 0 for pod in seen.pods)


def _is_evicted(seen: Seen) -> bool:
    """Whether the scheduler took it for work of higher priority."""
    by_scheduler = any(pod.taken_by == "PreemptionByScheduler" for pod in seen.pods)
    return by_scheduler or any(event.get("reason") == "Evict" for event in seen.events)


def _culprit(pods: Iterable[Pod]) -> Pod | None:
    """The first one that ended badly by itself, which ended the others."""
    failed = [pod for pod in pods if pod.has_failed and not pod.is_taken]
    return min(failed, key=_ended, default=None)


def _ended(pod: Pod) -> float:
    return pod.ended_at.timestamp() if pod.ended_at else float("inf")


def _exit_code(pods: Sequence[Pod]) -> int | None:
    """That of the first to end badly; 0 when all ended well; None when that is not known."""
    culprit = _culprit(pods)
    if culprit is not None and culprit.exit_code is not None:
        return culprit.exit_code
    codes = [pod.exit_code for pod in pods]
    known = [code for code in codes if code is not None]
    bad = next((code for code in known if code), None)
    return bad if bad is not None else (0 if known and len(known) == len(codes) else None)


def _told(pod: Pod, workers: int) -> str:
    """How a pod ended badly, in a line."""
    who = f"worker {pod.worker}" if workers > 1 else "it"
    code = f"exit code {pod.exit_code}"
    if pod.reason == "OOMKilled":
        return f"{who} needed more memory than there is (OOMKilled, {code})"
    if pod.reason == "Evicted":
        return one_line(f"{who} was evicted from {pod.node}: {pod.message}")
    if pod.exit_code is None:
        return one_line(f"{who} failed: {pod.message or pod.reason or 'no reason is given'}")
    if pod.reason in ("StartError", "ContainerCannotRun"):
        return one_line(f"{who} could not be started: {pod.message}")
    return f"{who} ended with {code}"


def _dead_node(seen: Seen) -> str:
    dead = sorted({pod.node for pod in seen.pods if not pod.is_over} & seen.dead_nodes)
    return f"{', '.join(dead)} does not answer" if dead else ""


def _nodes(pods: Iterable[Pod]) -> str:
    return ", ".join(sorted({pod.node for pod in pods if pod.node})) or "its node"


def _waits_for(seen: Seen) -> tuple[str, bool]:
    """Why it does not run yet, and whether somebody has to do something about it."""
    for pod in seen.pods:
        if pod.waiting:
            reason, _, text = pod.waiting.partition(": ")
            if reason in _IMAGE:
                pulled = text if "Back-off" not in text else _pull_error(seen, text)
                return one_line(f"image pull failed: {pulled or reason}"), True
            return one_line(f"its container cannot start: {text or reason}"), True
    if mount := _said(seen, _MOUNT):
        return one_line(f"a volume cannot be mounted: {mount}"), True
    if refused := _refused(seen):
        return one_line(f"its pods cannot be made: {refused}"), True
    why = _why_unbound(seen)
    if "persistentvolumeclaim" in why:
        return one_line(f"a volume is missing: {why}"), True
    missing = seen.workers - sum(pod.phase != "Pending" for pod in seen.pods)
    if not missing:
        # All have begun; Volcano says so in a moment.
        return "", False
    note = f"waiting for {missing} of {seen.workers} pods"
    return one_line(f"{note}: {why}" if why else note), False


def _pull_error(seen: Seen, text: str) -> str:
    """Why a pull is being put off: kubelets tell it in one event, and "Error: …" in the next."""
    failed = [one for one in seen.events if one.get("reason") == "Failed"]
    telling = [one for one in failed if not str(one.get("message", "")).startswith("Error: ")]
    return _newest(telling) or text


def _why_unbound(seen: Seen) -> str:
    """The scheduler's reason; what it says of a single pod tells more than of the whole gang."""
    said = [pod.unbound for pod in seen.pods if pod.unbound and not pod.node]
    said += [_said(seen, _WAITING)]
    return next((reason for text in said if (reason := _reason(text))), "")


def _reason(text: str) -> str:
    """What stands in the way, without the words around it; empty: only that the gang waits.

    All nodes but the booked one "didn't match": that is always so, and no news.
    """
    origin = _ORIGIN.search(text)
    if origin is None and _GANG_ONLY.search(text):
        return ""
    bare = _UNAVAILABLE.sub("", text[origin.end() :] if origin else text).rstrip(".")
    bare = _PLUGIN.sub("", bare)
    parts = [part for part in bare.split(", ") if "didn't match Pod's node affinity" not in part]
    return ", ".join(parts) or bare


def _refused(seen: Seen) -> str:
    """What the API said against the pods: a quota, a priority class that is not there."""
    if len(seen.pods) >= seen.workers:
        return ""
    warnings = [event for event in seen.events if event.get("type") == "Warning"]
    about_job = [event for event in warnings if _kind(event) == "Job"]
    text = _newest([event for event in about_job if event.get("reason") not in _WAITING])
    answer = _ANSWER.search(text)
    return answer[1].replace('\\"', '"') if answer else text


def _said(seen: Seen, reasons: Sequence[str], otherwise: str = "") -> str:
    return _newest([e for e in seen.events if e.get("reason") in reasons]) or otherwise


def _newest(events: Sequence[Object]) -> str:
    return str(max(events, key=_at).get("message", "")) if events else ""


def _at(event: Object) -> str:
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or ""
    )


def _kind(event: Object) -> str:
    return str(event.get("involvedObject", {}).get("kind", ""))

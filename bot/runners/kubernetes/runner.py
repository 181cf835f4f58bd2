"""Runs as Volcano jobs of a Kubernetes cluster.

What is wanted is said by calls; what is seen comes from watches of jobs, pods, events and nodes,
which are followed all the time. How a run is ended: the job is marked as stopped by us, its pods
are deleted (that is their SIGTERM, also while Volcano's controller is away), and a command tells
Volcano to end the job and keep it, so that its outcome can still be seen.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from bot.domain.run import Observation, RunState, WorkOrder
from bot.runners.kubernetes import names, status
from bot.runners.kubernetes.api import Api, Denied, Object, allowing
from bot.runners.kubernetes.logs import LogCopy
from bot.runners.kubernetes.manifest import job_of, stop_command
from bot.runners.kubernetes.memory import Memory, Remembered
from bot.runners.kubernetes.nodes import SeenNode, dead_nodes, seen_nodes
from bot.runners.kubernetes.pods import gone, pod_of
from bot.runners.kubernetes.settings import KubernetesSettings
from bot.runners.kubernetes.watch import Change, Watch
from bot.runners.protocol import Hold, Refused, Unreachable

log = logging.getLogger(__name__)

#: Seconds that a first look at the cluster may take before a caller is told that it is away.
FIRST_LOOK_S = 5.0
#: Seconds that a run which is over waits for the rest of its logs.
LOGS_S = 15.0
#: Seconds after which a stop that Volcano has not begun is asked for again.
INSIST_AFTER_S = 30.0
#: Seconds in which connections and threads are let go.
CLOSE_S = 2.0


class KubernetesRunner:
    """Starts, watches and ends runs as Volcano jobs; see bot.runners.protocol.Runner."""

    def __init__(self, settings: KubernetesSettings, folder: Path) -> None:
        """`folder` is where logs are kept, and what the cluster itself forgets.

        Nobody is asked anything before the first look.
        """
        self._settings = settings
        self._api = Api(settings)
        self._memory = Memory(folder)
        self._lock = threading.Lock()
        self._logs: dict[str, LogCopy] = {}
        #: When each run was first seen to be over, on the monotonic clock, in seconds.
        self._over_since: dict[str, float] = {}
        #: When each run was last asked to end, on the same clock.
        self._asked_at: dict[str, float] = {}
        self.insist_after_s = INSIST_AFTER_S
        self._is_begun = self._is_closed = False
        namespace = settings.namespace
        self._jobs = Watch(self._api, names.jobs(namespace), selector=names.OURS)
        self._pods = Watch(self._api, names.pods(namespace), self._pod_changed, selector=names.OURS)
        self._events = Watch(self._api, names.events(namespace))
        self._nodes = Watch(self._api, names.NODES)

    @property
    def name(self) -> str:
        """Its kind."""
        return "kubernetes"

    @property
    def _watches(self) -> tuple[Watch, ...]:
        return self._jobs, self._pods, self._events, self._nodes

    def start(self, order: WorkOrder) -> None:
        """Create the run's job; one that is there already, or was, is as good."""
        if self._memory.get(order.key) is not None:
            return
        self._look()
        job = job_of(order, self._settings)
        try:
            self._jobs.learn(self._api.create(names.jobs(self._settings.namespace), job))
        except Denied as error:
            if error.may_pass or self._is_at_odds(error, order.key):
                raise Unreachable(f"the cluster takes no jobs at present: {error}") from error
            if error.status != 409:
                raise Refused(f"the cluster does not take the job: {error}") from error
        self._memory.begin(order.key, len(order.workers))

    def observe(self, keys: Collection[str]) -> Mapping[str, Observation]:
        """What is seen of those runs."""
        self._look(self._jobs, self._pods)
        if problem := self._jobs.problem or self._pods.problem:
            raise Unreachable(problem)
        seen = {key: self._observe(key) for key in keys}
        return {key: found for key, found in seen.items() if found is not None}

    def warn(self, key: str, reclaim_at: datetime, reason: str) -> None:
        """Note it on the job and on its pods, where each finds it in a file."""
        notes = {names.RECLAIM_AT: reclaim_at.isoformat(), names.RECLAIM_REASON: reason}
        patch: Object = {"metadata": {"annotations": notes}}
        job = self._patch(names.jobs(self._settings.namespace, key), patch)
        if job is not None:
            self._jobs.learn(job)
            self._pass_on(job)

    def stop(self, key: str, reason: str) -> None:
        """Ask the run to end; its pods get their grace."""
        job = self._job(key)
        if job is None or _phase(job) in status.ENDED | status.ENDING:
            return
        namespace = self._settings.namespace
        stopped = {"metadata": {"annotations": {names.STOPPED: reason or "stopped"}}}
        if (marked := self._patch(names.jobs(namespace, key), stopped)) is None:
            return
        self._jobs.learn(marked)
        self._memory.note_stop(key)
        self._end(marked)

    def logs(self, key: str) -> Sequence[Path]:
        """The copies of its workers' logs."""
        self._look()
        found = self._memory.folder(key).glob("worker-*.log")
        return sorted(found, key=lambda path: int(path.stem.removeprefix("worker-")))

    def forget(self, key: str) -> None:
        """Remove the job, which takes its pods with it, and the files about it."""
        self._remove(key)
        self.drop(key)

    def copied(self) -> Collection[str]:
        """The runs of which there is something here, whichever process has begun them."""
        return self._memory.keys()

    def drop(self, key: str) -> None:
        """Remove the files about a run that this or another process has seen to the end."""
        with self._lock:
            copies = [self._logs.pop(name) for name in list(self._logs) if _is_of(name, key)]
            self._over_since.pop(key, None)
            self._asked_at.pop(key, None)
        for copy in copies:
            copy.close(CLOSE_S)
        self._memory.forget(key)

    def hold(self, holds: Sequence[Hold]) -> None:
        """Do nothing: queues and priorities keep room for what gpubot starts."""

    def problem(self) -> str | None:
        """Why runs cannot be started or seen at present."""
        needed = [self._jobs, self._pods] + [self._nodes] * self._settings.learns_nodes
        self._look(*needed)
        return next((problem for watch in needed if (problem := watch.problem)), None)

    def nodes(self) -> tuple[SeenNode, ...]:
        """The cluster's nodes with GPUs. Raises Unreachable when they cannot be told."""
        self._look(self._nodes)
        if problem := self._nodes.problem:
            raise Unreachable(problem)
        return seen_nodes(self._nodes.objects().values(), self._settings)

    def close(self) -> None:
        """Let go of connections and threads; runs go on."""
        with self._lock:
            self._is_closed = True
            copies = list(self._logs.values())
        ends: tuple[Watch | LogCopy, ...] = (*self._watches, *copies)
        for one in ends:
            one.close(CLOSE_S)
        self._api.close()

    def _look(self, *needed: Watch) -> None:
        """Begin to follow the cluster, and wait for the first sight of what is needed."""
        with self._lock:
            begins = not (self._is_begun or self._is_closed)
            self._is_begun = True
        if begins:
            for watch in self._watches:
                watch.start()
        for watch in needed:
            watch.wait(FIRST_LOOK_S)

    def _observe(self, key: str) -> Observation | None:
        known = self._memory.get(key)
        if known is not None and known.outcome is not None:
            return known.outcome
        job = self._job(key)
        if job is None and known is None:
            return None
        found = status.observe(self._seen(key, job, known or Remembered()))
        if not found.state.is_over:
            if job is not None:
                self._remind(job)
            return found
        if not self._has_logs(key):
            return Observation(RunState.STOPPING, started_at=found.started_at)
        self._memory.note_outcome(key, found)
        return found

    def _seen(self, key: str, job: Object | None, known: Remembered) -> status.Seen:
        job = job or {}
        there = self._pods.objects()
        pods = [known.pods[index] for index in sorted(known.pods)]
        state = job.get("status", {}).get("state", {})
        since = state.get("lastTransitionTime")
        return status.Seen(
            phase=_phase(job) if job else "",
            workers=len(job.get("spec", {}).get("tasks", ())) or known.workers,
            # What went while gpubot was away was never reported to it.
            pods=[pod if pod.name in there else gone(pod) for pod in pods],
            events=[one for one in self._events.objects().values() if _is_about(one, key)],
            is_stopped=known.is_stopped or names.STOPPED in _annotations(job),
            dead_nodes=dead_nodes(self._nodes.objects().values()),
            since=datetime.fromisoformat(since) if since else None,
            message=state.get("message") or "",
        )

    def _job(self, key: str) -> Object | None:
        """The run's job; asks the cluster where the watch does not know it (yet)."""
        if (found := self._jobs.get(key)) is not None:
            return found
        try:
            found = self._api.get(names.jobs(self._settings.namespace, key))
        except Denied as error:
            if error.status == 404 and error.about == key:
                return None
            raise Unreachable(f"the cluster does not show its jobs: {error}") from error
        self._jobs.learn(found)
        return found

    def _remind(self, job: Object) -> None:
        """See to it that what was asked of a run is done, as far as the cluster takes it now.

        What it refuses for one run must not hide how that one and all others stand.
        """
        try:
            self._pass_on(job)
            self._insist(job)
        except Unreachable as error:
            log.warning("%s: %s", job["metadata"]["name"], error)

    def _is_at_odds(self, error: Denied, key: str) -> bool:
        """Whether a conflict is none with a job that is there, but of the server's own: a quota."""
        return error.status == 409 and self._job(key) is None

    def _pass_on(self, job: Object) -> None:
        """Tell the job's warning to its pods, also to those that came after it."""
        notes = {
            name: _annotations(job).get(name) for name in (names.RECLAIM_AT, names.RECLAIM_REASON)
        }
        if not notes[names.RECLAIM_AT]:
            return
        for name, pod in self._pods.objects().items():
            is_own = pod["metadata"]["labels"].get(names.RUN) == job["metadata"]["name"]
            if is_own and _annotations(pod).get(names.RECLAIM_AT) != notes[names.RECLAIM_AT]:
                patch: Object = {"metadata": {"annotations": notes}}
                if found := self._patch(names.pods(self._settings.namespace, name), patch):
                    self._pods.learn(found)

    def _end(self, job: Object) -> None:
        """Have a job's pods end, and Volcano end the job."""
        key, namespace = job["metadata"]["name"], self._settings.namespace
        try:
            try:
                with allowing(409):
                    self._api.create(names.commands(namespace), stop_command(job, namespace))
            finally:
                # They can end without Volcano.
                self._api.delete(names.pods(namespace), query=_alive(key))
        except Denied as error:
            raise Unreachable(f"the cluster does not let the run be ended: {error}") from error
        with self._lock:
            self._asked_at[key] = time.monotonic()

    def _insist(self, job: Object) -> None:
        """Ask again for a stop that Volcano has not begun: it may lose a command, or be away.

        Once no pod is left, the job itself is removed, so that none are made when it is back.
        """
        key = job["metadata"]["name"]
        is_begun = _phase(job) in status.ENDED | status.ENDING
        with self._lock:
            asked_at = self._asked_at.get(key, float("-inf"))
        if is_begun or names.STOPPED not in _annotations(job):
            return
        if time.monotonic() - asked_at < self.insist_after_s:
            return
        known = self._memory.get(key)
        pods = known.pods.values() if known else ()
        if key in self._asked_at and all(pod.is_over for pod in pods):
            log.warning("%s: Volcano does not end the job; it is removed", key)
            self._remove(key)
        else:
            self._end(job)

    def _remove(self, key: str) -> None:
        """Remove the job; its pods go with it, after their grace."""
        options = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
        }
        try:
            with allowing(404):
                self._api.delete(names.jobs(self._settings.namespace, key), options)
        except Denied as error:
            raise Unreachable(f"the cluster does not let the job be removed: {error}") from error
        self._jobs.unlearn(key)

    def _patch(self, path: str, patch: Object) -> Object | None:
        """The object after the patch; None when there is none."""
        try:
            return self._api.merge(path, patch)
        except Denied as error:
            if error.status == 404:
                return None
            raise Unreachable(f"the cluster refuses a note on {path}: {error}") from error

    def _pod_changed(self, change: Change, found: Object) -> None:
        """Remember what the pod shows, and copy its log as soon as there can be one."""
        key = found["metadata"].get("labels", {}).get(names.RUN, "")
        if not key or self._memory.is_forgotten(key):
            return
        known = self._memory.get(key) or Remembered()
        pod = pod_of(found)
        pod = pod_of(found, known.pods.get(pod.worker))
        self._memory.note_pod(gone(pod) if change is Change.GONE else pod)
        if pod.started_at is not None:
            self._copy_log(key, pod.name, pod.worker)

    def _copy_log(self, key: str, pod: str, worker: int) -> None:
        with self._lock:
            if self._is_closed or pod in self._logs:
                return
            copy = LogCopy(
                self._api,
                names.pods(self._settings.namespace, pod),
                self._memory.folder(key) / f"worker-{worker}.log",
                lambda: self._is_over(key, worker),
                self._settings.log_limit,
            )
            self._logs[pod] = copy
        copy.start()

    def _is_over(self, key: str, worker: int) -> bool:
        known = self._memory.get(key)
        return known is None or worker not in known.pods or known.pods[worker].is_over

    def _has_logs(self, key: str) -> bool:
        """Whether the logs of a run that is over are complete, or nobody waits any longer."""
        with self._lock:
            since = self._over_since.setdefault(key, time.monotonic())
            copies = [copy for name, copy in self._logs.items() if _is_of(name, key)]
        is_late = time.monotonic() - since > LOGS_S
        return is_late or all(copy.is_done for copy in copies)


def kubernetes_runner(settings: KubernetesSettings, folder: Path) -> KubernetesRunner:
    """A runner over the cluster that `settings` name; the cluster may be away at first."""
    return KubernetesRunner(settings, folder)


def _phase(job: Object) -> str:
    """Volcano's phase of the job; one that its controller has not seen yet is Pending."""
    return str(job.get("status", {}).get("state", {}).get("phase") or "Pending")


def _annotations(job: Object) -> Mapping[str, str]:
    return job.get("metadata", {}).get("annotations") or {}


def _alive(key: str) -> Mapping[str, str]:
    """What selects the pods of a run that are to end; of the others, logs may still be copied."""
    phases = "status.phase!=Succeeded,status.phase!=Failed"
    return {"labelSelector": f"{names.RUN}={key}", "fieldSelector": phases}


def _is_of(pod: str, key: str) -> bool:
    return pod.startswith(f"{key}-w")


def _is_about(event: Object, key: str) -> bool:
    """Whether an event speaks of the run's job, its pod group (job and uid) or one of its pods."""
    name = str(event.get("involvedObject", {}).get("name", ""))
    return name == key or name.startswith(f"{key}-")

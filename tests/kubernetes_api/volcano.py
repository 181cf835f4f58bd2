"""Volcano's scheduler and controllers and the nodes' kubelets, played on the API server.

Only what gpubot can see of them: gangs wait until all of their pods fit, a pod that fails or goes
ends its job as the job's policies say, commands are obeyed, pods end within their grace and take
their logs with them when they are deleted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from kubernetes_api.kubelet import Kubelet
from kubernetes_api.objects import Object, Place, Refusal
from kubernetes_api.server import ApiServer

NAMESPACE = "gpubot-runs"
JOBS = Place("batch.volcano.sh", "jobs", NAMESPACE)
COMMANDS = Place("bus.volcano.sh", "commands", NAMESPACE)
PODS = Place("", "pods", NAMESPACE)
EVENTS = Place("", "events", NAMESPACE)
NODES = Place("", "nodes")
OVER = ("Completed", "Failed", "Terminated", "Aborted")
ENDING = ("Terminating", "Aborting", "Completing")


class Volcano:
    """Acts whenever something changes, until it is closed."""

    def __init__(self, server: ApiServer) -> None:
        self.server, self.objects = server, server.objects
        self.kubelet = Kubelet(server, PODS, EVENTS)
        server.on_delete = self._on_delete
        #: Whether a gang that does not fit gets its pods already, unbound.
        self.makes_pods_early = False
        #: Whether the controllers and the scheduler are at work.
        self.is_awake = True
        self._numbers = 0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.objects.create(Place("", "namespaces"), _named(NAMESPACE))

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        with self.objects.lock:
            self.objects.lock.notify_all()
        self._thread.join(5)

    def add_node(self, name: str, gpus: int, product: str = "Tesla-V100-SXM2-32GB") -> None:
        labels = {"kubernetes.io/hostname": name, "nvidia.com/gpu.product": product}
        node = _named(name, labels=labels)
        node["status"] = {
            "allocatable": {"cpu": "64", "nvidia.com/gpu": str(gpus)},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        }
        self.objects.create(NODES, node)

    def set_ready(self, name: str, ready: bool) -> None:
        """Have a node answer, or not."""
        words = (
            "kubelet is posting ready status" if ready else "Kubelet stopped posting node status."
        )
        condition = {"type": "Ready", "status": "True" if ready else "Unknown", "message": words}
        self.objects.change(NODES, name, lambda node: node["status"].update(conditions=[condition]))

    def evict(self, key: str) -> None:
        """Take a run's pods away for work of higher priority, as the scheduler does."""
        for pod in self.pods(key):
            reason = {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "PreemptionByScheduler",
            }
            self.take(pod["metadata"]["name"], reason)
        self.event("PodGroup", f"{key}-uid", "Evict", "reclaimed", "Normal")

    def take(self, pod: str, condition: Object | None = None) -> None:
        """Delete a pod with its grace; the condition says who does it."""
        if condition:
            self.objects.change(
                PODS, pod, lambda found: found["status"].update(conditions=[condition])
            )
        self._on_delete(PODS, self.objects.get(PODS, pod), None)

    def vanish(self, pod: str) -> None:
        """Remove a pod at once, as the garbage collector does when its node is gone."""
        self.objects.remove(PODS, pod)

    def event(
        self, kind: str, name: str, reason: str, message: str, severity: str = "Warning"
    ) -> None:
        self.kubelet.event(kind, name, reason, message, severity)

    def pods(self, key: str) -> list[Object]:
        with self.objects.lock:
            return [one for one in self.objects.all(PODS) if _run_of(one) == key]

    def job(self, key: str) -> Object:
        return self.objects.get(JOBS, key)

    def _run(self) -> None:
        seen = -1
        while not self._closed.is_set():
            with self.objects.lock:
                if self.objects.version == seen:
                    self.objects.lock.wait(0.05)
                seen = self.objects.version
                if self.is_awake:
                    self._step()
                self.kubelet.step()

    def _step(self) -> None:
        for command in list(self.objects.all(COMMANDS)):
            self.objects.remove(COMMANDS, command["metadata"]["name"])
            target = command["target"]["name"]
            if self._phase_of(target) not in (*OVER, *ENDING, ""):
                self._kill(target, _ending(command["action"]))
        for job in list(self.objects.all(JOBS)):
            self._play(job)

    def _play(self, job: Object) -> None:
        key = job["metadata"]["name"]
        match self._phase_of(key):
            case "":
                self._set_phase(key, "Pending")
            case "Pending" | "Running":
                self._play_alive(job)
            case "Terminating" | "Aborting" | "Completing" as phase:
                if all(_is_over(pod) for pod in self.pods(key)):
                    self._set_phase(key, {"Completing": "Completed"}.get(phase, phase[:-3] + "ed"))

    def _play_alive(self, job: Object) -> None:
        key, wanted = job["metadata"]["name"], len(job["spec"]["tasks"])
        pods = self.pods(key)
        made = job["status"].get("made", 0)
        if len(pods) < made:
            return self._obey(job, "PodEvicted")
        if any(pod["status"]["phase"] == "Failed" for pod in pods):
            return self._obey(job, "PodFailed")
        if not pods or not all(pod["spec"].get("nodeName") for pod in pods):
            return self._schedule(job)
        phases = [pod["status"]["phase"] for pod in pods]
        if phases.count("Succeeded") == wanted:
            return self._set_phase(key, "Completed")
        if "Pending" not in phases:
            self._set_phase(key, "Running")
        return None

    def _obey(self, job: Object, event: str) -> None:
        """What the job's policies say to an event; without one Volcano makes the pod anew."""
        key = job["metadata"]["name"]
        for policy in job["spec"].get("policies", ()):
            if event in (*policy.get("events", ()), policy.get("event")):
                return self._kill(key, _ending(policy["action"]))
        raise AssertionError(f"{key} would be restarted by Volcano")

    def _schedule(self, job: Object) -> None:
        key = job["metadata"]["name"]
        free = self._free()
        for task in job["spec"]["tasks"]:
            node, gpus = _node_of(task), _gpus_of(task["template"]["spec"])
            free[node] = free.get(node, 0) - gpus
        fits = all(left >= 0 for left in free.values())
        if not self.pods(key) and (fits or self.makes_pods_early):
            for task in job["spec"]["tasks"]:
                self.objects.create(PODS, self._pod(job, task))
            self.objects.change(
                JOBS, key, lambda found: found["status"].update(made=len(job["spec"]["tasks"]))
            )
        for pod in self.pods(key):
            self._bind(pod) if fits else self._leave(pod)
        if fits:
            # The real one says this while pods are being bound.
            ready = "0/1 tasks in gang unschedulable: pod group is ready, 1 Binding, 1 minAvailable"
            self.event("PodGroup", f"{key}-uid", "Unschedulable", ready)
        if not fits and not self.pods(key) and not job["status"].get("told"):
            self.event(
                "PodGroup",
                f"{key}-uid",
                "Unschedulable",
                f"{len(job['spec']['tasks'])} Insufficient nvidia.com/gpu",
            )
            self.objects.change(JOBS, key, lambda found: found["status"].update(told=True))

    def _pod(self, job: Object, task: Object) -> Object:
        name = f"{job['metadata']['name']}-{task['name']}-0"
        metadata = {**task["template"]["metadata"], "name": name}
        metadata["ownerReferences"] = [{"kind": "Job", "uid": job["metadata"]["uid"]}]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
        return {**pod, "spec": dict(task["template"]["spec"]), "status": {"phase": "Pending"}}

    def _bind(self, pod: Object) -> None:
        node = _node_of({"template": pod})
        name = pod["metadata"]["name"]
        self.objects.change(PODS, name, lambda found: found["spec"].update(nodeName=node))

    def _leave(self, pod: Object) -> None:
        message = "all nodes are unavailable: 2 Insufficient nvidia.com/gpu."
        unbound = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
        }
        name = pod["metadata"]["name"]
        self.objects.change(PODS, name, lambda found: found["status"].update(conditions=[unbound]))

    def _free(self) -> dict[str, int]:
        free = {
            node["metadata"]["name"]: int(node["status"]["allocatable"]["nvidia.com/gpu"])
            for node in self.objects.all(NODES)
        }
        for pod in self.objects.all(PODS):
            if pod["spec"].get("nodeName") in free and not _is_over(pod):
                free[pod["spec"]["nodeName"]] -= _gpus_of(pod["spec"])
        return free

    def _kill(self, key: str, phase: str) -> None:
        self._set_phase(key, phase)
        for pod in self.pods(key):
            if not _is_over(pod):
                self._on_delete(PODS, pod, None)

    def _phase_of(self, key: str) -> str:
        try:
            return str(self.job(key).get("status", {}).get("state", {}).get("phase", ""))
        except Refusal:
            return ""

    def _set_phase(self, key: str, phase: str) -> None:
        def change(job: Object) -> None:
            state = job.setdefault("status", {}).setdefault("state", {})
            if state.get("phase") != phase:
                state.update(phase=phase, lastTransitionTime=self.objects.stamp())

        self.objects.change(JOBS, key, change)

    def _on_delete(self, place: Place, found: Object, grace: int | None) -> bool:
        """Whether what is deleted stays for now: pods have their grace; jobs take theirs along."""
        if place.plural == "jobs":
            for pod in self.pods(found["metadata"]["name"]):
                self.kubelet.delete(pod, grace)
            return False
        return place.plural == "pods" and self.kubelet.delete(found, grace)


def wait_until(server: ApiServer, look: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something in the cluster itself."""
    deadline = datetime.now().astimezone() + timedelta(seconds=seconds)
    with server.objects.lock:
        while not look():
            assert datetime.now().astimezone() < deadline, "it did not happen in the cluster"
            server.objects.lock.wait(0.1)


def _named(name: str, labels: dict[str, str] | None = None) -> Object:
    return {"metadata": {"name": name, "labels": labels or {}}}


def _ending(action: str) -> str:
    return {"TerminateJob": "Terminating", "AbortJob": "Aborting", "CompleteJob": "Completing"}[
        action
    ]


def _run_of(pod: Object) -> str:
    return str(pod["metadata"]["labels"].get("gpubot.io/run", ""))


def _is_over(pod: Object) -> bool:
    return pod["status"]["phase"] in ("Succeeded", "Failed")


def _node_of(task: Object) -> str:
    affinity = task["template"]["spec"]["affinity"]["nodeAffinity"]
    term = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0]
    return str(term["matchExpressions"][0]["values"][0])


def _gpus_of(spec: Object) -> int:
    return int(spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"])

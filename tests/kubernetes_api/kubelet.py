"""The nodes' kubelets: they start containers, run the programs of tests, and end them.

An image says how its program behaves: `program/ordinary`, `program/stubborn`, `program/simple`;
`program/missing` cannot be pulled.
"""

from __future__ import annotations

import copy
from datetime import datetime, timedelta

from kubernetes_api.objects import Object, Place, Refusal
from kubernetes_api.server import ApiServer

RECLAIM_AT = "gpubot.io/reclaim-at"


class Kubelet:
    """All of them at once."""

    def __init__(self, server: ApiServer, pods: Place, events: Place) -> None:
        self.server, self.objects = server, server.objects
        self.pods, self.events = pods, events
        #: Containers started, by pod.
        self.started: dict[str, int] = {}
        #: The environment of each container, secrets filled in.
        self.environments: dict[str, dict[str, str]] = {}
        self._warned: set[str] = set()
        #: Whether pods that were deleted stay where they are: their node is dead.
        self.dead_nodes: set[str] = set()
        self._numbers = 0

    def step(self) -> None:
        for pod in list(self.objects.all(self.pods)):
            if pod["spec"].get("nodeName", "") in ("", *self.dead_nodes):
                if pod["metadata"].get("deletionTimestamp") and not pod["spec"].get("nodeName"):
                    self.objects.remove(self.pods, pod["metadata"]["name"])
                continue
            self._play(pod)

    def finish(self, pod: str, code: int, reason: str = "") -> None:
        """Have a container end."""
        how = reason or ("Completed" if code == 0 else "Error")

        def change(found: Object) -> None:
            status = found["status"]
            state = status["containerStatuses"][0]["state"]
            if "terminated" in state:
                return
            ended = {"exitCode": code, "reason": how, "finishedAt": self.objects.stamp()}
            ended["startedAt"] = state.get("running", {}).get("startedAt", self.objects.stamp())
            status["containerStatuses"][0]["state"] = {"terminated": ended}
            status["phase"] = "Failed" if code else "Succeeded"

        self.objects.change(self.pods, pod, change)

    def delete(self, pod: Object, grace: int | None) -> bool:
        """Begin to end a pod; whether it is still there."""
        name = pod["metadata"]["name"]
        if not pod["spec"].get("nodeName"):
            return False
        if pod["metadata"].get("deletionTimestamp"):
            return True
        own = pod["spec"].get("terminationGracePeriodSeconds", 30) if grace is None else grace
        until = self.objects.now() + timedelta(seconds=own)

        def change(found: Object) -> None:
            found["metadata"]["deletionTimestamp"] = f"{until:%Y-%m-%dT%H:%M:%S.%f}Z"
            found["metadata"]["deletionGracePeriodSeconds"] = own

        self.objects.change(self.pods, name, change)
        state = _state(pod)
        if "running" in state and pod["spec"]["nodeName"] not in self.dead_nodes:
            self._terminate(name, _program(pod))
        return True

    def event(
        self, kind: str, name: str, reason: str, message: str, severity: str = "Warning"
    ) -> None:
        self._numbers += 1
        self.objects.create(
            self.events,
            {
                "metadata": {"name": f"{name}.{self._numbers:x}"},
                "involvedObject": {"kind": kind, "name": name},
                "reason": reason,
                "message": message,
                "type": severity,
                "lastTimestamp": self.objects.stamp(),
            },
        )

    def _play(self, pod: Object) -> None:
        name, state = pod["metadata"]["name"], _state(pod)
        if pod["metadata"].get("deletionTimestamp"):
            return self._go_on_ending(pod)
        if not state:
            return self._begin(pod)
        is_warned = bool(pod["metadata"].get("annotations", {}).get(RECLAIM_AT))
        if "running" in state and is_warned and name not in self._warned:
            self._warned.add(name)
            if _program(pod) != "simple":
                self.server.log(name, "warned")
        return None

    def _begin(self, pod: Object) -> None:
        name = pod["metadata"]["name"]
        if _program(pod) == "missing":
            text = f'failed to pull image "{pod["spec"]["containers"][0]["image"]}": not found'
            return self._wait(name, "ErrImagePull", text)
        try:
            environment = self._environment(pod)
        except Refusal as refusal:
            return self._wait(name, "CreateContainerConfigError", str(refusal))
        if missing := self._missing_claim(pod):
            if not any(e["involvedObject"]["name"] == name for e in self.objects.all(self.events)):
                self.event(
                    "Pod", name, "FailedMount", f'persistentvolumeclaim "{missing}" not found'
                )
            return None
        self.started[name] = self.started.get(name, 0) + 1
        self.environments[name] = environment

        def change(found: Object) -> None:
            running = {"running": {"startedAt": self.objects.stamp()}}
            found["status"]["containerStatuses"] = [{"name": "worker", "state": running}]
            found["status"].update(phase="Running", conditions=[])

        self.objects.change(self.pods, name, change)
        worker = pod["metadata"]["labels"]["gpubot.io/worker"]
        return self.server.log(name, f"worker {worker} is here")

    def _wait(self, name: str, reason: str, message: str) -> None:
        waiting = {"waiting": {"reason": reason, "message": message}}
        status = {"containerStatuses": [{"name": "worker", "state": waiting}]}
        self.objects.change(
            self.pods, name, lambda found: found["status"].update(copy.deepcopy(status))
        )

    def _environment(self, pod: Object) -> dict[str, str]:
        found = {}
        for one in pod["spec"]["containers"][0]["env"]:
            if (source := one.get("valueFrom", {}).get("secretKeyRef")) is None:
                found[one["name"]] = one["value"]
                continue
            secret = self.objects.get(Place("", "secrets", self.pods.namespace), source["name"])
            if source["key"] not in secret["data"]:
                text = f"couldn't find key {source['key']} in Secret {source['name']}"
                raise Refusal(404, "NotFound", text)
            found[one["name"]] = secret["data"][source["key"]]
        return found

    def _missing_claim(self, pod: Object) -> str:
        claims = Place("", "persistentvolumeclaims", self.pods.namespace)
        known = {one["metadata"]["name"] for one in self.objects.all(claims)}
        wanted = [
            v.get("persistentVolumeClaim", {}).get("claimName") for v in pod["spec"]["volumes"]
        ]
        return next((name for name in wanted if name and name not in known), "")

    def _terminate(self, name: str, program: str) -> None:
        """SIGTERM."""
        if program == "ordinary":
            self.server.log(name, "saved")
            self.finish(name, 0)
        elif program == "simple":
            self.finish(name, 143)

    def _go_on_ending(self, pod: Object) -> None:
        name, state = pod["metadata"]["name"], _state(pod)
        until = datetime.fromisoformat(pod["metadata"]["deletionTimestamp"])
        if "running" in state and self.objects.now() >= until:
            self.finish(name, 137)
        elif "waiting" in state:
            # What real ones say of a container that never began.
            self.finish(name, 137, "ContainerStatusUnknown")
        elif "running" not in state:
            self.objects.remove(self.pods, name)


def _state(pod: Object) -> Object:
    statuses = pod["status"].get("containerStatuses") or [{}]
    return dict(statuses[0].get("state") or {})


def _program(pod: Object) -> str:
    return str(pod["spec"]["containers"][0]["image"]).rpartition("/")[2]

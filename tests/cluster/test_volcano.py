"""The Kubernetes runner against a real cluster with Volcano: `pytest -m cluster tests/cluster`.

KUBECONFIG names the cluster, in which `kubectl apply -k deploy/kubernetes` has made namespaces and
queues. Nodes need no GPUs: GPUBOT_TEST_RESOURCE names what is counted instead (`cpu`, by default),
GPUBOT_TEST_NAMESPACE the namespace, GPUBOT_TEST_IMAGE an image with a shell (`busybox`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.booking import Priority
from bot.domain.job import Job
from bot.domain.run import Observation, RunState, Worker, WorkOrder, run_key
from bot.runners.kubernetes.api import Denied
from bot.runners.kubernetes.runner import KubernetesRunner, kubernetes_runner
from bot.runners.kubernetes.settings import KubernetesSettings
from bot.runners.protocol import RunnerError

KUBECONFIG = os.environ.get("KUBECONFIG", "")
RESOURCE = os.environ.get("GPUBOT_TEST_RESOURCE", "cpu")
NAMESPACE = os.environ.get("GPUBOT_TEST_NAMESPACE", "gpubot-runs")
IMAGE = os.environ.get("GPUBOT_TEST_IMAGE", "busybox")
#: Seconds: a real cluster pulls images and starts containers.
PATIENCE_S = 180.0

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not KUBECONFIG, reason="KUBECONFIG names no cluster to try it with"),
]
ORDINARY = "trap 'echo saved; exit 0' TERM; echo here; while :; do sleep 1; done"
STUBBORN = "trap '' TERM; echo here; while :; do sleep 1; done"


class Tried:
    """A runner, and what was started with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = KubernetesSettings(KUBECONFIG, namespace=NAMESPACE, gpu_resource=RESOURCE)
        self.runner = self.open()
        self.orders: list[WorkOrder] = []

    def open(self) -> KubernetesRunner:
        return kubernetes_runner(self.settings, self.folder)

    def restart(self) -> None:
        self.runner.close()
        self.runner = self.open()

    def start(self, script: str, *, workers: int = 1, each: int = 1, image: str = IMAGE) -> str:
        node = self.node()
        number = time.time_ns() // 1_000_000 % 10_000_000
        job = Job(("/bin/sh", "-c", script), image=image, grace=timedelta(seconds=5))
        shares = [Worker(index, node, tuple(range(each))) for index in range(workers)]
        order = WorkOrder(
            key=run_key(number, 1), booking=number, first=number, owner="U0ALICE", account="",
            team="vision", priority=Priority.P2, preemptible=True, job=job, workers=tuple(shares),
            ends_at=datetime.now(UTC) + timedelta(hours=1), warning=timedelta(minutes=30),
        )  # fmt: skip
        self.runner.start(order)
        self.orders.append(order)
        return order.key

    def node(self) -> str:
        self.runner.nodes()
        nodes = self.runner._nodes.objects().values()
        ready = [one for one in nodes if all(map(self._tolerates, one["spec"].get("taints", ())))]
        assert ready, "no node takes the pods of runs"
        return str(ready[0]["metadata"]["labels"][self.settings.node_label])

    def _tolerates(self, taint: dict[str, str]) -> bool:
        return taint["effect"] == "PreferNoSchedule" or taint["key"] == self.settings.gpu_resource

    def look(self, key: str) -> Observation:
        return self.runner.observe([key])[key]

    def comes_to(self, key: str, *states: RunState) -> Observation:
        deadline = time.monotonic() + PATIENCE_S
        while (seen := self.look(key)).state not in states:
            assert time.monotonic() < deadline, f"{seen}: {self.words(key)}"
            time.sleep(0.5)
        return seen

    def writes(self, key: str, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.words(key):
            assert time.monotonic() < deadline, f"{self.look(key)}: {self.words(key)}"
            time.sleep(0.5)

    def words(self, key: str) -> str:
        return "".join(path.read_text() for path in self.runner.logs(key))

    def close(self) -> None:
        for order in self.orders:
            self.runner.stop(order.key, "the test is over")
            self.runner.forget(order.key)
        self.runner.close()


@pytest.fixture
def tried(tmp_path: Path) -> Iterator[Tried]:
    tried = Tried(tmp_path)
    try:
        yield tried
    finally:
        tried.close()


def test_a_run_ends_well(tried: Tried) -> None:
    key = tried.start("echo one; sleep 2; echo two")
    assert tried.comes_to(key, RunState.SUCCEEDED).exit_code == 0
    assert tried.words(key) == "one\ntwo\n"


def test_a_run_ends_badly(tried: Tried) -> None:
    key = tried.start("echo here; exit 3", workers=2)
    assert tried.comes_to(key, RunState.FAILED).exit_code == 3


def test_starting_twice_starts_once_also_after_a_restart(tried: Tried) -> None:
    key = tried.start(ORDINARY)
    tried.writes(key, "here")
    tried.restart()
    tried.runner.start(tried.orders[0])
    assert tried.comes_to(key, RunState.RUNNING)
    assert tried.words(key) == "here\n"


def test_a_run_is_ended_gracefully(tried: Tried) -> None:
    key = tried.start(ORDINARY)
    tried.writes(key, "here")
    tried.runner.stop(key, "its time is over")
    assert tried.comes_to(key, RunState.STOPPED)
    assert tried.words(key) == "here\nsaved\n"
    tried.restart()
    assert tried.look(key).state is RunState.STOPPED


def test_a_run_that_takes_no_notice_is_killed(tried: Tried) -> None:
    key = tried.start(STUBBORN)
    tried.writes(key, "here")
    tried.runner.stop(key, "its time is over")
    assert tried.comes_to(key, RunState.STOPPED).exit_code in (137, None)


def test_a_gang_waits_while_the_cluster_is_full(tried: Tried) -> None:
    key = tried.start(ORDINARY, workers=2, each=100_000)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        seen = tried.look(key)
        assert seen.state is RunState.PENDING
        time.sleep(1)
    assert seen.note.startswith("waiting for 2 of 2 pods")
    tried.runner.stop(key, "its time is over")
    tried.comes_to(key, RunState.STOPPED)


def test_an_image_that_cannot_be_pulled_is_told(tried: Tried) -> None:
    key = tried.start(ORDINARY, image="registry.invalid/no/such:image")
    deadline = time.monotonic() + PATIENCE_S
    while not (seen := tried.look(key)).is_trouble:
        assert time.monotonic() < deadline, seen
        time.sleep(1)
    assert "image pull failed" in seen.note


def test_a_warning_reaches_the_pod_as_a_file(tried: Tried) -> None:
    key = tried.start('while [ -z "$(cat $GPUBOT_RECLAIM_FILE)" ]; do sleep 1; done; echo warned')
    tried.comes_to(key, RunState.RUNNING)
    tried.runner.warn(key, datetime.now(UTC) + timedelta(minutes=30), "P0 work")
    tried.writes(key, "warned")


def test_an_evicted_run_keeps_its_log(tried: Tried) -> None:
    key = tried.start(ORDINARY)
    tried.writes(key, "here")
    api, pod = tried.runner._api, f"/api/v1/namespaces/{NAMESPACE}/pods/{key}-w0-0"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": f"{key}-w0-0"}}
    try:
        api.create(f"{pod}/eviction", eviction)
    except Denied as error:
        # The rights in deploy/kubernetes do not hold this one.
        pytest.skip(f"the credentials in KUBECONFIG cannot evict: {error}")
    tried.comes_to(key, RunState.LOST, RunState.STOPPED)
    assert tried.words(key) == "here\nsaved\n"


def test_a_job_that_the_cluster_does_not_take_is_told(tried: Tried) -> None:
    tried.start("true")
    other = replace(tried.settings, namespace="no-such-namespace")
    runner = kubernetes_runner(other, tried.folder / "other")
    try:
        # Refused by a namespace that is missing, Unreachable where even to ask is not allowed.
        with pytest.raises(RunnerError, match="no-such-namespace"):
            runner.start(replace(tried.orders[0], key=run_key(1, 1)))
    finally:
        runner.close()

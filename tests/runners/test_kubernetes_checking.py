"""What `gpubot check` says about a Kubernetes cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kubernetes_api.objects import Refusal
from kubernetes_api.server import Call
from kubernetes_api.volcano import JOBS
from runners.kubernetes_lab import KubernetesLab, kubernetes_lab, shipped_rights

from bot.domain.cluster import Node
from bot.runners.kubernetes.checking import look_at_kubernetes

NODES = (Node("gpu-01", 4, "V100"), Node("gpu-02", 4, "V100"))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[KubernetesLab]:
    with kubernetes_lab(tmp_path) as lab:
        yield lab


def test_all_is_well_and_nothing_is_changed(lab: KubernetesLab) -> None:
    assert list(look_at_kubernetes(lab.settings, NODES)) == [
        (True, "Kubernetes: answers, and shows Volcano's jobs in gpubot-runs"),
        (True, "Kubernetes: would take jobs of all priorities"),
        (True, "Kubernetes: 2 nodes with 8 GPUs"),
    ]
    assert list(lab.server.objects.all(JOBS)) == []


def test_nodes_that_are_not_as_the_file_says_are_named(lab: KubernetesLab) -> None:
    lab.volcano.set_ready("gpu-02", False)
    nodes = (Node("gpu-01", 8, "V100"), Node("gpu-09", 4, "V100"))
    bad = [text for ok, text in look_at_kubernetes(lab.settings, nodes) if not ok]
    assert bad == [
        "Kubernetes: gpu-02 is not ready: Kubelet stopped posting node status.",
        "Kubernetes: gpu-01 has 4 GPUs there, and 8 here",
        "Kubernetes: there is no node gpu-09 with GPUs",
    ]
    learns = replace(lab.settings, learns_nodes=True)
    assert len([ok for ok, _text in look_at_kubernetes(learns, ()) if not ok]) == 1


def test_what_volcano_would_not_take_is_said_before_anybody_books(lab: KubernetesLab) -> None:
    create = Call("batch.volcano.sh", "jobs", "create")
    lab.server.faults[create] = Refusal(400, "BadRequest", "unable to find job queue")
    said = [text for ok, text in look_at_kubernetes(lab.settings, NODES) if not ok]
    assert len(said) == 3
    assert all("unable to find job queue" in text for text in said)


def test_missing_rights_and_an_absent_cluster_are_said(lab: KubernetesLab) -> None:
    lab.server.rights = shipped_rights() - {Call("", "events", "list")}
    [(ok, text)] = look_at_kubernetes(lab.settings, NODES)
    assert not ok
    assert 'cannot list resource "events"' in text
    lab.cut()
    [(ok, text)] = look_at_kubernetes(lab.settings, NODES)
    assert not ok
    assert "cannot be reached" in text


def test_gpubot_without_kubernetes_does_not_pay_for_its_client() -> None:
    script = "import sys, bot.main, bot.check; sys.exit('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

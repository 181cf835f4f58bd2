"""DCGM's metrics as readings: which node and GPU they are of, and what cannot be true."""

from __future__ import annotations

from typing import Any

import pytest
from builders import cluster
from exporters import labels_of

from bot.domain.cluster import Node
from bot.domain.gpu_health import Reading
from bot.monitoring.dcgm import METRICS, NodeNames, Readings, to_readings
from bot.monitoring.prometheus import Sample

NODES = (Node("gpu-01", 4, "V100"), Node("GPU-02.lab.example.org", 8, "A100"))


def sample(name: str, value: float, node: str = "gpu-01", gpu: int = 0, **more: str) -> Sample:
    return Sample({**labels_of(node, gpu), "__name__": name, **more}, value)


def read(*samples: Sample, **options: Any) -> Readings:
    return to_readings(samples, cluster(nodes=NODES), **options)


def test_all_metrics_of_a_gpu_become_one_reading() -> None:
    found = read(
        sample("DCGM_FI_DEV_GPU_UTIL", 97, gpu=3),
        sample("DCGM_FI_DEV_GPU_TEMP", 71, gpu=3),
        sample("DCGM_FI_DEV_FB_USED", 70_000, gpu=3, pod="train-0", namespace="vision"),
        sample("DCGM_FI_DEV_FB_FREE", 10_000, gpu=3),
        sample("DCGM_FI_DEV_XID_ERRORS", 31, gpu=3),
        sample("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", 0, gpu=3),
        sample("DCGM_FI_DEV_ROW_REMAP_FAILURE", 0, gpu=3),
    )
    assert found.found == (
        Reading("gpu-01", 3, 97, 71, 70_000, 10_000, 31, 0, False, "vision", "train-0"),
    )
    assert (found.dropped, found.strangers) == (0, ())


@pytest.mark.parametrize(
    ("labels", "node"),
    [
        ({"Hostname": "gpu-01"}, "gpu-01"),
        ({"hostname": "GPU-01"}, "gpu-01"),
        ({"Hostname": "gpu-01.lab.example.org"}, "gpu-01"),
        ({"Hostname": "gpu-02"}, "GPU-02.lab.example.org"),
        ({"Hostname": "gpu-02.lab.example.org"}, "GPU-02.lab.example.org"),
        ({"Hostname": "gpu-02.other.example.org"}, None),
        ({"Hostname": "dcgm-exporter-x7k2p", "node": "gpu-01"}, "gpu-01"),
        ({"instance": "gpu-01:9400"}, "gpu-01"),
        ({"instance": "10.0.0.7:9400"}, None),
        ({}, None),
    ],
)
def test_nodes_are_known_by_their_names_in_any_of_the_usual_labels(
    labels: dict[str, str], node: str | None
) -> None:
    found = NodeNames(NODES).find(labels)
    assert (None if found is None else found.name) == node


def test_a_label_of_ones_own_names_the_node_alone() -> None:
    names = NodeNames(NODES, "machine")
    assert names.find({"machine": "gpu-01", "Hostname": "gpu-02"}) == NODES[0]
    assert names.find({"Hostname": "gpu-01"}) is None


def test_two_nodes_of_one_short_name_are_told_apart_by_their_whole_names() -> None:
    names = NodeNames([Node("a.north", 1, "V100"), Node("a.south", 1, "V100")])
    assert names.find({"Hostname": "a"}) is None
    assert names.find({"Hostname": "A.South"}) == Node("a.south", 1, "V100")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DCGM_FI_DEV_GPU_TEMP", 9.223372036854776e18),
        ("DCGM_FI_DEV_GPU_TEMP", 2_147_483_632.0),
        ("DCGM_FI_DEV_FB_USED", 140_737_488_355_328.0),
        ("DCGM_FI_DEV_GPU_TEMP", -1.0),
        ("DCGM_FI_DEV_GPU_TEMP", 451.0),
        ("DCGM_FI_DEV_GPU_UTIL", 101.0),
    ],
)
def test_what_cannot_be_true_is_left_out_and_counted(name: str, value: float) -> None:
    found = read(sample(name, value), sample("DCGM_FI_DEV_XID_ERRORS", 0))
    assert found.dropped == 1
    assert found.found == (Reading("gpu-01", 0, xid=0),)


@pytest.mark.parametrize("gpu", ["4", "-1", "1.0", "", "GPU0", "９", "0001"])
def test_a_gpu_that_the_node_does_not_have_is_left_out(gpu: str) -> None:
    found = read(Sample({**labels_of("gpu-01", 0), "__name__": METRICS[0], "gpu": gpu}, 50))
    assert (found.found, found.dropped) == ((), 1)


def test_machines_that_are_no_nodes_are_named() -> None:
    found = read(sample("DCGM_FI_DEV_GPU_UTIL", 50, node="other"))
    assert (found.found, found.strangers) == ((), ("other",))


def test_slices_of_one_gpu_are_merged_by_the_worst() -> None:
    slices = [
        sample(name, value, GPU_I_ID=slice_)
        for slice_, values in {"1": (10, 90, 10), "2": (60, 10, 90)}.items()
        for name, value in zip(
            ("DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE"),
            values,
            strict=True,
        )
    ]
    busy = sample("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.25, GPU_I_ID="2")
    (reading,) = read(*slices, busy).found
    assert (reading.temperature, reading.memory, reading.utilisation) == (60, 0.9, 25)


def test_the_exporters_own_labels_are_found_where_prometheus_keeps_its_own() -> None:
    mine = {"namespace": "monitoring", "pod": "dcgm-exporter-x7k2p",
            "exported_namespace": "vision", "exported_pod": "train-0", "hpc_job": "77",
            "user": "bob@example.org"}  # fmt: skip
    (reading,) = read(sample("DCGM_FI_DEV_GPU_UTIL", 50, **mine)).found
    said = (reading.namespace, reading.pod, reading.hpc_job, reading.user)
    assert said == ("vision", "train-0", "77", "bob@example.org")


def test_all_metrics_are_asked_for_by_name() -> None:
    assert len(set(METRICS)) == len(METRICS) == 8

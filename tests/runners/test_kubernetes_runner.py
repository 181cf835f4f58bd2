"""Runs in a Kubernetes cluster with Volcano: what happens there, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from kubernetes_api.volcano import JOBS, PODS
from runners.contract import RECLAIM_AT, Program, Run, run_in
from runners.kubernetes_lab import KubernetesLab, kubernetes_lab, shipped_rights
from runners.waiting import eventually

from bot.domain.job import Volume, VolumeKind
from bot.domain.run import RunState, Worker
from bot.runners.kubernetes.runner import kubernetes_runner
from bot.runners.protocol import Unreachable


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[KubernetesLab]:
    with kubernetes_lab(tmp_path) as lab:
        yield lab


def gpus(run: Run, each: int) -> Run:
    """The same run, with so many GPUs for each worker."""
    workers = [Worker(one.index, one.node, tuple(range(each))) for one in run.order.workers]
    return Run(run.lab, replace(run.order, workers=tuple(workers)))


def pod_of(run: Run, worker: int = 0) -> str:
    return f"{run.key}-w{worker}-0"


def told(run: Run) -> str:
    return eventually(lambda: run.look().note)


@pytest.mark.parametrize("makes_pods_early", [False, True])
def test_a_gang_waits_on_a_full_cluster_and_that_is_no_failure(
    lab: KubernetesLab, makes_pods_early: bool
) -> None:
    lab.volcano.makes_pods_early = makes_pods_early
    first = gpus(run_in(lab), 4).start()
    gang = gpus(run_in(lab, workers=2), 4)
    lab.runner.start(gang.order)
    eventually(lambda: "Insufficient" in gang.look().note)
    seen = gang.look()
    assert seen.state is RunState.PENDING
    assert not seen.is_trouble
    assert seen.note == "waiting for 2 of 2 pods: 2 Insufficient nvidia.com/gpu"
    assert len(lab.volcano.pods(gang.key)) == (2 if makes_pods_early else 0)
    lab.finish(first.key, 0)
    gang.comes_to(RunState.RUNNING)


def test_a_gang_that_waits_can_be_stopped(lab: KubernetesLab) -> None:
    gpus(run_in(lab), 4).start()
    gang = gpus(run_in(lab, workers=2), 4)
    lab.runner.start(gang.order)
    told(gang)
    lab.runner.stop(gang.key, "its time is over")
    assert gang.comes_to(RunState.STOPPED).exit_code is None


def test_an_image_that_cannot_be_pulled_is_told(lab: KubernetesLab) -> None:
    run = run_in(lab, Program.MISSING)
    lab.runner.start(run.order)
    eventually(lambda: run.look().is_trouble)
    assert told(run).startswith('image pull failed: failed to pull image "program/missing"')
    lab.runner.stop(run.key, "its time is over")
    run.comes_to(RunState.STOPPED)


def test_a_claim_that_is_not_there_is_told(lab: KubernetesLab) -> None:
    run = run_in(lab)
    volumes = (Volume(VolumeKind.CLAIM, "coco", "/data"),)
    run.order = replace(run.order, job=replace(run.order.job, volumes=volumes))
    lab.runner.start(run.order)
    eventually(lambda: run.look().is_trouble)
    assert run.look().note == ('a volume cannot be mounted: persistentvolumeclaim "coco" not found')


def test_logs_are_kept_although_eviction_takes_the_pods(lab: KubernetesLab) -> None:
    run = run_in(lab, workers=2).start()
    lab.say(run.key, "epoch 7")
    lab.volcano.evict(run.key)
    seen = run.comes_to(RunState.STOPPED)
    assert seen.note == "evicted by the cluster's scheduler for other work"
    assert lab.volcano.pods(run.key) == []
    assert "epoch 7\nsaved\n" in run.words()
    lab.restart()
    assert run.look() == seen
    assert "epoch 7\nsaved\n" in run.words()


def test_a_pod_that_ends_well_because_it_was_evicted_has_not_succeeded(lab: KubernetesLab) -> None:
    run = run_in(lab).start()
    lab.volcano.is_awake = False
    lab.volcano.evict(run.key)
    # What Volcano says when it sees the pod's success before its end.
    lab.volcano._set_phase(run.key, "Completed")
    assert run.comes_to(RunState.STOPPED).exit_code == 0


def test_too_little_memory_is_told_as_that(lab: KubernetesLab) -> None:
    run = run_in(lab, workers=2).start()
    lab.volcano.kubelet.finish(pod_of(run, 1), 137, "OOMKilled")
    seen = run.comes_to(RunState.FAILED)
    assert seen.note == "worker 1 needed more memory than there is (OOMKilled, exit code 137)"
    assert seen.exit_code == 137


def test_a_node_that_dies_is_told_and_its_run_is_lost_once_its_pods_are(
    lab: KubernetesLab,
) -> None:
    run = run_in(lab).start()
    lab.volcano.kubelet.dead_nodes.add("gpu-01")
    lab.volcano.set_ready("gpu-01", False)
    assert told(run) == "gpu-01 does not answer"
    assert run.look().state is RunState.RUNNING
    taken = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}
    lab.volcano.take(pod_of(run), taken)
    run.look()
    lab.volcano.vanish(pod_of(run))
    seen = run.comes_to(RunState.LOST)
    assert seen.note == "its node was lost: gpu-01"
    assert seen.is_trouble


def test_logs_are_whole_and_nothing_is_doubled_however_often_connections_break(
    lab: KubernetesLab,
) -> None:
    run = run_in(lab).start()
    for number in range(60):
        lab.say(run.key, f"line {number}")
        if number % 20 == 5:
            lab.server.break_watches()
        if number % 20 == 15:
            lab.restart()
    lab.finish(run.key, 0)
    run.comes_to(RunState.SUCCEEDED)
    assert run.words().splitlines() == ["worker 0 is here", *(f"line {n}" for n in range(60))]


def test_what_another_process_copied_of_a_run_can_be_dropped(
    lab: KubernetesLab, tmp_path: Path
) -> None:
    other = kubernetes_runner(lab.settings, tmp_path / "of-another")
    try:
        other.nodes()
        run = run_in(lab).start()
        lab.say(run.key, "epoch 1")
        eventually(lambda: any("epoch 1" in path.read_text() for path in other.logs(run.key)))
        lab.finish(run.key, 0)
        run.comes_to(RunState.SUCCEEDED)
        lab.runner.forget(run.key)
        assert (lab.runner.copied(), other.copied()) == ([], [run.key])
        other.drop(run.key)
        assert list((tmp_path / "of-another").iterdir()) == []
    finally:
        other.close()


def test_a_log_that_could_not_be_written_for_a_while_is_gone_on_with(
    lab: KubernetesLab, caplog: pytest.LogCaptureFixture
) -> None:
    run = run_in(lab)
    in_the_way = lab.kept / run.key / "worker-0.log"
    in_the_way.mkdir(parents=True)
    lab.runner.start(run.order)
    run.comes_to(RunState.RUNNING)
    eventually(lambda: "the log broke off" in caplog.text)
    in_the_way.rmdir()
    lab.say(run.key, "epoch 1")
    run.writes("epoch 1")
    assert caplog.text.count("Is a directory") == 1


def test_lines_of_one_instant_are_each_kept(lab: KubernetesLab) -> None:
    run = run_in(lab).start()
    at = "2031-01-01T00:00:00.5Z"
    for number in range(3):
        lab.server.log(pod_of(run), f"same {number}", at)
    run.writes("same 2")
    lab.restart()
    lab.server.log(pod_of(run), "same 3", at)
    lab.server.log(pod_of(run), "later", "2031-01-01T00:00:00.51Z")
    run.writes("later")
    wanted = ["worker 0 is here", "same 0", "same 1", "same 2", "same 3", "later"]
    assert run.words().splitlines() == wanted


def test_of_a_long_log_the_end_is_kept(tmp_path: Path) -> None:
    with kubernetes_lab(tmp_path, log_limit=2000) as lab:
        run = run_in(lab).start()
        for number in range(300):
            lab.say(run.key, f"line {number}")
        lab.finish(run.key, 0)
        run.comes_to(RunState.SUCCEEDED)
        lines = run.words().splitlines()
        assert lines[0] == "[gpubot: older lines were dropped here]"
        assert lines[-1] == "line 299"
        assert lines[1:] == [f"line {n}" for n in range(301 - len(lines), 300)]
        assert len(run.words()) <= 2010


def test_a_job_that_somebody_deleted_is_lost(lab: KubernetesLab) -> None:
    run = run_in(lab).start()
    lab.volcano._on_delete(JOBS, lab.volcano.job(run.key), None)
    lab.server.objects.remove(JOBS, run.key)
    seen = run.comes_to(RunState.LOST)
    assert seen.note == "somebody deleted its job in the cluster"


def test_pods_that_somebody_deleted_are_lost(lab: KubernetesLab) -> None:
    run = run_in(lab).start()
    lab.volcano.take(pod_of(run))
    assert run.comes_to(RunState.LOST).note == "somebody ended its pods in the cluster"


def test_a_stop_is_known_although_its_job_went_while_gpubot_was_away(lab: KubernetesLab) -> None:
    run = run_in(lab).start()
    lab.runner.stop(run.key, "its time is over")
    lab.runner.close()
    eventually(lambda: lab.volcano.job(run.key)["status"]["state"]["phase"] == "Terminated")
    lab.server.objects.remove(JOBS, run.key)
    lab.restart()
    run.comes_to(RunState.STOPPED)


def test_a_stop_reaches_the_pods_while_volcano_is_away(lab: KubernetesLab) -> None:
    run = run_in(lab).start()
    lab.volcano.is_awake = False
    lab.runner.stop(run.key, "its time is over")
    run.writes("saved")
    eventually(lambda: not lab.volcano.pods(run.key))
    assert run.look().state is RunState.STOPPING
    lab.volcano.is_awake = True
    run.comes_to(RunState.STOPPED)


def test_a_stop_is_done_although_volcano_never_comes_to_it(lab: KubernetesLab) -> None:
    runs, waits = run_in(lab).start(), run_in(lab)
    lab.volcano.is_awake = False
    lab.runner.start(waits.order)
    lab.runner.insist_after_s = 0.2
    for run in (runs, waits):
        lab.runner.stop(run.key, "its time is over")
        run.comes_to(RunState.STOPPED)
    lab.volcano.is_awake = True
    assert lab.volcano.pods(waits.key) == []
    lab.restart()
    assert waits.look().state is RunState.STOPPED


def test_a_pod_has_its_grace_and_is_killed_then(lab: KubernetesLab) -> None:
    run = run_in(lab, Program.STUBBORN, grace=timedelta(minutes=5)).start()
    lab.runner.stop(run.key, "its time is over")
    run.comes_to(RunState.STOPPING)
    lab.server.objects.ahead = timedelta(minutes=6)
    seen = run.comes_to(RunState.STOPPED)
    assert seen.exit_code == 137
    assert seen.note == "it did not end within its grace, and was killed"


def test_a_warning_is_an_annotation_of_each_pod(lab: KubernetesLab) -> None:
    run = run_in(lab, workers=2).start()
    lab.runner.warn(run.key, RECLAIM_AT, "P0 work of U0CHEN")
    pods = [lab.server.objects.get(PODS, pod_of(run, worker)) for worker in (0, 1)]
    for pod in pods:
        assert pod["metadata"]["annotations"]["gpubot.io/reclaim-at"] == RECLAIM_AT.isoformat()


def test_a_warning_reaches_pods_that_come_after_it(lab: KubernetesLab) -> None:
    first = gpus(run_in(lab), 4).start()
    late = gpus(run_in(lab), 4)
    lab.runner.start(late.order)
    told(late)
    lab.runner.warn(late.key, RECLAIM_AT, "P0 work")
    lab.finish(first.key, 0)
    late.comes_to(RunState.RUNNING)
    eventually(lambda: late.look() and "warned" in late.words(), late.words)


def test_the_cluster_and_its_nodes_are_read(lab: KubernetesLab) -> None:
    lab.volcano.add_node("gpu-10", 8, "NVIDIA-A100-SXM4-80GB")
    seen = eventually(lambda: found if len(found := lab.runner.nodes()) == 3 else None)
    assert [(node.name, node.gpus, node.model, node.trouble) for node in seen] == [
        ("gpu-01", 4, "V100-SXM2-32GB", ""),
        ("gpu-02", 4, "V100-SXM2-32GB", ""),
        ("gpu-10", 8, "A100-SXM4-80GB", ""),
    ]
    lab.volcano.set_ready("gpu-02", False)
    eventually(lambda: "stopped posting" in lab.runner.nodes()[1].trouble)
    lab.cut()
    eventually(lambda: lab.runner._nodes.problem)
    with pytest.raises(Unreachable):
        lab.runner.nodes()


def test_the_rights_that_are_shipped_are_those_that_are_used(lab: KubernetesLab) -> None:
    run = run_in(lab, workers=2).start()
    lab.runner.observe([run.key, "gpubot-b9999-1"])
    lab.runner.warn(run.key, RECLAIM_AT, "P0 work")
    lab.runner.nodes()
    lab.runner.stop(run.key, "its time is over")
    run.comes_to(RunState.STOPPED)
    lab.runner.forget(run.key)
    assert lab.server.calls == shipped_rights()

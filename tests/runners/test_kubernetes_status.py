"""What is told of a run, by what its job, its pods and the events about them show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.run import RunState
from bot.runners.kubernetes.pods import Pod, from_json, pod_of, to_json
from bot.runners.kubernetes.status import Seen, observe

AT = datetime(2026, 11, 25, 2, tzinfo=UTC)


def pod(worker: int = 0, **more: Any) -> Pod:
    return Pod(f"gpubot-b1-1-w{worker}-0", "gpubot-b1-1", worker, **more)


def event(reason: str, message: str, kind: str = "Pod", second: int = 0) -> dict[str, Any]:
    at = f"2026-11-25T02:00:{second:02}Z"
    about = {"kind": kind, "name": "gpubot-b1-1"}
    return {
        "reason": reason, "message": message, "involvedObject": about, "type": "Warning",
        "lastTimestamp": at,
    }  # fmt: skip


def ended(code: int, worker: int = 0, after: int = 0, **more: Any) -> Pod:
    phase = "Failed" if code else "Succeeded"
    at = AT + timedelta(seconds=after)
    return pod(worker, phase=phase, exit_code=code, ended_at=at, node="gpu-01", **more)


NOT_CREATED = (
    "Error creating pods: [failed to create pod gpubot-b1-1-w1-0, err: &errors.StatusError{"
    'ErrStatus:v1.Status{TypeMeta:v1.TypeMeta{Kind:"", APIVersion:""}, Status:"Failure", '
    'Message:"pods \\"gpubot-b1-1-w1-0\\" is forbidden: exceeded quota: gpus", '
    'Reason:"Forbidden", Code:403}}]'
)
WAITING = [
    (Seen("Pending", 2, ()), "waiting for 2 of 2 pods", False),
    (
        Seen("Pending", 1, (), [event("PodGroupPending", "3 Insufficient nvidia.com/gpu", "Job")]),
        "waiting for 1 of 1 pods: 3 Insufficient nvidia.com/gpu",
        False,
    ),
    (
        Seen("Pending", 1, [pod(unbound='persistentvolumeclaim "coco" not found')]),
        'a volume is missing: persistentvolumeclaim "coco" not found',
        True,
    ),
    (
        Seen("Pending", 1, [pod(waiting='ImagePullBackOff: Back-off pulling image "lab/yolo:9"')],
             [event("Failed", "Failed to pull lab/yolo:9: not found", second=1),
              event("Failed", "Error: ErrImagePull", second=0)]),
        "image pull failed: Failed to pull lab/yolo:9: not found",
        True,
    ),
    (
        Seen("Pending", 1, [pod(waiting='ImagePullBackOff: Back-off pulling image "lab/yolo:9"')],
             [event("Failed", "Failed to pull lab/yolo:9: not found", second=0),
              event("Failed", "Error: ErrImagePull", second=0),
              event("Failed", "Error: ImagePullBackOff", second=9)]),
        "image pull failed: Failed to pull lab/yolo:9: not found",
        True,
    ),
    (
        Seen("Pending", 1, [pod(waiting="InvalidImageName: couldn't parse image")]),
        "image pull failed: couldn't parse image",
        True,
    ),
    (
        Seen("Pending", 1, [pod(waiting='CreateContainerConfigError: secret "wandb" not found')]),
        'its container cannot start: secret "wandb" not found',
        True,
    ),
    (
        Seen("Pending", 1, (), [event("FailedCreate", "exceeded quota: gpus", "Job")]),
        "its pods cannot be made: exceeded quota: gpus",
        True,
    ),
    (
        Seen("Pending", 2, [pod()], [event("FailedCreate", NOT_CREATED, "Job")]),
        'its pods cannot be made: pods "gpubot-b1-1-w1-0" is forbidden: exceeded quota: gpus',
        True,
    ),
    (
        Seen("Pending", 2, [pod(unbound="pod group is not ready, 2 Pending"),
                            pod(1, unbound="all nodes are unavailable: 1 Insufficient cpu.")]),
        "waiting for 2 of 2 pods: 1 Insufficient cpu",
        False,
    ),
    (
        Seen("Pending", 2, [pod(unbound="Pod gpubot-runs/gpubot-b1-1-w0-0 can possibly be "
                                        "assigned to gpu-01, once minAvailable is satisfied"),
                            pod(1, unbound="0/2 nodes are available: 1 Insufficient cpu.")]),
        "waiting for 2 of 2 pods: 1 Insufficient cpu",
        False,
    ),
    (
        Seen("Pending", 2, [pod(phase="Running"), pod(1, phase="Succeeded")],
             [event("Unschedulable", "1 Insufficient cpu", "PodGroup")]),
        "",
        False,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "note", "is_trouble"), WAITING)
def test_why_a_run_waits_is_told(seen: Seen, note: str, is_trouble: bool) -> None:
    found = observe(seen)
    assert (found.state, found.note, found.is_trouble) == (RunState.PENDING, note, is_trouble)


GANG = (
    "2/2 tasks in gang unschedulable: pod group is not ready, 2 Pending, 2 minAvailable; "
    "Pending: 2 Unschedulable"
)
REASONS = [
    (GANG, "waiting for 2 of 2 pods"),
    (
        "0/2 tasks in gang unschedulable: pod group is ready, 2 Binding, 2 minAvailable",
        "waiting for 2 of 2 pods",
    ),
    (
        '2 plugin VolumeZone pre-predicates failed persistentvolumeclaim "coco" not found',
        'a volume is missing: persistentvolumeclaim "coco" not found',
    ),
    (
        GANG + ". Origin reason is gpubot-b1-1-w0-0: 0/2 nodes are unavailable: 1 Insufficient "
        "nvidia.com/gpu, 1 node(s) didn't match Pod's node affinity/selector.",
        "waiting for 2 of 2 pods: 1 Insufficient nvidia.com/gpu",
    ),
    (
        GANG + ". Origin reason is: queue resource quota insufficient",
        "waiting for 2 of 2 pods: queue resource quota insufficient",
    ),
    (
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
        "waiting for 2 of 2 pods: 3 node(s) didn't match Pod's node affinity/selector",
    ),
]


@pytest.mark.parametrize(("said", "note"), REASONS)
def test_the_schedulers_words_are_cut_down_to_the_reason(said: str, note: str) -> None:
    assert observe(Seen("Pending", 2, (), [event("Unschedulable", said, "PodGroup")])).note == note
    assert observe(Seen("Pending", 2, [pod(unbound=said)])).note == note


ENDED = [
    (Seen("Completed", 1, [ended(0)]), RunState.SUCCEEDED, ""),
    (Seen("Completed", 1, []), RunState.SUCCEEDED, ""),
    (Seen("Terminated", 1, [ended(3)]), RunState.FAILED, "it ended with exit code 3"),
    (
        Seen("Terminated", 2, [ended(143, 0, 9), ended(3, 1, 2)]),
        RunState.FAILED,
        "worker 1 ended with exit code 3",
    ),
    (
        Seen("Failed", 1, [ended(128, reason="StartError", message="exec: train: not found")]),
        RunState.FAILED,
        "it could not be started: exec: train: not found",
    ),
    (
        Seen("Terminated", 1, [pod(phase="Failed", reason="Evicted", node="gpu-01",
                                   message="The node was low on resource: memory.")]),
        RunState.FAILED,
        "it was evicted from gpu-01: The node was low on resource: memory.",
    ),
    (
        Seen("Terminated", 1, [ended(143, is_taken=True, taken_by="EvictionByEvictionAPI")]),
        RunState.LOST,
        "evicted by hand from gpu-01",
    ),
    (
        Seen("Terminated", 1, [ended(0, is_taken=True)], [event("Evict", "reclaimed")]),
        RunState.STOPPED,
        "evicted by the cluster's scheduler for other work",
    ),
    (Seen("Aborted", 1, []), RunState.LOST, "somebody ended its job in the cluster"),
    (Seen("Failed", 1, [], message="reach maxRetry"), RunState.FAILED, "reach maxRetry"),
    (Seen("", 1, [ended(0)]), RunState.SUCCEEDED, ""),
    (Seen("", 2, [ended(0)]), RunState.LOST, "somebody deleted its job in the cluster"),
    (Seen("Terminated", 1, [ended(0, is_taken=True)], is_stopped=True), RunState.STOPPED, ""),
    (
        Seen("Terminated", 1, [ended(137, is_taken=True, reason="Error")], is_stopped=True),
        RunState.STOPPED,
        "it did not end within its grace, and was killed",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "state", "note"), ENDED)
def test_how_a_run_ended_is_told(seen: Seen, state: RunState, note: str) -> None:
    found = observe(seen)
    assert (found.state, found.note) == (state, note)
    assert found.is_trouble is (state in (RunState.FAILED, RunState.LOST))


@pytest.mark.parametrize("phase", ["Completed", "Failed", "Terminated", "Aborted", ""])
def test_nothing_is_over_while_a_pod_still_uses_its_gpus(phase: str) -> None:
    seen = Seen(phase, 2, [ended(0), pod(1, phase="Running", node="gpu-02")])
    assert observe(seen).state is RunState.STOPPING


def test_a_worker_that_failed_is_told_while_the_others_end() -> None:
    seen = Seen("Terminating", 2, [ended(3), pod(1, phase="Running", is_taken=True)])
    assert observe(seen).note == "worker 0 ended with exit code 3"


def test_notes_are_one_line_of_a_length_that_people_read() -> None:
    long = "Failed to pull:\n" + "x" * 500
    seen = Seen("Pending", 1, [pod(waiting="ErrImagePull: " + long)])
    note = observe(seen).note
    assert len(note) == 200
    assert "\n" not in note
    assert note.endswith("…")


def test_a_pod_that_is_deleted_while_it_runs_is_remembered_as_taken() -> None:
    running: dict[str, Any] = {
        "metadata": {
            "name": "gpubot-b1-1-w0-0",
            "labels": {"gpubot.io/run": "gpubot-b1-1", "gpubot.io/worker": "0"},
            "deletionTimestamp": "2026-11-25T02:00:00Z",
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False", "reason": "Evict"}],
            "containerStatuses": [
                {"name": "worker", "state": {"running": {"startedAt": "2026-11-25T01:00:00Z"}}}
            ],
        },
    }
    taken = pod_of(running)
    assert (taken.is_taken, taken.taken_by) == (True, "PreemptionByScheduler")
    over = {"terminated": {"exitCode": 0, "finishedAt": "2026-11-25T02:00:09Z"}}
    running["status"] = {
        "phase": "Succeeded",
        "containerStatuses": [{"name": "worker", "state": over}],
    }
    seen = pod_of(running, taken)
    assert seen.is_taken
    assert seen.exit_code == 0
    assert pod_of(running).is_taken is False
    assert from_json(to_json(seen)) == seen


def test_a_container_that_never_was_has_no_exit_code() -> None:
    ended: dict[str, Any] = {"exitCode": 137, "reason": "ContainerStatusUnknown"}
    found: dict[str, Any] = {
        "metadata": {"name": "gpubot-b1-1-w0-0", "deletionTimestamp": "2026-11-25T02:00:00Z"},
        "status": {
            "phase": "Failed",
            "containerStatuses": [{"name": "worker", "state": {"terminated": ended}}],
        },
    }
    waited = pod(waiting="ImagePullBackOff: Back-off pulling image", is_taken=True)
    seen = observe(Seen("Terminated", 1, [pod_of(found, waited)], is_stopped=True))
    assert (seen.state, seen.note, seen.exit_code) == (RunState.STOPPED, "", None)

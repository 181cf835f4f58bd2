"""The Volcano job that a run becomes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kubernetes_api import schemas
from kubernetes_api.objects import Refusal

from bot.domain.booking import Priority
from bot.domain.job import Job, Volume, VolumeKind
from bot.domain.run import Worker, WorkOrder
from bot.runners.kubernetes.manifest import grace_seconds, job_of, stop_command
from bot.runners.kubernetes.settings import KubernetesSettings
from bot.runners.protocol import Refused

SETTINGS = KubernetesSettings(host_paths=("/mnt/data",))
ORDER = WorkOrder(
    key="gpubot-b142-1",
    booking=142,
    first=142,
    owner="U0ALICE",
    account="alice",
    team="vision",
    priority=Priority.P1,
    preemptible=False,
    job=Job(("python", "train.py"), image="lab/yolo:9"),
    workers=(Worker(0, "gpu-01", (0, 1, 2, 3)), Worker(1, "gpu-02", (2, 3))),
    ends_at=datetime(2026, 11, 26, 10, tzinfo=UTC),
    warning=timedelta(minutes=30),
    env=(("GPUBOT_TOKEN", "t0k3n"),),
)


def made(order: WorkOrder = ORDER, settings: KubernetesSettings = SETTINGS) -> dict[str, Any]:
    """The job, as the API server takes it."""
    job = job_of(order, settings)
    schemas.check("Job", job)
    return job


def with_job(**more: Any) -> WorkOrder:
    return replace(ORDER, job=replace(ORDER.job, **more))


def pod(job: dict[str, Any], worker: int = 0) -> dict[str, Any]:
    return dict(job["spec"]["tasks"][worker]["template"]["spec"])


def env(job: dict[str, Any], worker: int = 0) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in pod(job, worker)["containers"][0]["env"]}


def test_all_workers_together_or_none() -> None:
    spec = made()["spec"]
    assert spec["minAvailable"] == len(spec["tasks"]) == 2
    assert [task["replicas"] for task in spec["tasks"]] == [1, 1]


def test_volcano_never_starts_anything_again_by_itself() -> None:
    spec = made()["spec"]
    assert spec["policies"] == [{"events": ["PodFailed", "PodEvicted"], "action": "TerminateJob"}]
    assert pod(made())["restartPolicy"] == "Never"


def test_the_priority_decides_the_queue_and_the_class() -> None:
    spec = made()["spec"]
    assert (spec["queue"], spec["priorityClassName"]) == ("gpubot-p1", "gpubot-p1")


def test_each_worker_goes_to_its_own_node_with_its_gpus() -> None:
    job = made()
    for worker, (node, gpus) in enumerate([("gpu-01", "4"), ("gpu-02", "2")]):
        required = "requiredDuringSchedulingIgnoredDuringExecution"
        terms = pod(job, worker)["affinity"]["nodeAffinity"][required]["nodeSelectorTerms"]
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        assert terms == [{"matchExpressions": [expression]}]
        limits = pod(job, worker)["containers"][0]["resources"]["limits"]
        assert limits == {"nvidia.com/gpu": gpus}


def test_jobs_and_pods_say_whose_they_are() -> None:
    job = made(replace(ORDER, team="视觉 team"))
    labels = {
        "app.kubernetes.io/managed-by": "gpubot",
        "gpubot.io/run": "gpubot-b142-1",
        "gpubot.io/booking": "B142",
        "gpubot.io/team": "team",
    }
    assert job["metadata"]["labels"] == labels
    own = job["spec"]["tasks"][1]["template"]["metadata"]["labels"]
    assert own == {**labels, "gpubot.io/worker": "1"}
    assert job["metadata"]["annotations"]["gpubot.io/team"] == "视觉 team"


def test_what_is_firm_is_kept_from_the_scheduler() -> None:
    assert made()["metadata"]["annotations"]["volcano.sh/preemptable"] == "false"
    job = made(replace(ORDER, preemptible=True))
    assert "volcano.sh/preemptable" not in job["metadata"]["annotations"]


def test_several_workers_find_the_first_one() -> None:
    job = made()
    assert job["spec"]["plugins"].keys() == {"env", "svc"}
    assert env(job, 1)["MASTER_ADDR"] == "gpubot-b142-1-w0-0.gpubot-b142-1"
    assert (env(job, 1)["NODE_RANK"], env(job, 1)["NNODES"]) == ("1", "2")
    alone = made(replace(ORDER, workers=ORDER.workers[:1]))
    assert "plugins" not in alone["spec"]
    assert "MASTER_ADDR" not in env(alone)


def test_a_job_may_name_its_own_meeting_place() -> None:
    assert env(made(with_job(env=(("MASTER_PORT", "4711"),))))["MASTER_PORT"] == "4711"


@pytest.mark.parametrize(
    ("grace", "warning", "seconds"),
    [(30, 1800, 30), (1800, 600, 600), (0, 1800, 1), (90, 0, 90)],
)
def test_the_grace_lies_within_the_warning(grace: int, warning: int, seconds: int) -> None:
    order = replace(with_job(grace=timedelta(seconds=grace)), warning=timedelta(seconds=warning))
    assert grace_seconds(order) == seconds
    assert pod(made(order))["terminationGracePeriodSeconds"] == seconds


def test_secrets_stay_in_the_cluster() -> None:
    job = made(with_job(secrets=(("WANDB_API_KEY", "wandb/api-key"),)))
    found = [one for one in pod(job)["containers"][0]["env"] if one["name"] == "WANDB_API_KEY"]
    key = {"name": "wandb", "key": "api-key"}
    assert found == [{"name": "WANDB_API_KEY", "valueFrom": {"secretKeyRef": key}}]
    for wrong in ("wandb", "/key", "wandb/"):
        with pytest.raises(Refused, match="WANDB"):
            made(with_job(secrets=(("WANDB_API_KEY", wrong),)))


def test_what_people_write_is_not_filled_in_by_kubernetes() -> None:
    job = made(with_job(command=("echo", "$(id) $HOME"), env=(("A", "$(B)"),)))
    assert pod(job)["containers"][0]["command"] == ["echo", "$$(id) $HOME"]
    assert env(job)["A"] == "$$(B)"


def test_data_comes_from_claims_servers_and_allowed_folders() -> None:
    job = made(
        with_job(
            volumes=(
                Volume(VolumeKind.CLAIM, "coco", "/coco", read_only=True),
                Volume(VolumeKind.NFS, "/export", "/nfs", server="nas.lab"),
                Volume(VolumeKind.HOST, "/mnt/data/sets", "/sets"),
            )
        )
    )
    sources = [{k: v for k, v in one.items() if k != "name"} for one in pod(job)["volumes"][2:]]
    assert sources == [
        {"persistentVolumeClaim": {"claimName": "coco", "readOnly": True}},
        {"nfs": {"server": "nas.lab", "path": "/export", "readOnly": False}},
        {"hostPath": {"path": "/mnt/data/sets"}},
    ]
    mounts = [one["mountPath"] for one in pod(job)["containers"][0]["volumeMounts"]]
    assert mounts == ["/etc/gpubot", "/dev/shm", "/coco", "/nfs", "/sets"]


@pytest.mark.parametrize("path", ["/etc", "/mnt/database", "/mnt/data/../secret", "mnt/data"])
def test_other_folders_of_a_node_are_refused(path: str) -> None:
    with pytest.raises(Refused, match="policy"):
        made(with_job(volumes=(Volume(VolumeKind.HOST, path, "/x"),)))


def test_the_claim_for_checkpoints_is_mounted_unless_the_job_has_its_own() -> None:
    settings = replace(SETTINGS, checkpoints_claim="checkpoints")
    mounts = pod(made(ORDER, settings))["containers"][0]["volumeMounts"]
    assert mounts[-1]["mountPath"] == "/checkpoints"
    own = with_job(volumes=(Volume(VolumeKind.CLAIM, "mine", "/checkpoints"),))
    assert [v for v in pod(made(own, settings))["volumes"] if "persistentVolumeClaim" in v] == [
        {"name": "data-0", "persistentVolumeClaim": {"claimName": "mine", "readOnly": False}}
    ]


def test_pods_find_the_time_of_their_warning_in_a_file() -> None:
    volume = pod(made())["volumes"][0]
    field = {"fieldPath": "metadata.annotations['gpubot.io/reclaim-at']"}
    assert volume["downwardAPI"]["items"] == [{"path": "reclaim-at", "fieldRef": field}]
    assert env(made())["GPUBOT_RECLAIM_FILE"] == "/etc/gpubot/reclaim-at"


def test_pods_have_no_rights_in_the_cluster_unless_they_are_given_an_account() -> None:
    assert pod(made())["automountServiceAccountToken"] is False
    given = pod(made(ORDER, replace(SETTINGS, service_account="trainer")))
    assert given["serviceAccountName"] == "trainer"
    assert "automountServiceAccountToken" not in given


def test_a_job_without_an_image_is_refused_or_gets_the_default() -> None:
    with pytest.raises(Refused, match="image"):
        made(with_job(image=""))
    job = made(with_job(image=""), replace(SETTINGS, image="lab/base"))
    assert pod(job)["containers"][0]["image"] == "lab/base"


def test_a_stop_is_a_command_about_exactly_that_job() -> None:
    job = made()
    job["metadata"]["uid"] = "1234"
    command = stop_command(job, "gpubot-runs")
    schemas.check("Command", command)
    assert command["action"] == "TerminateJob"
    assert command["target"]["uid"] == "1234"


def test_the_schemas_of_the_tests_notice_a_typing_error() -> None:
    job = made()
    job["spec"]["minAvailabel"] = 2
    with pytest.raises(Refusal, match="minAvailabel"):
        schemas.check("Job", job)

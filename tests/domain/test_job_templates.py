"""Orders for jobs become jobs; what cannot run is refused, with an example that could."""

from __future__ import annotations

from dataclasses import replace

import builders
import pytest

from bot.domain.booking import Shape
from bot.domain.cluster import Cluster
from bot.domain.errors import BadJob, NotAllowed, UnknownName
from bot.domain.job import GRACE, Job, JobOrder, JobTemplate, Volume, VolumeKind
from bot.domain.job_json import order_from_json, order_to_json
from bot.domain.job_templates import check_job, check_order, resolve
from bot.domain.run_rules import RunnerKind, RunRules
from bot.domain.yolo import SHIPPED, YOLO_TRAIN

ODD = JobTemplate(
    "odd",
    Job(
        command=("prog", "{file}", "--size={size}", "{more}", "{owner}"),
        env=(("SIZE", "{size}"),),
        checkpoints="ck/{first}",
    ),
    (("file", None), ("size", "1"), ("more", "")),
)


def lab(kind: RunnerKind = RunnerKind.LOCAL, *, own: bool = False, **policy: object) -> Cluster:
    rules = RunRules(kind, own_commands=own, checkpoints="/shared")
    cluster = builders.cluster(**policy)
    return replace(cluster, jobs=(ODD, *SHIPPED), runs=rules)


def order(name: str = "odd", **parameters: str) -> JobOrder:
    return JobOrder(name, tuple(parameters.items()))


def test_parameters_are_filled_in_and_places_are_left_for_the_run() -> None:
    job = resolve(lab(), order(file="a b.txt", size="{x}"))
    assert job.command == ("prog", "a b.txt", "--size={x}", "{owner}")
    assert job.env == (("SIZE", "{x}"),)
    assert job.checkpoints == "/shared/ck/{first}"


def test_the_shipped_template_trains_yolo_and_resumes_from_its_last_checkpoint() -> None:
    job = resolve(lab(), order("YOLO-train", data="coco.yaml", epochs="3"))
    assert "data=coco.yaml" in job.command
    assert "epochs=3" in job.command
    assert "imgsz=640" in job.command
    assert "device={devices}" in job.command
    assert job.resume[3:5] == ("resume=True", "model={checkpoint}")
    assert job.checkpoint == "{checkpoints}/train/weights/last.pt"


REFUSED = {
    "without what it needs": (order(), "needs “file”"),
    "with nothing for what it needs": (order(file=""), "needs “file”"),
    "a misspelt parameter": (order(file="x", sise="2"), "did you mean size"),
    "an unknown parameter": (order(file="x", zz="2"), "It takes: file, size, more"),
    "an option in place of a file": (order(file="--rm"), "hyphen"),
    "a place in a value": (order(file="{owner}"), "braces"),
    "two lines": (order(file="a\nb"), "nobody can see"),
    "what turns the text around": (order(file="a\u202eb"), "nobody can see"),
    "a long value": (order(file="x" * 201), "too long"),
    "long values": (order(file="x" * 200, size="y" * 200, more="z" * 190), "too long"),
    "the same twice": (JobOrder("odd", (("file", "a"), ("file", "b"))), "said twice"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_odd_parameters_are_refused_with_an_example(name: str) -> None:
    asked, said = REFUSED[name]
    with pytest.raises(BadJob) as caught:
        resolve(lab(), asked)
    assert said in str(caught.value)
    assert "job odd file=" in str(caught.value)


def test_an_unknown_template_is_answered_with_what_was_probably_meant() -> None:
    with pytest.raises(UnknownName, match="did you mean yolo-train"):
        resolve(lab(), order("yolo-trian"))
    with pytest.raises(UnknownName, match="I know: odd, yolo-train"):
        resolve(lab(), order("something"))


def test_no_job_is_taken_where_nothing_starts_jobs() -> None:
    off = replace(lab(RunnerKind.OFF), jobs=())
    with pytest.raises(BadJob, match="starts no jobs"):
        resolve(off, order(file="x"))


def test_own_commands_are_for_clusters_that_allow_them() -> None:
    own = JobOrder(own=Job(command=("python", "train.py")))
    with pytest.raises(NotAllowed):
        resolve(lab(), own)
    assert resolve(lab(own=True), own).command == ("python", "train.py")


@pytest.mark.parametrize(
    ("job", "shape", "said"),
    [
        (Job(command=("x",), workers=3), Shape(4), "evenly"),
        (Job(command=("x",), workers=8), Shape(4), "evenly"),
        (Job(command=("x",), workers=65), Shape(4), "1 to 64"),
        (Job(command=("x",), workers=1), Shape(8, model="V100"), "one node"),
        (Job(command=("x",)), Shape(4), ""),
        (Job(command=("x",), workers=2), Shape(8, model="V100"), ""),
        (Job(command=("x",), workers=1), Shape(8), ""),
        (Job(image="i"), Shape(1), "needs a command"),
        (Job(command=("x",), resume=("y",)), Shape(1), "checkpoint to resume"),
        (Job(command=("x",), env=(("GPUBOT_X", "1"),)), Shape(1), "sets the variable"),
        (Job(command=("x",), env=(("A-B", "1"),)), Shape(1), "no name"),
        (Job(command=("x",), env=(("A", "hidden\0"),)), Shape(1), "nobody can see"),
        (Job(command=("x",), env=(("A", "1"),), secrets=(("A", "b/c"),)), Shape(1), "twice"),
        (Job(command=("x",), secrets=(("A", "plain"),)), Shape(1), "wandb/api-key"),
    ],
)
def test_a_job_is_held_against_the_gpus_and_the_rules(job: Job, shape: Shape, said: str) -> None:
    if not said:
        check_job(lab(), job, shape)
        return
    with pytest.raises(BadJob) as caught:
        check_job(lab(), job, shape)
    assert said in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_parameter_leads_to_no_folder_that_its_template_does_not_name() -> None:
    template = JobTemplate("t", Job(command=("x",), checkpoints="{run}"), (("run", None),))
    cluster = replace(lab(), jobs=(template,))
    assert resolve(cluster, order("t", run="/etc")).checkpoints == "/shared/etc"
    with pytest.raises(BadJob, match="upwards"):
        check_order(cluster, order("t", run="../../etc"), Shape(1))


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/mnt/data", True),
        ("/mnt/data/coco", True),
        ("/mnt/data/", True),
        ("//mnt/data/x", True),
        ("/mnt/database", False),
        ("/mnt/data/../etc", False),
        ("/etc", False),
        ("mnt/data", False),
        ("", False),
    ],
)
def test_folders_of_the_nodes_are_for_policy_to_allow(path: str, *, allowed: bool) -> None:
    job = Job(command=("x",), volumes=(Volume(VolumeKind.HOST, path, "/data"),))
    cluster = lab(host_paths=("/mnt/data",))
    if allowed:
        check_job(cluster, job, Shape(1))
        return
    with pytest.raises(BadJob, match="may use /mnt/data"):
        check_job(cluster, job, Shape(1))


def test_kubernetes_needs_an_image() -> None:
    with pytest.raises(BadJob, match="image"):
        check_job(lab(RunnerKind.KUBERNETES), Job(command=("x",)), Shape(1))
    check_job(lab(RunnerKind.KUBERNETES), Job(image="i:1"), Shape(1))


def test_an_order_takes_the_clusters_spelling() -> None:
    found = check_order(lab(), order("ODD", file="x"), Shape(2))
    assert found == order(file="x")


OWN = Job(
    command=("a", "b c"),
    image="i",
    resume=("r",),
    checkpoints="c",
    checkpoint="d",
    env=(("E", "v"),),
    secrets=(("S", "a/b"),),
    volumes=(Volume(VolumeKind.NFS, "/x", "/y", "server", read_only=True),),
    workers=2,
    folder="f",
    grace=2 * GRACE,
)


@pytest.mark.parametrize(
    "found",
    [order(file="x", size="ü"), JobOrder(own=OWN), JobOrder("a", (), workers=3), JobOrder()],
)
def test_an_order_survives_json(found: JobOrder) -> None:
    assert order_from_json(order_to_json(found)) == found
    assert order_from_json(order_to_json(None)) is None


def test_what_a_job_has_in_its_environment_is_not_in_its_repr() -> None:
    job = Job(command=("x",), env=(("TOKEN", "hidden"),))
    assert "hidden" not in repr(JobOrder(own=job))


@pytest.mark.parametrize(
    ("user", "email", "account"),
    [
        ("U0ALICE", "other@lab", "alice"),
        ("U0BOB", "Bob.B@lab", ""),
        ("U0BOB", "bob-b@lab", "bob-b"),
        ("U0BOB", "root@lab", ""),
        ("U0BOB", "-rf@lab", ""),
        ("U0BOB", None, ""),
    ],
)
def test_accounts_are_named_or_safe(user: str, email: str | None, account: str) -> None:
    assert RunRules(users={"U0ALICE": "alice"}).account(user, email) == account


def test_every_parameter_of_the_shipped_template_is_used() -> None:
    words = " ".join(YOLO_TRAIN.job.command)
    assert all(f"{{{name}}}" in words for name, _ in YOLO_TRAIN.parameters)

"""Jobs over HTTP: ordered with a booking or a wish, given later, and shown without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_lab import ApiLab, api_lab, refused
from builders import ALICE, BOB, CHEN, cluster
from databases import new_database

from bot.domain.job import Job, JobOrder, Volume, VolumeKind
from bot.domain.run_rules import RunRules
from bot.domain.yolo import SHIPPED
from bot.services.look import get_booking

TEN_PM = "2026-11-25T22:00+08:00"
YOLO = {"template": "yolo-train", "parameters": {"data": "coco.yaml", "epochs": 3}}
ORDER = {"gpus": 4, "start": TEN_PM, "length": "8h", "node": "gpu-01"}
OWN = {
    "image": "lab/train:1",
    "command": ["python", "train.py", "--token=hidden"],
    "resume": ["python", "train.py", "-r"],
    "checkpoints": "/ck",
    "checkpoint": "{checkpoints}/last.pt",
    "env": {"LEVEL": "hidden"},
    "secrets": {"WANDB_API_KEY": "wandb/api-key"},
    "volumes": [
        {"claim": "data", "mount": "/data", "read_only": True},
        {"nfs": "nas:/export", "mount": "/nas"},
    ],
    "workers": 2,
    "grace_s": 60,
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ApiLab]:
    runs = RunRules(own_commands=True)
    with api_lab(new_database(tmp_path), replace(cluster(), jobs=SHIPPED, runs=runs)) as lab:
        yield lab


def test_a_template_is_ordered_with_its_parameters(lab: ApiLab) -> None:
    answer = lab.by(BOB).post("/bookings", json={**ORDER, "job": YOLO})
    assert answer.status_code == 201
    assert answer.json()["job"] == {
        "summary": "yolo-train (data=coco.yaml, epochs=3)",
        "template": "yolo-train",
        "parameters": {"data": "coco.yaml", "epochs": "3"},
        "workers": None,
        "image": None,
        "command": [],
        "variables": [],
    }


def test_the_words_of_a_booking_may_name_a_job(lab: ApiLab) -> None:
    text = '4 tomorrow 22:00 20h job yolo-train data="my coco.yaml"'
    answer = lab.by(BOB).post("/bookings", json={"text": text})
    assert answer.json()["job"]["parameters"] == {"data": "my coco.yaml"}


def test_a_job_may_be_said_in_words(lab: ApiLab) -> None:
    bob = lab.by(BOB)
    made = bob.post("/bookings", json={**ORDER, "job": "yolo-train data=<a>.yaml"}).json()
    assert made["job"]["parameters"] == {"data": "<a>.yaml"}
    made = bob.post("/bookings", json={**ORDER, "node": "gpu-02", "job": 'run "make it"'}).json()
    assert made["job"]["command"] == ["make", "it"]
    for text, code in (("yolo", "unknown_name"), ("none", "not_understood"), ("a=b", "bad_job")):
        refused(bob.post("/bookings", json={**ORDER, "node": "gpu-03", "job": text}), 422, code)
    assert bob.post("/bookings", json={**ORDER, "node": "gpu-03", "job": ""}).json()["job"] is None


def test_a_job_of_ones_own_comes_back_without_what_is_hidden(lab: ApiLab) -> None:
    answer = lab.by(BOB).post("/bookings", json={**ORDER, "job": OWN})
    assert answer.status_code == 201
    assert "hidden" not in answer.text
    shown = answer.json()["job"]
    assert shown["command"] == ["python", "train.py", "--token=…"]
    assert shown["variables"] == ["LEVEL", "WANDB_API_KEY"]
    assert "hidden" not in lab.by(ALICE).get("/bookings/B1").text
    job = get_booking(lab.site, 1).job
    assert job is not None
    assert job.own == Job(
        command=("python", "train.py", "--token=hidden"),
        image="lab/train:1",
        resume=("python", "train.py", "-r"),
        checkpoints="/ck",
        checkpoint="{checkpoints}/last.pt",
        env=(("LEVEL", "hidden"),),
        secrets=(("WANDB_API_KEY", "wandb/api-key"),),
        volumes=(
            Volume(VolumeKind.CLAIM, "data", "/data", read_only=True),
            Volume(VolumeKind.NFS, "/export", "/nas", "nas"),
        ),
        workers=2,
        grace=job.own.grace,
    )
    assert job.own.grace.total_seconds() == 60


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"template": "yolo-trian"}, "unknown_name", "did you mean yolo-train"),
    ({"template": "yolo-train"}, "bad_job", "needs “data”"),
    ({**YOLO, "command": ["x"]}, "template_alone", "without it"),
    ({"parameters": {"data": "x"}}, "template_missing", "Say whose"),
    ({}, "bad_job", "needs a command"),
    ({"command": ["x"], "workers": 3}, "bad_job", "evenly"),
    ({"command": ["x"], "env": {"GPUBOT_X": "hidden"}}, "bad_job", "sets the variable"),
    ({"command": ["x"], "env": {"A": ["hidden"]}}, "bad_input", "env"),
    ({"command": ["x"], "env": {"A-B": "hidden"}}, "bad_input", "env"),
    ({"command": ["x"], "volumes": [{"mount": "/x"}]}, "bad_volume", "exactly one"),
    (
        {"command": ["x"], "volumes": [{"host": "/etc", "mount": "/x"}]},
        "bad_job",
        "no folders of the nodes",
    ),
]


@pytest.mark.parametrize(("job", "code", "said"), WRONG)
def test_what_cannot_run_is_refused_and_hides_what_is_hidden(
    lab: ApiLab, job: dict[str, Any], code: str, said: str
) -> None:
    answer = lab.by(BOB).post("/bookings", json={**ORDER, "job": job})
    refused(answer, 422, code)
    assert said in answer.json()["detail"]
    assert "hidden" not in answer.text


def test_an_alternative_orders_the_same_template(lab: ApiLab) -> None:
    lab.by(CHEN).post("/bookings", json={**ORDER, "priority": "P1"})
    bob = lab.by(BOB)
    taken = bob.post("/bookings", json={**ORDER, "job": YOLO})
    assert taken.status_code == 409
    order = taken.json()["alternatives"][0]["orders"][0]
    assert bob.post("/bookings", json=order).json()["job"]["template"] == "yolo-train"
    own = bob.post("/bookings", json={**ORDER, "job": OWN})
    assert "hidden" not in own.text


def test_a_wish_carries_its_job(lab: ApiLab) -> None:
    lab.by(CHEN).post("/bookings", json={**ORDER, "priority": "P1"})
    wish = {"gpus": 4, "length": "8h", "node": "gpu-01", "from": TEN_PM, "job": YOLO}
    answer = lab.by(BOB).post("/waitlist", json={**wish, "by": "2026-11-26T06:00+08:00"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["job"]["summary"] == "yolo-train (data=coco.yaml, epochs=3)"


def test_a_job_is_put_and_deleted(lab: ApiLab) -> None:
    bob = lab.by(BOB)
    bob.post("/bookings", json=ORDER)
    given = bob.put("/bookings/B1/job", json=YOLO)
    assert given.json()["job"]["template"] == "yolo-train"
    assert get_booking(lab.site, 1).job == JobOrder(
        "yolo-train", (("data", "coco.yaml"), ("epochs", "3"))
    )
    refused(lab.by(CHEN).put("/bookings/B1/job", json=YOLO), 403, "not_allowed")
    alice = lab.by(ALICE)
    refused(alice.delete("/bookings/B1/job"), 422, "reason_needed")
    gone = alice.delete("/bookings/B1/job", params={"reason": "wrong data"})
    assert gone.json()["job"] is None
    refused(bob.put("/bookings/B9/job", json=YOLO), 404, "not_found")


def test_the_same_key_gives_a_job_once(lab: ApiLab) -> None:
    bob, key = lab.by(BOB), {"Idempotency-Key": "build 7"}
    bob.post("/bookings", json=ORDER)
    bob.put("/bookings/B1/job", json=YOLO, headers=key)
    bob.delete("/bookings/B1/job")
    assert bob.put("/bookings/B1/job", json=YOLO, headers=key).json()["job"] is None
    other = {**YOLO, "workers": 1}
    refused(bob.put("/bookings/B1/job", json=other, headers=key), 422, "key_reused")


def test_own_jobs_are_refused_where_only_templates_run(tmp_path: Path) -> None:
    with api_lab(new_database(tmp_path), replace(cluster(), jobs=SHIPPED)) as lab:
        answer = lab.by(BOB).post("/bookings", json={**ORDER, "job": OWN})
        refused(answer, 403, "not_allowed")
        assert "hidden" not in answer.text

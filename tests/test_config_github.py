"""`[[github]]` of the configuration file: what it becomes, and what is wrong with it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.config.file import to_cluster
from bot.config.problems import read_text
from bot.config.settings import ConfigError
from bot.domain.booking import Priority, Shape
from bot.domain.pipelines import Trigger

LAB = """
[cluster]
timezone = "Asia/Shanghai"
[[nodes]]
name = "gpu-01"
gpus = 4
model = "V100"
[[teams]]
name = "vision"
channel = "C0VISION"
members = ["U0BOB"]
[[teams]]
name = "nlp"
channel = "C0NLP"
"""
NEEDED = {
    "repository": '"lab/yolo"',
    "workflow": '"train.yml"',
    "team": '"vision"',
    "user": '"U0BOB"',
    "gpus": "4",
    "length": '"20h"',
}


def lab_with(**keys: str) -> str:
    table = {**NEEDED, **keys}
    return LAB + "[[github]]\n" + "\n".join(f"{key} = {value}" for key, value in table.items())


def problems(**keys: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_text(lab_with(**keys), "lab.toml")
    return list(caught.value.problems)


def test_the_least_that_can_be_said() -> None:
    (trigger,) = to_cluster(read_text(lab_with(), "lab.toml")).github
    assert trigger == Trigger(
        repository="lab/yolo",
        workflow="train.yml",
        team="vision",
        user="U0BOB",
        shape=Shape(4),
        length=timedelta(hours=20),
        within=timedelta(days=1),
    )


def test_everything_that_can_be_said() -> None:
    more = {
        "branch": '"release"', "node": '"gpu-01"', "model": '"V100"', "priority": '"p1"',
        "preemptible": "true", "purpose": '"nightly"', "within": '"2h"',
    }  # fmt: skip
    (trigger,) = to_cluster(read_text(lab_with(**more), "lab.toml")).github
    assert (trigger.branch, trigger.shape) == ("release", Shape(4, "gpu-01", "V100"))
    assert (trigger.priority, trigger.preemptible) == (Priority.P1, True)
    assert (trigger.purpose, trigger.within) == ("nightly", timedelta(hours=2))


def test_without_any_nothing_is_set_off() -> None:
    assert to_cluster(read_text(LAB, "lab.toml")).github == ()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("repository", '"yolo"', 'github[1].repository: found "yolo"; allowed: a repository such'),
        ("gpus", "0", "github[1].gpus: found 0; allowed: a whole number of GPUs"),
        ("priority", '"p3"', 'github[1].priority: found "p3"; allowed: "p0", "p1" or "p2"'),
        ("length", '"long"', 'github[1].length: found "long"; allowed: a duration'),
        ("jobs", '"train"', "github[1].jobs is not known; did you mean job?"),
        ("job", '"train"', "github[1] (lab/yolo): There is no job called “train”"),
        ("job", '"yolo-train"', "github[1] (lab/yolo): The job yolo-train needs “data”."),
        ("gpus", "5", "github[1] (lab/yolo): 5 GPUs cannot be booked on"),
        ("team", '"robots"', "github[1] (lab/yolo): There is no team called “robots”"),
        ("team", '"nlp"', "github[1] (lab/yolo): You can book only for teams that you are in."),
        ("node", '"gpu-09"', "github[1] (lab/yolo): There is no node called “gpu-09”"),
        ("model", '"A100"', "github[1] (lab/yolo): There is no model called “A100”"),
        ("priority", '"p0"', "github[1] (lab/yolo): P0 is for people with the urgent role."),
        ("length", '"8d"', "github[1] (lab/yolo): 8 days"),
        ("length", '"30m"', "github[1] (lab/yolo): Bookings are made of"),
    ],
)
def test_what_could_never_book_is_named(key: str, value: str, said: str) -> None:
    (problem,) = problems(**{key: value})
    assert problem.startswith(f"lab.toml: {said}"), problem

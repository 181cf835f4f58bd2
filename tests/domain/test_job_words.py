"""Jobs as people type them, among the other words of a command and in any order."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import builders
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.cluster import Cluster
from bot.domain.errors import BadJob, Contradiction, InputError, UnknownName
from bot.domain.job import Job, JobOrder
from bot.domain.job_shown import job_in_words
from bot.domain.request import parse_queue, parse_reserve, parse_wait
from bot.domain.run_rules import RunnerKind, RunRules
from bot.domain.understood import understood
from bot.domain.yolo import SHIPPED


def lab(kind: RunnerKind = RunnerKind.LOCAL, *, own: bool = True) -> Cluster:
    return replace(builders.cluster(), jobs=SHIPPED, runs=RunRules(kind, own_commands=own))


LAB = lab()


def reserved(text: str, cluster: Cluster = LAB) -> JobOrder | None:
    found = parse_reserve(text, now=builders.NOW, zone=cluster.zone, cluster=cluster)
    return found.job


def yolo(**parameters: str) -> JobOrder:
    return JobOrder("yolo-train", tuple(parameters.items()))


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("job yolo-train data=coco.yaml epochs=100", yolo(data="coco.yaml", epochs="100")),
        ("job: YOLO-Train data=a.yaml", yolo(data="a.yaml")),
        ("任务 yolo-train data=a.yaml", yolo(data="a.yaml")),
        ("作业：yolo-train data=a.yaml", yolo(data="a.yaml")),
        ("job “yolo-train” data=“my data.yaml”", yolo(data="my data.yaml")),
        ("job yolo-train, data=a.yaml, Epochs = 3,", yolo(data="a.yaml", epochs="3")),
        ("job yolo-train data=&lt;http://a.py|a.py&gt;", yolo(data="a.py")),
        ("job yolo-train data=<http://a.py|a.py>", yolo(data="a.py")),
        ("job yolo-train data=<https://lab/x.yaml>", yolo(data="https://lab/x.yaml")),
        ("job yolo-train data=0,1,2", yolo(data="0,1,2")),
        ("data=a.yaml job yolo-train", yolo(data="a.yaml")),
        ('run "python train.py --epochs 3"', ("python", "train.py", "--epochs", "3")),
        ('run "python <http://train.py|train.py> 3"', ("python", "train.py", "3")),
        ('run "a | b"', ("/bin/sh", "-c", "a | b")),
        ("运行 “python train.py”", ("python", "train.py")),
        ("", None),
        ('"a job yolo-train"', None),
        ("for the job of my life", None),
    ],
)
def test_a_job_is_read_wherever_it_stands(text: str, order: JobOrder | None) -> None:
    wanted = JobOrder(own=Job(command=order)) if isinstance(order, tuple) else order
    if not text.startswith("for "):
        assert reserved(f"{text} 4 tomorrow 22:00 20h") == wanted
    assert reserved(f"4 tomorrow 22:00 20h {text}") == wanted


def test_a_command_of_ones_own_may_say_how_it_runs() -> None:
    found = reserved(
        '4 now 4h run "python t.py" image=lab/x:1 workers=2 resume="python t.py -r" '
        "checkpoints=/ck checkpoint={checkpoints}/last"
    )
    assert found == JobOrder(
        own=Job(
            command=("python", "t.py"),
            image="lab/x:1",
            workers=2,
            resume=("python", "t.py", "-r"),
            checkpoints="/ck",
            checkpoint="{checkpoints}/last",
        )
    )


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("job yolo-trian data=x", UnknownName, "did you mean yolo-train"),
        ("job", BadJob, "Say which job"),
        ("job data=x", BadJob, "Say which job"),
        ("job yolo-train", BadJob, "needs “data”"),
        ("job yolo-train data=", BadJob, "needs “data”"),
        ("job yolo-train data=x epoch=3", BadJob, "did you mean epochs"),
        ("epochs=3", BadJob, "belongs to a job"),
        ("job yolo-train data=x data=y", BadJob, "said twice"),
        ("job yolo-train data=x workers=0", BadJob, "workers=1"),
        ("job yolo-train data=x workers=many", BadJob, "1 to 64"),
        ('job yolo-train data=x run "x"', Contradiction, "exclude"),
        ('run "python \'x"', BadJob, "never closed"),
        ('run ""', BadJob, "what to run"),
        ('run "x" lr=1', BadJob, "It takes: workers, image"),
        (f'run "x" resume="{"y" * 290}" folder={"z" * 700}', BadJob, "too long"),
    ],
)
def test_what_cannot_be_read_is_said_with_an_example(
    text: str, kind: type[InputError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        reserved(f"4 now 4h {text}")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "command",
    ["WANDB_API_KEY=hidden python x", "python x --api-key=hidden", "a; export TOKEN=hidden"],
)
def test_a_secret_in_a_command_is_refused_and_not_repeated(command: str) -> None:
    with pytest.raises(BadJob, match="looks like a secret") as caught:
        reserved(f'4 now 4h run "{command}"')
    assert "hidden" not in str(caught.value)


def test_waiting_and_queueing_take_jobs_and_show_their_own_examples() -> None:
    wish = parse_wait(
        "4 20h by fri 18:00 job yolo-train data=x",
        now=builders.NOW,
        zone=LAB.zone,
        cluster=LAB,
    )
    assert wish.job == yolo(data="x")
    with pytest.raises(BadJob, match=r"/gpu wait 4 20h job yolo-train data=coco\.yaml"):
        parse_wait("4 20h job yolo-train", now=builders.NOW, zone=LAB.zone, cluster=LAB)
    assert parse_queue("1 45m job yolo-train data=x", cluster=LAB).job == yolo(data="x")
    with pytest.raises(BadJob, match=r"/gpu queue 1 45m job yolo-train data=coco\.yaml"):
        parse_queue("1 45m job yolo-train", cluster=LAB)
    with pytest.raises(Contradiction):
        parse_queue("1 45m job yolo-train data=x python eval.py", cluster=LAB)


def test_the_command_of_queued_work_runs_by_itself_where_that_is_allowed() -> None:
    text = "1 45m SEED=1 python eval.py"
    found = parse_queue(text, cluster=LAB)
    assert found.command == "SEED=1 python eval.py"
    assert found.job == JobOrder(own=Job(command=("/bin/sh", "-c", found.command)))
    for other in (lab(own=False), lab(RunnerKind.OFF), lab(RunnerKind.KUBERNETES)):
        kept = parse_queue(text, cluster=other)
        assert (kept.command, kept.job) == (found.command, None)


def test_a_form_begins_with_the_job_that_was_said() -> None:
    said = understood(
        "4 blah job yolo-train data=x", now=builders.NOW, zone=LAB.zone, cluster=LAB
    ).said
    assert (said.job, said.parameters) == ("yolo-train", [("data", "x")])


def own_script(script: str) -> JobOrder:
    return JobOrder(own=Job(command=("bash", "-ec", script)))


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (yolo(data="x", epochs="3"), "yolo-train (data=x, epochs=3)"),
        (JobOrder("a"), "a"),
        (JobOrder("a", (), workers=2), "a (workers=2)"),
        (JobOrder(own=Job(command=("python", "a b"), env=(("T", "hidden"),))), "python 'a b'"),
        (JobOrder(own=Job(command=("x", "--token=hidden"))), "x '--token=…'"),
        (JobOrder(own=Job(command=("x", "--api-key", "hidden", "-v"))), "x --api-key '…' -v"),
        (
            own_script("export A_TOKEN='hidden it'; x --password hidden"),
            "bash -ec 'export A_TOKEN=…; x --password …'",
        ),
        (
            own_script("x db://bob:hidden@db token y && B_SECRET=hidden x"),
            "bash -ec 'x db://bob:…@db token y && B_SECRET=… x'",
        ),
        (JobOrder(own=Job(command=("/bin/sh", "-c", "a |\n b"))), "a | b"),
        (JobOrder(own=Job(image="lab/x")), "lab/x"),
        (yolo(data="y" * 200), f"yolo-train (data={'y' * 114}…)"),
    ],
)
def test_a_job_is_shown_in_a_few_words_without_what_is_hidden(order: JobOrder, said: str) -> None:
    assert job_in_words(order) == said


PIECES = ["job", "yolo-train", "data=", "=", "epochs=3", '"', "run", "任务", "<http://a|b>", "4 4h"]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=8).map(" ".join))
def test_any_words_are_read_or_refused(text: str) -> None:
    for parse in (reserved, lambda words: parse_queue(words, cluster=LAB)):
        with suppress(InputError):
            parse(text)

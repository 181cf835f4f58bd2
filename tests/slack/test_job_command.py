"""What a booking runs: said with the booking, in forms, and with `/gpu job`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import builders
import pytest
from talk import Talk, captions, words

from bot.domain.cluster import Cluster
from bot.domain.job import Job, JobOrder
from bot.domain.run_rules import RunRules
from bot.domain.yolo import SHIPPED
from bot.services.attach_job import attach_job
from bot.services.look import get_booking, history
from bot.services.site import Site
from bot.slack.context import FormErrors, Reply

YOLO = JobOrder("yolo-train", (("data", "coco.yaml"), ("epochs", "3")))
RUNS = "runs *yolo-train* (data=coco.yaml, epochs=3)"


@pytest.fixture
def site(open_site: Callable[[Cluster], Site]) -> Site:
    """The sample cluster, which runs jobs and lets people run their own."""
    runs = RunRules(own_commands=True)
    return open_site(replace(builders.cluster(), jobs=SHIPPED, runs=runs))


def test_a_booking_says_what_it_runs(alice: Talk, site: Site) -> None:
    reply = alice.types("reserve 4 tonight 8h job yolo-train data=coco.yaml epochs=3")
    assert RUNS in words(reply)
    assert get_booking(site, 1).job == YOLO
    assert RUNS in words(alice.types("show B1"))
    assert RUNS in words(alice.types("mine"))


def test_a_misspelt_job_books_nothing(alice: Talk, site: Site) -> None:
    reply = alice.types("reserve 4 tonight 8h job yolo-trian data=coco.yaml")
    assert "did you mean yolo-train" in words(reply)
    assert not history(site, None)


def test_an_alternative_keeps_the_job(alice: Talk, bob: Talk, site: Site) -> None:
    bob.types("reserve 8 tonight 8h model A100 p1")
    reply = alice.types("reserve 8 tonight 8h model A100 job yolo-train data=coco.yaml epochs=3")
    assert alice.presses(reply, "Book 8 × A100 at") is not None
    assert get_booking(site, 2).job == YOLO


def test_a_wish_that_is_granted_runs_its_job(alice: Talk, bob: Talk, site: Site) -> None:
    bob.types("reserve 8 tonight 8h model A100 p1")
    reply = alice.types("reserve 8 tonight 8h model A100 job yolo-train data=coco.yaml epochs=3")
    joined = alice.presses(reply, "Join waitlist")
    assert joined is not None
    assert RUNS in words(joined)
    bob.types("cancel B1")
    alice.acts(joined, "offer_accept", "1")
    assert get_booking(site, 2).job == YOLO


def test_the_form_books_with_a_job(alice: Talk, site: Site) -> None:
    alice.opens("reserve")
    answer = alice.submits(job="job:yolo-train", parameters="data=coco.yaml\nepochs=3", length="4h")
    assert isinstance(answer, Reply)
    assert get_booking(site, 1).job == YOLO


def test_the_form_says_at_its_field_what_is_missing(alice: Talk) -> None:
    alice.opens("reserve")
    answer = alice.submits(job="job:yolo-train", length="4h")
    assert isinstance(answer, FormErrors)
    assert "needs “data”" in answer.errors["job"]
    alice.opens("reserve")
    answer = alice.submits(job="job:yolo-train", parameters="data", length="4h")
    assert isinstance(answer, FormErrors)
    assert "“data”" in answer.errors["parameters"]


def test_words_that_could_not_be_read_begin_the_form_with_the_job(alice: Talk) -> None:
    reply = alice.types('reserve 4 blah 8h job yolo-train data="a b.yaml"')
    alice.presses(reply, "Use the form…")
    answer = alice.submits()
    assert isinstance(answer, Reply)
    assert "runs *yolo-train* (data=a b.yaml)" in words(answer)


def test_a_command_that_is_too_long_is_kept_in_the_form(alice: Talk) -> None:
    command = f"python train.py {'x' * 300}"
    alice.presses(alice.types(f'reserve 4 blah 8h run "{command}"'), "Use the form…")
    assert alice.window is not None
    typed = next(block for block in alice.window["blocks"] if block["block_id"] == "run")
    assert typed["element"]["initial_value"] == command
    assert "max_length" not in typed["element"]
    alice.submits()
    assert "316 characters long; 300 are allowed" in words(alice.window)


def test_a_command_of_ones_own_is_shown_as_it_was_typed(alice: Talk, site: Site) -> None:
    reply = alice.types('reserve 1 tonight 8h run "python train.py --lr 0.1"')
    assert "runs `python train.py --lr 0.1`" in words(reply)
    assert get_booking(site, 1).job == JobOrder(
        own=Job(command=("python", "train.py", "--lr", "0.1"))
    )
    alice.opens("reserve")
    alice.submits(run="a | b", length="4h")
    assert get_booking(site, 2).job == JobOrder(own=Job(command=("/bin/sh", "-c", "a | b")))


def test_the_templates_are_listed_with_examples_that_work(alice: Talk, site: Site) -> None:
    listed = words(alice.types("job"))
    assert "*yolo-train* train an Ultralytics YOLO detector on one node" in listed
    assert "It needs: data" in listed
    assert "model=yolo11n.pt, epochs=100" in listed
    example = listed.partition("`/gpu ")[2].partition("`")[0]
    assert "Booked" in words(alice.types(example))
    assert get_booking(site, 1).job is not None
    assert "*yolo-train*" in words(alice.types("job YOLO-train"))
    assert "did you mean yolo-train" in words(alice.types("job yolo"))


def test_a_job_is_given_changed_and_taken_away(alice: Talk, site: Site) -> None:
    alice.types("reserve 4 tonight 8h")
    asked = alice.types("job B1")
    assert "It runs nothing by itself." in words(asked)
    assert captions(asked) == ["Give it a job…"]
    assert RUNS in words(alice.types("job B1 yolo-train data=coco.yaml epochs=3"))
    assert "epochs=5" in words(alice.types("job b1 epochs=5"))
    asked = alice.types("job B1")
    assert captions(asked) == ["Change…", "Remove the job"]
    alice.presses(asked, "Change…")
    alice.submits(parameters="data=other.yaml")
    assert get_booking(site, 1).job == JobOrder("yolo-train", (("data", "other.yaml"),))
    assert "B1 runs nothing by itself" in words(alice.presses(asked, "Remove the job"))
    assert get_booking(site, 1).job is None
    assert "B1 runs nothing by itself" in words(alice.types("job B1 none"))
    acts = [record.action for record in history(site, 1)]
    assert acts == ["reserved", "job_attached", "job_changed", "job_changed", "job_removed"]
    told = words(alice.types("show B1"))
    assert "gave it a job: yolo-train (data=coco.yaml, epochs=3)" in told
    assert "took its job away: yolo-train (data=other.yaml)" in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("job B9", "no booking B9"),
        ("job B9 none", "no booking B9"),
        ("job B1 data=x", "belongs to a job"),
        ("job B1 yolo-train", "needs “data”"),
        ("job B1 yolo-train other data=x", "did not understand “other”"),
        ("job B1 none data=x", "exclude"),
        ('job B1 "why"', "Say which job"),
        ("job B1 yolo-train data=x workers=2", "workers=1"),
    ],
)
def test_what_cannot_be_done_is_said(alice: Talk, text: str, said: str) -> None:
    alice.types("reserve 4 tonight 8h")
    assert said in words(alice.types(text))


def test_somebody_elses_job_needs_a_right_and_a_reason(alice: Talk, bob: Talk, site: Site) -> None:
    bob.types("reserve 4 tonight 8h")
    chen = Talk(site, builders.CHEN)
    assert "Only its owner" in words(chen.types("job B1 yolo-train data=x"))
    assert captions(chen.types("job B1")) == []
    alice.opens("job B1 yolo-train data=x")
    answer = alice.submits(reason="as agreed")
    assert isinstance(answer, Reply)
    assert get_booking(site, 1).job == JobOrder("yolo-train", (("data", "x"),))


def test_a_booking_that_is_over_takes_no_job(alice: Talk) -> None:
    alice.types("reserve 4 tonight 8h")
    alice.types("cancel B1")
    assert "is cancelled already" in words(alice.types("job B1 yolo-train data=x"))


def test_queued_work_runs_its_job_by_itself(alice: Talk, site: Site) -> None:
    reply = alice.types("queue 1 45m job yolo-train data=coco.yaml epochs=3")
    assert RUNS in words(reply)
    assert get_booking(site, 1).job == YOLO
    alice.types("queue 1 45m python eval.py")
    assert get_booking(site, 2).job == JobOrder(own=Job(command=("python", "eval.py")))
    alice.opens("queue")
    alice.submits(gpus="1", length="45m", job="job:yolo-train", parameters="data=x")
    assert get_booking(site, 3).job == JobOrder("yolo-train", (("data", "x"),))


SECRET = JobOrder(own=Job(command=("python", "x.py"), env=(("TOKEN", "hidden-value"),)))


def test_what_is_in_an_environment_is_shown_nowhere(alice: Talk, site: Site) -> None:
    alice.types("reserve 4 tonight 8h")
    attach_job(site, builders.actor(builders.ALICE), 1, SECRET, now=builders.NOW)
    shown = [alice.types("job B1"), alice.types("show B1"), alice.types("mine")]
    assert "It sets TOKEN." in words(shown[0])
    alice.presses(shown[0], "Change…")
    assert "hidden-value" not in repr(alice.window)
    alice.submits()
    assert get_booking(site, 1).job == SECRET
    assert "hidden-value" not in repr(shown)
    assert "hidden-value" not in repr(history(site, 1))
    with site.database.snapshot() as connection:
        for table in ("audit", "outbox"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
            assert "hidden-value" not in repr(rows)

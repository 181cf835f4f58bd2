"""The whole story: booked in a chat, run, watched, preempted, resumed, finished, and its log kept.

Over processes of this machine on SQLite and over a real Slurm on PostgreSQL, each with a real
Prometheus looking at the GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from databases import database_of
from monitoring.exporters import exposition, labels_of, saying, serving
from monitoring.servers import prometheus
from monitoring.servers import running as going
from patience import PATIENCE_S
from people import ALICE, BOB, Lab, button
from runners.waiting import eventually
from slurm.cluster import SlurmCluster
from telling import booked, direct, kept_log, tells

from bot.config.edges import Edges
from bot.demo import Demo, on_this_machine, sample_lab
from bot.domain.cluster import Cluster, Node
from bot.domain.run_rules import RunnerKind
from bot.monitoring.settings import MonitoringSettings
from bot.runners.settings import RunnerSettings
from bot.runners.slurm.settings import SlurmSettings, SubmitAs

#: Wednesday 25 November 2026, 10:37 in Shanghai.
START = datetime(2026, 11, 25, 2, 37, tzinfo=UTC)
#: Seconds that this machine may take for an answer, which also has to run all the rest.
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NODES = (Node("n1", 4, "V100"), Node("n2", 4, "V100"))


class Gpus:
    """What an exporter says of the GPUs of n1."""

    degrees = 60.0

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        values = {"GPU_UTIL": 95, "GPU_TEMP": self.degrees, "FB_USED": 1000, "FB_FREE": 9000}
        body = exposition(*((labels_of("n1", gpu), values) for gpu in range(4)))
        saying(body.encode(), Content_Type="text/plain; version=0.0.4")(request)


@dataclass
class Story:
    lab: Lab
    gpus: Gpus


def lab_of(folder: Path, kind: RunnerKind) -> Cluster:
    sample = sample_lab(folder)
    return replace(sample, nodes=NODES, runs=replace(sample.runs, kind=kind))


@pytest.fixture(
    params=[
        ("local", "SQLite"),
        pytest.param(("slurm", "PostgreSQL"), marks=pytest.mark.postgresql),
    ],
    ids=" on ".join,
)
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Story]:
    runner, database = request.param
    with database_of(database, tmp_path) as url:
        yield from told(request, tmp_path, RunnerKind(runner), url)


def told(
    request: pytest.FixtureRequest, tmp_path: Path, kind: RunnerKind, url: str
) -> Iterator[Story]:
    gpus = Gpus()
    here = on_this_machine(tmp_path)
    runner = replace(here.runner, local=replace(here.runner.local, nodes=("n1", "n2")))
    if kind is RunnerKind.SLURM:
        slurm: SlurmCluster = request.getfixturevalue("slurm")
        settings = SlurmSettings(submit_as=SubmitAs.GPUBOT, conf=str(slurm.conf))
        runner = RunnerSettings(kind=kind, folder=tmp_path / "runs", slurm=settings)
    with serving(gpus.answer) as exporter:
        looking = prometheus(tmp_path, {"dcgm": exporter.address})
        with going(looking):
            watched = MonitoringSettings(looking.address, interval=timedelta(seconds=1))
            edges = Edges(runner=runner, logs=here.logs, monitoring=watched)
            demo = Demo(
                tmp_path, over_http=True, pace=timedelta(0), database_url=url,
                lab=lab_of(tmp_path, kind), edges=edges, ack_timeout=PATIENCE_S,
            )  # fmt: skip
            demo.clock.jump(START)
            demo.clock.set_speed(0)
            demo.start()
            try:
                assert demo.warm.wait(PATIENCE_S)
                yield Story(Lab(demo), gpus)
            finally:
                demo.stop()
                if kind is RunnerKind.SLURM:
                    slurm.clear()


def test_a_training_goes_through_everything_and_its_thread_tells(story: Story) -> None:
    lab = story.lab
    # However slow this machine is, it is not over before it is reclaimed.
    label, _ = lab.books(BOB, '4 in 2h 4h on n1 job demo-train epochs=600 seconds=0.2 "yolo"')
    lab.demo.clock.shift(90 * MINUTE)
    tells(lab, label, "Its run began")

    story.gpus.degrees = 97
    hot = direct(lab, BOB, "97 °C")
    assert label in hot.text
    story.gpus.degrees = 60
    assert direct(lab, BOB, "was hot").ts == hot.ts

    preview = lab.types(ALICE, "reserve 4 now 2h on n1 p0")
    lab.slack.click(ALICE, preview, **button(preview, "Preempt"))
    form = lab.slack.wait_for(lambda: lab.slack.open_view(ALICE))
    assert lab.slack.submit(ALICE, form, {"reason": "customer demo"}).ok
    tells(lab, label, "Its run was told to save a checkpoint", "Its run saved a checkpoint")

    warning = direct(lab, BOB, "will be reclaimed")
    lab.slack.click(BOB, warning, **button(warning, "Book me again"))
    again = eventually(lambda: (booked(lab, BOB) - {label}) or None).pop()
    assert "demo-train" in lab.types(BOB, f"job {again} demo-train epochs=600 seconds=0.01").text
    lab.demo.clock.shift(31 * MINUTE)
    tells(lab, label, "booked it again", "Its GPUs were reclaimed", "stopped", "checkpoint", "kept")

    lab.demo.clock.shift(4 * HOUR)
    tells(lab, again, f"to go on with the work of *{label}*", "Its run finished", "kept")
    assert direct(lab, BOB, f"{again}*: its run finished")
    assert "resumed after epoch" in kept_log(lab, again)

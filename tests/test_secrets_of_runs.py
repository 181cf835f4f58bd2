"""What must not be read in the log of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import BOB, NOW, TONIGHT, actor, cluster, request
from databases import new_database

from bot.config.edges import Edges
from bot.domain.job import Job, JobOrder
from bot.domain.run_rules import RunRules
from bot.runners.settings import RunnerSettings
from bot.running import make_running
from bot.services.attach_job import attach_job
from bot.services.follow_run import begins, cannot_start
from bot.services.keep_time import keep_time
from bot.services.look_runs import latest_run
from bot.services.nodes import sync_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store.database import Database

ENV = (("WANDB_API_KEY", "wandb-0815"), ("db_pass", "hunter22"), ("EPOCHS", "100000"),
       ("DATABASE", "postgres://bob:hunter2@db/x"))  # fmt: skip
OWN = JobOrder(own=Job(command=("make",), env=ENV, secrets=(("TOKEN", "vault/token"),)))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    database = Database(new_database(tmp_path))
    site = Site.open(database, replace(cluster(), runs=RunRules(own_commands=True)))
    sync_nodes(site, now=NOW)
    yield site
    database.close()


def test_they_stay_hidden_whatever_becomes_of_the_job_and_the_rules(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "token").write_text("correct-horse\n")
    wanted = replace(request(4, node="gpu-01"), job=OWN)
    booking = reserve(site, actor(BOB), wanted, now=NOW)
    keep_time(site, now=TONIGHT)
    run = latest_run(site, booking.id)
    assert run is not None
    begins(site, run, now=TONIGHT)
    cannot_start(site, run, "no such program", now=TONIGHT)
    other = JobOrder(own=Job(command=("make", "other")))
    attach_job(site, actor(BOB), booking.id, other, now=TONIGHT + timedelta(minutes=1))
    site.adopt(replace(site.cluster, runs=RunRules(own_commands=False)))
    settings = RunnerSettings(folder=tmp_path / "runs", secrets=tmp_path)
    running = make_running(site, replace(Edges(), runner=settings), lambda: TONIGHT)
    assert running is not None
    hidden = {"wandb-0815", "hunter22", "postgres://bob:hunter2@db/x", "correct-horse"}
    assert set(running.logs.logs.hidden(run.key)) == hidden

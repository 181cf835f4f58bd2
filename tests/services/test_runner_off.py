"""Jobs that were booked while there was a runner, after it was turned off."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import BOB, NOW, TONIGHT, actor, cluster, request
from delivering import tick
from slack_sdk import WebClient

from bot.around import Around
from bot.config.edges import Edges
from bot.config.settings import Settings
from bot.domain.job import Job, JobOrder, JobTemplate
from bot.domain.run import RunState
from bot.domain.run_rules import RunnerKind
from bot.runners.settings import RunnerSettings
from bot.services.follow_run import NO_RUNNER
from bot.services.look_runs import latest_run
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.ticks.claims import Claims

OFF = Edges(RunnerSettings(RunnerKind.OFF))
SETTINGS = Settings(bot_token="xoxb-0", signing_secret="s")
TRAIN = JobTemplate("train", Job(command=("train",)))


def runs_tick(site):
    """What a process without a runner does about runs."""
    claims = Claims(site, lambda: TONIGHT)
    around = Around(site, OFF, SETTINGS, WebClient(), lambda: TONIGHT, claims)
    with closing(around):
        (found,) = (one for one in around.ticks() if one.name == "runs")
    return found


def booked_with_a_job(site):
    booked = reserve(site, actor(BOB), replace(request(4), job=JobOrder("train")), now=NOW)
    tick(site, TONIGHT)
    return booked.id


def test_a_job_that_was_booked_before_the_runner_was_turned_off_does_not_wait_for_ever(open_site):
    site = open_site(replace(cluster(), jobs=(TRAIN,)))
    leave = runs_tick(site)
    leave.run()
    booking = booked_with_a_job(site)
    assert latest_run(site, booking).state is RunState.WANTED
    leave.run()
    run = latest_run(site, booking)
    assert (run.state, run.note) == (RunState.LOST, NO_RUNNER)


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["PostgreSQL"], indirect=True)
def test_what_another_process_still_attends_to_is_left_to_it(open_site):
    site = open_site(replace(cluster(), jobs=(TRAIN,)))
    with_runner = Claims(Site.open(site.database, site.cluster), lambda: TONIGHT)
    assert with_runner.has("runs", timedelta(seconds=5))
    leave = runs_tick(site)
    booking = booked_with_a_job(site)
    leave.run()
    assert latest_run(site, booking).state is RunState.WANTED
    with_runner.close()
    leave.run()
    assert latest_run(site, booking).state is RunState.LOST

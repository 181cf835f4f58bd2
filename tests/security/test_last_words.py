"""The line that a failed run ended with is read by its team, and by nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, DANA, NOW, STRANGER, actor, cluster, request
from clients import client
from patience import PATIENCE_S
from talk import Talk, words

from bot.domain.job import Job, JobOrder, JobTemplate
from bot.domain.run import Observation, RunState
from bot.services.follow_run import saw, submitted
from bot.services.keep_time import keep_time
from bot.services.look_runs import latest_run
from bot.services.nodes import sync_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store.database import Database
from bot.web.app import build_web
from bot.web.server import WebServer
from bot.web.sessions import COOKIE, new_session, seal_session

LINE = "KeyError: 'patients/anna.png'"


@pytest.fixture(params=[1, None], ids=["with an exit status", "killed"])
def exit_code(request: pytest.FixtureRequest) -> int | None:
    return request.param


@pytest.fixture
def site(database_url: str, exit_code: int | None) -> Iterator[Site]:
    """Bob's run has failed, and the last line that it wrote was LINE."""
    lab = replace(cluster(), jobs=(JobTemplate("train", Job(command=("train",))),))
    site = Site.open(Database(database_url), lab, lambda: "http://lab")
    sync_nodes(site, now=NOW)
    wanted = replace(request(4, NOW, 23 / 60 + 3, node="gpu-01"), job=JobOrder("train"))
    booking = reserve(site, actor(BOB), wanted, now=NOW)
    keep_time(site, now=NOW)
    for step in (
        lambda run: submitted(site, run, now=NOW),
        lambda run: saw(site, run, Observation(RunState.RUNNING), now=NOW),
        lambda run: saw(
            site, run, Observation(RunState.FAILED, note=LINE, exit_code=exit_code), now=NOW
        ),
    ):
        run = latest_run(site, booking.id)
        assert run is not None
        step(run)
    yield site
    site.database.close()


@pytest.mark.parametrize(
    ("user", "may"),
    [(BOB, True), (ALICE, True), (ADMIN, True), (DANA, False), (CHEN, False), (STRANGER, False)],
)
def test_slack_and_the_api_show_it_to_the_team_and_admins_alone(
    site: Site, user: str, may: bool
) -> None:
    talk = Talk(site, user)
    server = WebServer(build_web(None, list, site, lambda: NOW), "127.0.0.1", 0)
    server.start()
    with client(server.address) as web:
        web.cookies.set(COOKIE, seal_session(site, new_session(user, now=NOW)))
        record = web.get("/api/v1/audit").json()
    server.stop(PATIENCE_S)
    shown = [words(talk.types(text)) for text in ("show B1", "audit", "audit B1")]
    assert all("its run failed" in text.lower() for text in shown)
    assert ["anna" in text for text in (*shown, str(record))] == [may] * 4

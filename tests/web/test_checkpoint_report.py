"""`POST /api/v1/bookings/ID/checkpoint`: a run says that it has saved its work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from api_lab import ApiLab, api_lab
from builders import BOB, NOW, TONIGHT, actor, cluster, request

from bot.domain.job import Job, JobOrder, JobTemplate
from bot.domain.run import Observation, RunState
from bot.services import follow_run, look
from bot.services.look_runs import latest_run
from bot.services.notice import notice_token
from bot.services.reserve import reserve
from bot.services.turn_over import turn_over

MINUTE = timedelta(minutes=1)
PATH = "/bookings/B1/checkpoint"


@pytest.fixture
def lab(database_url: str) -> Iterator[ApiLab]:
    """Bob's B1 runs its job, and was warned a minute ago."""
    jobs = (JobTemplate("train", Job(command=("train",))),)
    with api_lab(database_url, replace(cluster(), jobs=jobs)) as lab:
        reserve(lab.site, actor(BOB), replace(request(2), job=JobOrder("train")), now=NOW)
        turn_over(lab.site, now=TONIGHT)
        run = latest_run(lab.site, 1)
        follow_run.submitted(lab.site, run, now=TONIGHT)
        run = latest_run(lab.site, 1)
        follow_run.saw(lab.site, run, Observation(RunState.RUNNING), now=TONIGHT)
        follow_run.was_warned(lab.site, run, TONIGHT + 30 * MINUTE, None, now=TONIGHT)
        lab.now = TONIGHT + 2 * MINUTE
        yield lab


def says(lab: ApiLab, token: str, path: str = PATH) -> httpx.Response:
    client = lab.client(Authorization=f"Bearer {token}") if token else lab.client()
    return client.post(f"{lab.address}/api/v1{path}", json={"path": "last.pt"})


def acts(lab: ApiLab) -> list[str]:
    return [record.action for record in look.history(lab.site, 1)]


def test_a_run_that_saved_its_work_is_told_of_in_its_thread_once(lab: ApiLab) -> None:
    token = notice_token(lab.site, 1)
    for _ in range(2):
        assert says(lab, token).status_code == 204
    assert acts(lab).count("checkpoint_seen") == 1
    assert look.get_booking(lab.site, 1).used_at == lab.now


@pytest.mark.parametrize("token", ["", "made up", "0" * 40])
def test_nobody_else_can_say_so(lab: ApiLab, token: str) -> None:
    assert says(lab, token).status_code == 401
    assert says(lab, token, path="/bookings/B99/checkpoint").status_code == 401
    assert "checkpoint_seen" not in acts(lab)


def test_a_person_s_token_is_not_a_run_s(lab: ApiLab) -> None:
    assert lab.by(BOB).post(PATH, json={}).status_code == 401


def test_what_it_says_is_bounded(lab: ApiLab) -> None:
    token = notice_token(lab.site, 1)
    client = lab.client(Authorization=f"Bearer {token}")
    for body in ({"path": "x" * 3000}, {"path": 7}, {"other": 1}):
        assert client.post(f"{lab.address}/api/v1{PATH}", json=body).status_code == 422

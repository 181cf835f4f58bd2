"""A training script asks over HTTP whether to save its checkpoint."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders import ALICE, BOB, NOW, TONIGHT, actor, cluster, request
from clients import client
from patience import PATIENCE_S

from bot.services.look import get_booking
from bot.services.nodes import sync_nodes
from bot.services.notice import notice_token
from bot.services.preempt import preempt
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.store.database import Database
from bot.store.errors import Busy
from bot.web.app import build_web
from bot.web.server import WebServer

README = (Path(__file__).parents[2] / "README.md").read_text()
MINUTE = timedelta(minutes=1)
END = TONIGHT + timedelta(hours=8)
PROBLEM = "application/problem+json"


@dataclass
class Lab:
    """A site whose web side listens, a clock, and bob's booking B1 from TONIGHT to END."""

    site: Site
    now: datetime = TONIGHT
    web: httpx.Client | None = None

    @property
    def token(self) -> str:
        return notice_token(self.site, 1)

    def ask(self, booking: str = "B1", token: str | None = None) -> httpx.Response:
        assert self.web is not None
        given = self.token if token is None else token
        headers = {"Authorization": f"Bearer {given}"}
        return self.web.get(f"/api/v1/bookings/{booking}/notice", headers=headers)


@pytest.fixture
def lab(database_url: str) -> Iterator[Lab]:
    site = Site.open(Database(database_url), cluster())
    sync_nodes(site, now=NOW)
    reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    turn_over(site, now=TONIGHT)
    lab = Lab(site)
    server = WebServer(build_web(None, list, site, lambda: lab.now), "127.0.0.1", 0)
    server.start()
    with client(server.address) as lab.web:
        yield lab
    server.stop(PATIENCE_S)
    site.database.close()


def test_a_running_booking_is_told_as_json(lab: Lab) -> None:
    answer = lab.ask()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json() == {
        "booking": "B1",
        "state": "active",
        "action": "none",
        "reclaim_at": None,
        "ends_at": "2026-11-25T22:00:00+00:00",
        "seconds_left": 8 * 3600,
        "reason": None,
        "warned": False,
    }


def test_a_warning_is_told_with_its_instant_and_its_reason(lab: Lab) -> None:
    wanted = request(4, TONIGHT, 4, node="gpu-01")
    preempt(lab.site, actor(ALICE), wanted, reason="demo", expected=(1,), now=TONIGHT)
    told = lab.ask().json()
    assert told["reclaim_at"] == told["ends_at"] == "2026-11-25T14:30:00+00:00"
    assert (told["action"], told["warned"], told["reason"]) == ("checkpoint", True, "demo")


@pytest.mark.parametrize("name", ["B1", "b1", "1", "%231"])
def test_the_booking_is_named_as_people_name_it(lab: Lab, name: str) -> None:
    assert lab.ask(name).json()["booking"] == "B1"


def test_the_token_may_stand_in_the_query(lab: Lab) -> None:
    assert lab.web is not None
    answer = lab.web.get("/api/v1/bookings/B1/notice", params={"token": lab.token})
    assert answer.status_code == 200


@pytest.mark.parametrize("wrong", ["", "x", "é".encode(), "the token of another booking"], ids=str)
def test_without_the_bookings_token_nothing_is_told(lab: Lab, wrong: str | bytes) -> None:
    assert lab.web is not None
    if wrong == "the token of another booking":
        wrong = notice_token(lab.site, 2)
    given = wrong if isinstance(wrong, bytes) else wrong.encode()
    for name in ("B1", "B99"):
        headers = [(b"Authorization", b"Bearer " + given)] if given else []
        answer = lab.web.get(f"/api/v1/bookings/{name}/notice", headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (401, PROBLEM)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["status"] == 401


def test_another_kind_of_authorization_does_not_do(lab: Lab) -> None:
    assert lab.web is not None
    headers = {"Authorization": f"Basic {lab.token}"}
    assert lab.web.get("/api/v1/bookings/B1/notice", headers=headers).status_code == 401


def test_an_unknown_booking_is_not_found(lab: Lab) -> None:
    answer = lab.ask("B99", notice_token(lab.site, 99))
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)
    assert "B99" in answer.json()["detail"]


def test_what_is_no_booking_is_refused(lab: Lab) -> None:
    answer = lab.ask("gpu-01")
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, PROBLEM)


def test_asking_is_a_sign_of_use_of_a_running_booking(lab: Lab) -> None:
    lab.now = TONIGHT + 10 * MINUTE
    lab.ask()
    assert get_booking(lab.site, 1).used_at == lab.now


def test_asking_without_the_token_is_no_sign_of_use(lab: Lab) -> None:
    lab.ask(token="x")
    assert get_booking(lab.site, 1).used_at is None


def test_asking_about_what_is_over_is_no_sign_of_use(lab: Lab) -> None:
    release(lab.site, actor(BOB), 1, now=TONIGHT)
    assert lab.ask().json()["action"] == "stop"
    assert get_booking(lab.site, 1).used_at is None


def test_the_answer_comes_although_the_sign_of_use_cannot_be_written(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.web.notice.saw_use", busy)
    assert lab.ask().json()["action"] == "none"


def test_a_busy_database_asks_to_come_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.notice.notice_of", busy)
    answer = lab.ask()
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, PROBLEM)
    assert int(answer.headers["Retry-After"]) > 0


def busy(*_arguments: object, **_more: object) -> None:
    raise Busy


@pytest.fixture
def example(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[..., Any]]:
    """The README's example, asking about B1."""
    found = re.search(r"<!-- example: checkpoint -->\n```python\n(.*?)```", README, re.DOTALL)
    assert found is not None
    assert lab.web is not None
    monkeypatch.setenv("GPUBOT_NOTICE", f"{lab.web.base_url}/api/v1/bookings/B1/notice")
    monkeypatch.setenv("GPUBOT_TOKEN", lab.token)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    names: dict[str, Callable[..., Any]] = {}
    exec(found.group(1), names)
    return names


def test_the_readmes_example_saves_when_it_has_to_and_ends_when_it_must(
    lab: Lab, example: dict[str, Callable[..., Any]]
) -> None:
    trained, saved = [], []

    def train_on(batch: int) -> None:
        trained.append(batch)
        if batch == 2:
            lab.now = END - 20 * MINUTE
        elif batch == 4:
            release(lab.site, actor(BOB), 1, now=lab.now)

    example["train"](range(9), train_on, lambda: saved.append(trained[-1]), ask_every=0)
    assert trained == [0, 1, 2, 3, 4]
    assert saved == [2, 4]


def test_the_readmes_example_trains_on_while_gpubot_cannot_be_reached(
    example: dict[str, Callable[..., Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUBOT_NOTICE", "http://127.0.0.1:9/nobody/there")
    assert example["gpubot_says"]() == "none"

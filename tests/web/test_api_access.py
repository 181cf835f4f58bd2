"""Who may use which part of the API: no token, a bad one, one that lacks a scope, a good one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from api_lab import ApiLab, api_lab, refused
from builders import ADMIN, ALICE, BOB, DANA, NOW, TONIGHT, actor, cluster, request
from databases import new_database

from bot.domain.access import Scope
from bot.domain.actor import Actor
from bot.services.cancel import cancel
from bot.services.look import get_booking, history
from bot.services.reserve import reserve
from bot.services.tokens import revoke_token, tokens_of
from bot.services.turn_over import turn_over

#: Every route of the API, a body that it takes, and the scope that it wants.
ROUTES = [
    ("GET", "/bookings", None, Scope.READ),
    ("GET", "/bookings/B1", None, Scope.READ),
    ("POST", "/bookings/check", {"gpus": 1, "length": "2h"}, Scope.READ),
    ("POST", "/bookings", {"gpus": 1, "length": "2h"}, Scope.BOOK),
    ("POST", "/bookings/together", {"orders": [{"gpus": 1, "length": "2h"}]}, Scope.BOOK),
    ("POST", "/bookings/B1/extend", {"length": "2h"}, Scope.BOOK),
    ("POST", "/bookings/B1/move", {"start": "2026-11-27T22:00+08:00"}, Scope.BOOK),
    ("PUT", "/bookings/B1/job", {"template": "yolo-train"}, Scope.BOOK),
    ("DELETE", "/bookings/B1/job", None, Scope.BOOK),
    ("POST", "/bookings/B1/release", {}, Scope.BOOK),
    ("POST", "/bookings/B1/cancel", {}, Scope.BOOK),
    ("GET", "/bookings/B1/notice", None, Scope.READ),
    ("GET", "/free", None, Scope.READ),
    ("GET", "/nodes", None, Scope.READ),
    ("GET", "/waitlist", None, Scope.READ),
    ("GET", "/waitlist/W1", None, Scope.READ),
    ("POST", "/waitlist", {"gpus": 8, "length": "2h"}, Scope.BOOK),
    ("DELETE", "/waitlist/W1", None, Scope.BOOK),
    ("GET", "/offers", None, Scope.READ),
    ("POST", "/offers/1/accept", {}, Scope.BOOK),
    ("POST", "/offers/1/decline", {}, Scope.BOOK),
    ("GET", "/notices", None, Scope.READ),
    ("GET", "/audit", None, Scope.AUDIT),
    ("GET", "/me", None, Scope.READ),
    ("GET", "/calendar", None, Scope.READ),
    ("GET", "/reports", None, Scope.REPORT),
    ("GET", "/reports.csv", None, Scope.REPORT),
]
#: Their own tests ask who may: a stream has no end, and its answer no body; only a run itself says
#: that it saved a checkpoint.
ELSEWHERE = {("GET", "/events"), ("POST", "/bookings/{}/checkpoint")}
IDS = [f"{method} {path}" for method, path, _, _ in ROUTES]
ALL = (Scope.READ, Scope.BOOK, Scope.AUDIT, Scope.REPORT)


@pytest.fixture(scope="module")
def lab(module_database_url: str) -> Iterator[ApiLab]:
    with api_lab(module_database_url) as lab:
        reserve(lab.site, actor(BOB), request(4, node="gpu-01"), now=NOW)
        yield lab


@pytest.fixture(scope="module")
def badly(lab: ApiLab) -> dict[str, httpx.Client]:
    """Programs whose tokens open nothing."""
    expired = lab.token(BOB, *ALL, lasts=timedelta(0))
    revoked = lab.token(BOB, *ALL)
    revoke_token(lab.site, actor(BOB), tokens_of(lab.site, BOB, now=NOW)[0].id, now=NOW)
    secrets = {"made up": "gpubot_x", "expired": expired, "revoked": revoked}
    clients = {name: lab.client(Authorization=f"Bearer {of}") for name, of in secrets.items()}
    return {"none": lab.client(), "garbage": lab.client(Authorization="Basic eA=="), **clients}


def test_every_route_that_there_is_is_tried_here(lab: ApiLab) -> None:
    described = lab.client().get(f"{lab.address}/api/openapi.json").json()["paths"]
    tried = {(method, re.sub(r"/[BW]?1(?=/|$)", "/{}", path)) for method, path, _, _ in ROUTES}
    assert tried | ELSEWHERE == {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path).removeprefix("/api/v1"))
        for path, methods in described.items()
        for method in methods
    }


@pytest.mark.parametrize(("method", "path", "body", "scope"), ROUTES, ids=IDS)
def test_nobody_gets_anything_without_a_token_that_is_good(
    lab: ApiLab,
    badly: dict[str, httpx.Client],
    method: str,
    path: str,
    body: object,
    scope: Scope,
) -> None:
    for kind, client in badly.items():
        answer = client.request(method, path, json=body)
        bad = kind in ("made up", "expired", "revoked")
        refused(answer, 401, "bad_token" if bad else "not_signed_in")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path", "body", "scope"), ROUTES, ids=IDS)
def test_a_token_opens_what_its_scope_names_and_nothing_else(
    lab: ApiLab, method: str, path: str, body: object, scope: Scope
) -> None:
    others = lab.by(BOB, *(one for one in ALL if one is not scope))
    found = refused(others.request(method, path, json=body), 403, "scope")
    assert found["scope"] == scope
    answer = lab.by(BOB, scope).request(method, path, json=body)
    assert answer.status_code not in (401, 403), answer.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [(method, path, body) for method, path, body, _ in ROUTES if method != "GET"],
    ids=[f"{method} {path}" for method, path, _, _ in ROUTES if method != "GET"],
)
def test_a_page_of_another_site_changes_nothing(
    lab: ApiLab, method: str, path: str, body: object
) -> None:
    before = len(history(lab.site, limit=1000))
    answer = lab.signed_in(BOB, csrf=False).request(method, path, json=body)
    refused(answer, 403, "csrf")
    assert len(history(lab.site, limit=1000)) == before


def test_who_signed_in_may_do_on_the_page_what_they_may_in_slack(tmp_path: Path) -> None:
    with api_lab(new_database(tmp_path)) as lab:
        page = lab.signed_in(BOB)
        made = page.post("/bookings", json={"gpus": 1, "length": "4h"})
        assert made.status_code == 201
        assert page.get("/audit").json()["items"][0]["after"]["via"] == "page"
        assert lab.by(BOB).get("/me").json()["via"] == "token:1 nightly"


def test_the_record_says_by_which_token_it_was_done(tmp_path: Path) -> None:
    with api_lab(new_database(tmp_path)) as lab:
        lab.by(BOB).post("/bookings", json={"gpus": 1, "length": "4h"})
        (last,) = history(lab.site, limit=1)
        assert (last.actor, last.action) == (BOB, "reserved")
        assert (last.after or {})["via"] == "token:1 nightly"


def test_a_token_may_no_more_than_the_one_who_made_it(tmp_path: Path) -> None:
    with api_lab(new_database(tmp_path)) as lab:
        reserve(lab.site, actor(DANA), request(4, node="gpu-02"), now=NOW)
        found = refused(lab.by(BOB).post("/bookings/B1/cancel"), 403, "not_allowed")
        assert "@U0CHEN" in found["detail"]
        assert "@U0CHEN" in found["fields"]["who"]
        urgent = {"gpus": 1, "length": "2h", "priority": "P0"}
        refused(lab.by(BOB).post("/bookings", json=urgent), 403, "not_allowed")
        assert lab.by(ALICE).post("/bookings", json=urgent).status_code == 201


def test_somebody_elses_booking_wants_a_reason(tmp_path: Path) -> None:
    with api_lab(new_database(tmp_path)) as lab:
        reserve(lab.site, actor(BOB), request(4, node="gpu-02"), now=NOW)
        lead = lab.by(ALICE)
        refused(lead.post("/bookings/B1/cancel"), 422, "reason_needed")
        given = lead.post("/bookings/B1/cancel", json={"reason": "node needed"})
        assert given.json()["state"] == "cancelled"


def test_a_pipelines_token_works_for_its_team_only(tmp_path: Path) -> None:
    with api_lab(new_database(tmp_path)) as lab:
        pipeline = lab.by(ADMIN, team="nlp")
        assert pipeline.get("/me").json()["team"] == "nlp"
        order = {"gpus": 1, "length": "2h"}
        refused(pipeline.post("/bookings", json={**order, "team": "vision"}), 403, "team")
        refused(pipeline.post("/bookings", json={"text": "1 now 2h team vision"}), 403, "team")
        refused(pipeline.post("/waitlist", json={**order, "team": "vision"}), 403, "team")
        for body in (order, {**order, "team": "NLP"}, {"text": "1 now 2h"}):
            assert pipeline.post("/bookings", json=body).json()["team"] == "nlp"


def test_a_pipelines_token_leaves_other_teams_bookings_alone(tmp_path: Path) -> None:
    with api_lab(new_database(tmp_path)) as lab:
        reserve(lab.site, actor(BOB), request(4, node="gpu-02"), now=NOW)
        pipeline = lab.by(ADMIN, team="nlp")
        shown = pipeline.get("/bookings/B1").json()
        assert shown["may_change"] is False
        for act, body in (
            ("cancel", {"reason": "x"}),
            ("release", {"reason": "x"}),
            ("extend", {"length": "2h", "reason": "x"}),
            ("move", {"start": "2026-11-27T22:00Z", "reason": "x"}),
        ):
            refused(pipeline.post(f"/bookings/B1/{act}", json=body), 403, "team")
        assert get_booking(lab.site, 1).revision == 1


def test_a_pipelines_token_leaves_other_teams_wishes_and_offers_alone(tmp_path: Path) -> None:
    with api_lab(new_database(tmp_path)) as lab:
        reserve(lab.site, actor(DANA), request(4, node="gpu-02"), now=NOW)
        by = (TONIGHT + timedelta(hours=8)).isoformat()
        wish = {"gpus": 4, "length": "2h", "node": "gpu-02", "from": TONIGHT.isoformat(), "by": by}
        for _ in range(2):
            assert lab.by(BOB).post("/waitlist", json=wish).status_code == 201
        cancel(lab.site, actor(DANA), 1, now=NOW)
        other, own = lab.by(ADMIN, team="nlp"), lab.by(ADMIN, team="vision")
        paths = [("DELETE", "/waitlist/W2"), ("POST", "/offers/1/accept"),
                 ("POST", "/offers/1/decline")]  # fmt: skip
        for method, path in paths:
            refused(other.request(method, path), 403, "team")
        for client, may in ((other, False), (own, True)):
            assert client.get("/waitlist/W2").json()["may_change"] is may
            assert {one["may_answer"] for one in client.get("/offers").json()["items"]} == {may}
        assert own.post("/offers/1/accept").is_success


def test_a_token_ends_when_its_maker_has_left(tmp_path: Path) -> None:
    with api_lab(new_database(tmp_path)) as lab:
        secret = lab.token(BOB)
        left = replace(cluster(), teams=cluster().teams[1:])
        lab.site.adopt(left)
        answer = lab.client(Authorization=f"Bearer {secret}").get("/me")
        refused(answer, 401, "bad_token")


def test_a_notice_is_for_those_who_may_change_the_booking(tmp_path: Path) -> None:
    with api_lab(new_database(tmp_path)) as lab:
        reserve(lab.site, actor(BOB), request(4, node="gpu-02"), now=NOW)
        for good in (lab.by(BOB, Scope.READ), lab.by(ALICE), lab.signed_in(BOB)):
            assert good.get("/bookings/B1/notice").json()["action"] == "none"
        for other in (lab.by(DANA), lab.by(ADMIN, team="nlp")):
            refused(other.get("/bookings/B1/notice"), 403, "not_allowed")
        refused(lab.by(BOB).get("/bookings/B99/notice"), 404, "not_found")


def test_only_a_script_that_asks_is_a_sign_of_use(tmp_path: Path) -> None:
    with api_lab(new_database(tmp_path)) as lab:
        reserve(lab.site, Actor(BOB), request(4, node="gpu-02"), now=NOW)
        lab.now = TONIGHT
        turn_over(lab.site, now=TONIGHT)
        lab.signed_in(BOB).get("/bookings/B1/notice")
        assert get_booking(lab.site, 1).used_at is None
        lab.by(BOB).get("/bookings/B1/notice")
        assert get_booking(lab.site, 1).used_at == TONIGHT

"""What GitHub and Alertmanager sign, or somebody who has their secret: odd, huge, nested."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ALICE, NOW, actor
from fuzzing import FUZZED, Lab, cases, fuzz, fuzzed, mutated
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from sending import calls, deliveries, lists, webhooks

from bot.services.feed import FeedKind, FeedTarget
from bot.services.subscribe import subscribe

pytestmark = FUZZED

RUN: dict[str, Any] = {
    "action": "completed",
    "repository": {"full_name": "lab/yolo", "default_branch": "main"},
    "workflow_run": {
        "id": 7001, "name": "train", "path": ".github/workflows/train.yml", "head_branch": "main",
        "head_repository": {"full_name": "lab/yolo"}, "run_number": 1, "run_attempt": 1,
        "conclusion": "success", "updated_at": NOW.isoformat(),
        "triggering_actor": {"login": "octocat"},
    },
}  # fmt: skip
ALERT: dict[str, Any] = {
    "version": "4", "status": "firing", "receiver": "gpubot",
    "alerts": [{
        "status": "firing", "fingerprint": "1bee20105924c1a2",
        "labels": {"alertname": "GpuHot", "Hostname": "bob-1", "gpu": "0", "severity": "warning"},
        "annotations": {"summary": "hot", "description": "very", "value": "91", "runbook": "x"},
        "startsAt": "2026-11-25T02:30:32.841Z", "endsAt": "0001-01-01T00:00:00Z",
    }],
}  # fmt: skip


@pytest.fixture(scope="module")
def lab(module_database_url: str) -> Iterator[Lab]:
    with fuzzed(module_database_url) as made:
        yield made


@pytest.mark.parametrize("case", cases("webhooks"), ids=lambda path: path.stem)
def test_a_kept_delivery_is_answered_without_a_traceback(lab: Lab, case: Path) -> None:
    content = json.loads(case.read_text())
    before = lab.rows()
    body = content["raw"] * content.get("times", 1)
    send = lab.github if content["to"] == "github" else lab.alerts
    answer = send(body.encode())
    assert answer.status_code == content["status"], answer.text
    assert answer.is_success or lab.rows() == before


@pytest.mark.parametrize("case", cases("api"), ids=lambda path: path.stem)
def test_a_kept_call_is_answered_without_a_traceback(lab: Lab, case: Path) -> None:
    content = json.loads(case.read_text())
    method, path = content["call"].split()
    answer = lab.api(method, path, content.get("body"), **content.get("query", {}))
    assert answer.status_code == content["status"], answer.text


@fuzz
@given(deliveries)
def test_no_run_of_a_workflow_makes_it_fail(lab: Lab, delivery: dict[str, Any]) -> None:
    before = lab.rows()
    answer = lab.github(json.dumps(delivery).encode())
    assert answer.is_success or lab.rows() == before


@fuzz
@given(webhooks)
def test_no_alert_makes_it_fail(lab: Lab, webhook: dict[str, Any]) -> None:
    answer = lab.alerts(json.dumps(webhook).encode())
    started = {alert["startsAt"][:4] for alert in webhook["alerts"]}
    assert answer.status_code == (200 if started <= {"2026"} else 422)


@fuzz
@given(calls, st.sampled_from(["", "", "k", "é", "k" * 300]))
def test_no_call_of_a_program_makes_it_fail(lab: Lab, call: tuple[str, Any], key: str) -> None:
    method, path = call[0].split()
    before = lab.rows()
    answer = lab.api(method, f"/api/v1{path}", call[1], key)
    assert answer.is_success or lab.rows() == before


@fuzz
@given(lists)
def test_no_query_makes_it_fail(lab: Lab, asked: tuple[str, dict[str, Any]]) -> None:
    name, query = asked
    lab.api("GET", f"/api/v1/{name}", None, **query)


@fuzz
@given(data=st.data())
def test_no_mutated_delivery_makes_it_fail(lab: Lab, data: st.DataObject) -> None:
    lab.github(json.dumps(data.draw(mutated(RUN))).encode())
    lab.alerts(json.dumps(data.draw(mutated(ALERT))).encode())


@fuzz
@given(data=st.data())
def test_no_mutated_body_of_a_program_makes_it_fail(lab: Lab, data: st.DataObject) -> None:
    order = {"gpus": 1, "start": "now", "length": "2h", "node": "free-1", "priority": "P2",
             "preemptible": True, "team": "vision", "purpose": "x", "spread": False,
             "job": {"template": "yolo-train", "parameters": {"data": "x"}}}  # fmt: skip
    path, body = data.draw(st.sampled_from([
        ("/api/v1/bookings", order), ("/api/v1/bookings/check", order),
        ("/api/v1/bookings/together", {"orders": [order, order]}),
        ("/api/v1/waitlist", {**order, "from": "now", "by": "fri 18:00"}),
        ("/api/v1/bookings/B1/extend", {"length": "2h", "reason": "x"}),
        ("/api/v1/bookings/B1/move", {"start": "2026-11-27T22:00+08:00", "reason": "x"}),
        ("/api/v1/bookings/B1/release", {"gpus": 1, "reason": "x"}),
    ]))  # fmt: skip
    before = lab.rows()
    answer = lab.api("POST", path, data.draw(mutated(body)))
    assert answer.is_success or lab.rows() == before


@fuzz
@given(st.text(max_size=80), st.text(max_size=80))
def test_no_address_makes_it_fail(lab: Lab, text: str, other: str) -> None:
    names = ("cursor", "limit", "state", "owner", "team", "at", "gpus", "length", "period")
    asked = {"bookings": names[:5], "free": names[5:], "waitlist": names[:2], "audit": names[:2],
             "reports": names[8:], "calendar": names[5:6]}  # fmt: skip
    for path, of in asked.items():
        lab.api("GET", f"/api/v1/{path}", **dict.fromkeys(of, text), model=other)
    lab.web.get("/calendar.ics", params={"token": text})
    lab.web.get("/sign-in", params={"link": text, "next": other})
    lab.web.get("/", params={"booking": text, "at": other})


def test_what_came_of_it_all_can_be_told_and_goes_on(lab: Lab) -> None:
    lab.is_told()
    site = lab.bot.site
    for target in (FeedTarget(FeedKind.PERSON, ALICE), FeedTarget(FeedKind.TEAM, "vision"),
                   FeedTarget(FeedKind.NODE, "free-1")):  # fmt: skip
        made = subscribe(site, actor(ALICE), target, now=NOW)
        assert made.url is not None
        answer = lab.web.get("/calendar.ics", params={"token": made.url.partition("token=")[2]})
        assert answer.status_code == 200
        assert Calendar.from_ical(answer.content)
    for path in ("bookings", "waitlist", "offers", "notices", "audit", "reports", "calendar"):
        assert lab.api("GET", f"/api/v1/{path}").status_code == 200
    lab.goes_on()

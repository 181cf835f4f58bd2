"""Alertmanager's webhook: proved by its token, read strictly, taken once."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from builders import NOW
from serving import Served, served
from sqlalchemy import select, text
from sqlmodel import col

from bot.store.models import GpuAlert
from bot.web.alerts import LONGEST_LABEL, MOST_ALERTS, alert_routes

TOKEN = "a token that only Alertmanager has"
LABELS = {
    "alertname": "GpuMemoryOverflow",
    "Hostname": "gpu-01",
    "gpu": "0",
    "UUID": "GPU-604ac76c-d9cf-fef3-62e9-d92044ab6e50",
    "instance": "10.0.0.1:9400",
    "severity": "warning",
}


def alert(status: str = "firing", **changes: Any) -> dict[str, Any]:
    """An alert as Alertmanager writes it."""
    return {
        "status": status,
        "labels": LABELS,
        "annotations": {},
        "startsAt": "2026-11-25T02:30:32.841Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://vm:9090/graph?g0.expr=DCGM_FI_DEV_FB_USED",
        "fingerprint": "1bee20105924c1a2",
        **changes,
    }


def body_of(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "receiver": "gpubot",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://vm:9093",
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        **changes,
    }


@pytest.fixture
def lab(database_url: str) -> Iterator[Served]:
    with served(database_url, partial(alert_routes, token=TOKEN)) as made:
        yield made


def send(lab: Served, content: Any, authorization: str = f"Bearer {TOKEN}") -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lab.web.post("/alerts", content=body, headers={"Authorization": authorization})


def rows(lab: Served) -> list[Any]:
    with lab.site.database.snapshot() as connection:
        statement = text("SELECT key, kind, state, details FROM gpualert ORDER BY id")
        return list(connection.execute(statement))


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"gpubot:{password}".encode()).decode()


def test_an_alert_is_opened_and_ended_and_every_repetition_changes_nothing(lab: Served) -> None:
    for _ in range(2):
        answer = send(lab, body_of(alert()))
        assert answer.json() == {"firing": 1, "resolved": 0, "left_out": 0}
    assert [(row.key, row.state) for row in rows(lab)] == [("gpu-01/0/memory", "open")]
    for _ in range(2):
        send(lab, body_of(alert("resolved"), status="resolved"))
    send(lab, body_of(alert()))
    assert [(row.key, row.state) for row in rows(lab)] == [("gpu-01/0/memory", "resolved")]


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer  {TOKEN}", basic(TOKEN)])
def test_the_token_may_be_a_bearer_token_or_a_password(lab: Served, given: str) -> None:
    assert send(lab, body_of(alert()), given).status_code == 200


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer x", TOKEN, f"Bearer {TOKEN[:-1]}", f"Token {TOKEN}", basic("x"),
     "Basic %%%", "Basic /w==", basic("")],
)  # fmt: skip
def test_without_the_token_nothing_is_read(lab: Served, given: str) -> None:
    answer = send(lab, b"not even JSON", given)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_token")
    assert TOKEN not in answer.text


def test_without_a_token_of_ones_own_there_is_no_webhook(database_url: str) -> None:
    with served(database_url, partial(alert_routes, token="")) as made:
        for given in ("", "Bearer", basic("")):
            assert send(made, body_of(alert()), given).status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_refused(lab: Served, body: bytes) -> None:
    assert (send(lab, body).status_code, rows(lab)) == (400, [])


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        body_of(alert(), version="3"),
        body_of(alert("silenced")),
        body_of(alert(startsAt="yesterday")),
        body_of(alert(startsAt="2026-11-25T02:30:32")),
        body_of(alert(fingerprint="'; DROP TABLE gpualert")),
        body_of(alert(labels={"gpu": 1})),
        body_of(alert(labels=[])),
        body_of(*[{}] * 3),
    ],
)
def test_json_of_another_form_is_refused_and_named(lab: Served, body: Any) -> None:
    answer = send(lab, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")
    assert rows(lab) == []


def test_of_very_many_alerts_only_the_first_are_taken(lab: Served) -> None:
    many = [
        alert(fingerprint=f"{n:x}", labels={"alertname": f"Down{n}"})
        for n in range(MOST_ALERTS + 7)
    ]
    assert send(lab, body_of(*many)).json()["left_out"] == 7
    assert len(rows(lab)) == MOST_ALERTS


def test_what_is_about_no_gpu_of_ours_keeps_its_words_but_not_all_of_them(lab: Served) -> None:
    labels = {"alertname": "NodeDown", "instance": "x" * 900, **{f"l{n}": "v" for n in range(99)}}
    said = {"summary": "gone", "description": "d" * 5000}
    send(lab, body_of(alert(labels=labels, annotations=said)))
    ((key, kind, _, details),) = rows(lab)
    told = json.loads(details)
    assert (key, kind, told["name"]) == ("alertmanager:1bee20105924c1a2", "other", "NodeDown")
    assert (told["summary"], len(told["description"])) == ("gone", 1000)
    assert len(told["labels"]) <= 40
    assert max(map(len, told["labels"].values())) <= LONGEST_LABEL


@pytest.mark.parametrize("gpu", ["4", "-1", "all", ""])
def test_a_gpu_that_there_is_not_makes_it_any_other_alert(lab: Served, gpu: str) -> None:
    send(lab, body_of(alert(labels={**LABELS, "gpu": gpu})))
    assert [row.kind for row in rows(lab)] == ["other"]


def test_a_value_that_is_none_is_no_value(lab: Served) -> None:
    for number, said in enumerate(["NaN", "warm", "+Inf", "9" * 999]):
        labels = {**LABELS, "gpu": str(number)}
        answer = send(lab, body_of(alert(labels=labels, annotations={"value": said})))
        assert answer.status_code == 200
    with lab.site.database.snapshot() as connection:
        values = connection.execute(text("SELECT value FROM gpualert")).scalars().all()
    assert values == [None] * 4


def test_instants_are_those_of_the_bot(lab: Served) -> None:
    send(lab, body_of(alert()))
    with lab.site.database.snapshot() as connection:
        began = connection.execute(select(col(GpuAlert.began_at))).scalar_one()
    assert abs(began - NOW) < timedelta(seconds=1)

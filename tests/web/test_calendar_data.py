"""`GET /api/v1/calendar`: what the calendar page draws."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import builders
import pytest
from builders import ADMIN, ALICE, BOB, CHEN, NODES, NOW, TONIGHT, actor, request
from serving import Served, served

from bot.domain.access import Scope, TokenKind
from bot.domain.actor import Person
from bot.services.drain import drain
from bot.services.people import remember_person
from bot.services.reserve import reserve
from bot.services.tokens import create_token
from bot.services.turn_over import turn_over
from bot.web.access import Access
from bot.web.calendar import calendar_routes
from bot.web.sessions import COOKIE, new_session, seal_session

HOUR = timedelta(hours=1)
DAY = {"from": "2026-11-25", "to": "2026-11-26T12:00+08:00"}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Served]:
    """A calendar that everybody may look at."""
    cluster = builders.cluster(public_calendar=True)
    with served(tmp_path, lambda s, n: calendar_routes(s, Access(s, n), n), cluster) as lab:
        yield lab


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Served]:
    """A calendar for those who signed in."""
    with served(tmp_path, lambda s, n: calendar_routes(s, Access(s, n), n)) as lab:
        yield lab


def signed_in(lab: Served, user: str) -> dict[str, str]:
    session = new_session(user, now=NOW)
    return {"Cookie": f"{COOKIE}={seal_session(lab.site, session)}"}


def calendar(lab: Served, user: str | None = BOB, **query: str) -> dict[str, Any]:
    headers = {} if user is None else signed_in(lab, user)
    answer = lab.web.get("/api/v1/calendar", params={**DAY, **query}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def book(lab: Served, user: str = BOB, **more: Any):
    return reserve(lab.site, actor(user), request(2, node="gpu-03", **more), now=NOW)


def test_the_document_has_what_the_page_draws(lab: Served) -> None:
    booking = book(lab, purpose='a "yolo" ü')
    remember_person(lab.site, Person(BOB, "Bob", "Asia/Shanghai", "en-US", None, NOW))
    found = calendar(lab)
    start, end = int(TONIGHT.timestamp()), int((TONIGHT + 8 * HOUR).timestamp())
    assert found["cluster"] == {
        "name": "Vision Lab", "zone": "Asia/Shanghai", "slot_s": 7200, "horizon_s": 7776000,
        "grid": "00:00",
    }  # fmt: skip
    assert (found["now"], found["seq"]) == (int(NOW.timestamp()), 1)
    assert found["from"] == int((TONIGHT - 22 * HOUR).timestamp()), "midnight in Shanghai"
    assert found["people"] == {BOB: "Bob"}
    assert found["teams"][0] == {"name": "vision", "color": "#64748b", "mine": True}
    assert [(node["name"], node["gpus"], node["model"]) for node in found["nodes"]] == [
        ("gpu-01", 4, "V100"), ("gpu-02", 4, "V100"), ("gpu-03", 8, "A100"),
    ]  # fmt: skip
    assert found["nodes"][2]["bars"] == [
        {"k": "booking", "id": booking.id, "s": start, "e": end, "g": [0, 1]}
    ]
    assert found["bookings"] == {
        str(booking.id): {
            "owner": BOB, "team": "vision", "priority": 2, "preemptible": True, "queued": False,
            "purpose": 'a "yolo" ü', "state": "reserved", "s": start, "e": end, "gpus": 2,
            "nodes": ["gpu-03"], "warned": None, "overrun_from": None, "job": None,
            "may_change": True, "mine": True,
        }
    }  # fmt: skip


def test_the_public_sees_neither_people_nor_what_they_wrote(lab: Served) -> None:
    booking = book(lab, purpose="secret plan")
    drain(lab.site, actor(ADMIN), "gpu-01", until=None, reason="secret fan", now=NOW)
    answer = lab.web.get("/api/v1/calendar", params=DAY)
    found = answer.json()
    assert not any(word in answer.text for word in ("secret", BOB, ADMIN))
    shown = found["bookings"][str(booking.id)]
    assert (shown["owner"], shown["team"], shown["may_change"]) == ("", "vision", False)
    assert found["people"] == {}
    assert found["nodes"][0]["drain"] == {
        "id": 1, "s": int(NOW.timestamp()), "e": None, "reason": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("user", "may", "mine"),
    [(BOB, True, True), (ALICE, True, False), (ADMIN, True, False), (CHEN, False, False)],
    ids=["its owner", "the team's lead", "an admin", "another team's lead"],
)
def test_it_says_who_may_change_a_booking(lab: Served, user: str, may: bool, mine: bool) -> None:
    booking = book(lab)
    shown = calendar(lab, user)["bookings"][str(booking.id)]
    assert (shown["may_change"], shown["mine"]) == (may, mine)


def test_what_is_over_nobody_may_change(lab: Served) -> None:
    booking = reserve(lab.site, actor(BOB), request(1, NOW, 3 + 23 / 60), now=NOW)
    turn_over(lab.site, now=NOW)
    turn_over(lab.site, now=NOW + 4 * HOUR)
    shown = calendar(lab)["bookings"][str(booking.id)]
    assert (shown["state"], shown["may_change"], shown["mine"]) == ("ended", False, True)


def test_a_token_that_may_only_read_may_change_nothing(lab: Served) -> None:
    book(lab)
    _, secret = create_token(
        lab.site, actor(BOB), kind=TokenKind.PERSON, name="screen", scopes={Scope.READ}, now=NOW
    )
    headers = {"Authorization": f"Bearer {secret}"}
    found = lab.web.get("/api/v1/calendar", params=DAY, headers=headers).json()
    (shown,) = found["bookings"].values()
    assert (shown["mine"], shown["may_change"]) == (True, False)


def test_strangers_are_refused_unless_policy_opens_the_calendar(closed: Served) -> None:
    assert closed.web.get("/api/v1/calendar").status_code == 401


def test_nothing_is_sent_again_until_something_changed(lab: Served) -> None:
    headers = signed_in(lab, BOB)
    first = lab.web.get("/api/v1/calendar", params=DAY, headers=headers)
    known = {**headers, "If-None-Match": f'"other", W/{first.headers["etag"]}'}
    lab.now += HOUR
    again = lab.web.get("/api/v1/calendar", params=DAY, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    book(lab)
    assert lab.web.get("/api/v1/calendar", params=DAY, headers=known).status_code == 200


def test_another_configuration_makes_another_document(tmp_path: Path) -> None:
    tags = []
    for name, of in (("one", NODES), ("same", NODES), ("other", NODES[:2])):
        (tmp_path / name).mkdir()
        cluster = builders.cluster(nodes=of, public_calendar=True)
        routes = lambda s, n: calendar_routes(s, Access(s, n), n)  # noqa: E731
        with served(tmp_path / name, routes, cluster) as lab:
            tags.append(lab.web.get("/api/v1/calendar", params=DAY).headers["etag"])
    assert tags[0] == tags[1] != tags[2]


def test_what_one_may_see_another_does_not_get_by_its_tag(lab: Served) -> None:
    mine = lab.web.get("/api/v1/calendar", params=DAY, headers=signed_in(lab, BOB))
    known = {"If-None-Match": mine.headers["etag"]}
    assert lab.web.get("/api/v1/calendar", params=DAY, headers=known).status_code == 200
    assert "private" in mine.headers["cache-control"]


def test_without_a_window_it_is_a_week_from_midnight(lab: Served) -> None:
    found = lab.web.get("/api/v1/calendar").json()
    assert found["from"] == int((TONIGHT - 22 * HOUR).timestamp())
    assert found["to"] - found["from"] == 7 * 86400


def test_nodes_can_be_chosen(lab: Served) -> None:
    book(lab)
    found = calendar(lab, nodes="gpu-01, gpu-02")
    assert [node["name"] for node in found["nodes"]] == ["gpu-01", "gpu-02"]
    assert found["bookings"] == {}


def test_an_offset_whose_plus_was_not_escaped_is_understood(lab: Served) -> None:
    answer = lab.web.get("/api/v1/calendar?from=2026-11-25T00:00+08:00")
    assert answer.json()["from"] == int((TONIGHT - 22 * HOUR).timestamp())


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "soon"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"from": "9999-12-31"}, "to"),
        ({"to": "2026-13-01"}, "to"),
        ({"from": "2026-11-26", "to": "2026-11-25"}, "to"),
        ({"from": "2026-11-25", "to": "2026-11-25"}, "to"),
        ({"from": "2026-01-01", "to": "2026-12-01"}, "to"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(
    lab: Served, query: dict[str, str], field: str
) -> None:
    answer = lab.web.get("/api/v1/calendar", params=query)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert answer.headers["content-type"] == "application/problem+json"

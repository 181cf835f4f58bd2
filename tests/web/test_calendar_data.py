"""`GET /api/v1/calendar`: what the calendar page draws."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import builders
import pytest
from builders import ADMIN, ALICE, BOB, CHEN, NODES, NOW, TONIGHT, actor, request
from databases import new_database
from serving import Served, served

from bot.domain.access import Scope, TokenKind
from bot.domain.actor import GPUBOT, Actor, Person
from bot.domain.booking import Priority, Shape
from bot.domain.cluster import Node
from bot.domain.queue_request import QueueRequest
from bot.domain.request import parse_wait
from bot.locale import translator
from bot.services.activity import saw_use
from bot.services.drain import drain
from bot.services.join_waitlist import join_queue, join_waitlist
from bot.services.learn_nodes import learn_nodes
from bot.services.people import remember_person
from bot.services.preempt import preempt
from bot.services.recent_tracks import RecentTracks
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.tokens import create_token
from bot.services.tracks import Tracks
from bot.services.turn_over import turn_over
from bot.ticks.cluster_nodes import NOT_READY
from bot.web.access import Access
from bot.web.calendar import calendar_routes
from bot.web.sessions import COOKIE, new_session, seal_session

HOUR = timedelta(hours=1)
DAY = {"from": "2026-11-25", "to": "2026-11-26T12:00+08:00"}


@pytest.fixture
def lab(database_url: str) -> Iterator[Served]:
    """A calendar that everybody may look at."""
    cluster = builders.cluster(public_calendar=True)
    with served(database_url, lambda s, n: calendar_routes(s, Access(s, n), n), cluster) as lab:
        yield lab


@pytest.fixture
def closed(database_url: str) -> Iterator[Served]:
    """A calendar for those who signed in."""
    with served(database_url, lambda s, n: calendar_routes(s, Access(s, n), n)) as lab:
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


def test_a_node_that_is_learnt_meanwhile_is_there(lab: Served) -> None:
    answer = lab.web.get("/api/v1/calendar", params=DAY)
    assert len(answer.json()["nodes"]) == len(NODES)
    learn_nodes(lab.site, (*NODES, Node("gpu-04", 8, "H100")), now=NOW)
    known = {"If-None-Match": answer.headers["ETag"]}
    later = lab.web.get("/api/v1/calendar", params=DAY, headers=known)
    assert later.status_code == 200
    assert [node["name"] for node in later.json()["nodes"]][-1] == "gpu-04"


def test_a_node_that_is_learnt_during_an_answer_is_in_the_next(
    lab: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, later = RecentTracks.get, (*NODES, Node("gpu-04", 8, "H100"))

    def learns_after_it(*args: Any, **more: Any) -> Tracks:
        found = get(*args, **more)
        learn_nodes(lab.site, later, now=NOW)
        return found

    monkeypatch.setattr(RecentTracks, "get", learns_after_it)
    answer = lab.web.get("/api/v1/calendar", params=DAY)
    assert len(answer.json()["nodes"]) == len(NODES)
    known = {"If-None-Match": answer.headers["ETag"]}
    assert len(lab.web.get("/api/v1/calendar", params=DAY, headers=known).json()["nodes"]) == 4


def test_why_gpubot_took_a_node_out_of_service_is_told_in_the_viewers_language(
    lab: Served,
) -> None:
    drain(lab.site, GPUBOT, "gpu-01", until=None, reason=NOT_READY, now=NOW)
    _, secret = create_token(
        lab.site, actor(BOB), kind=TokenKind.PERSON, name="x", scopes=[Scope.READ], now=NOW
    )
    headers = {"Authorization": f"Bearer {secret}"}
    english = lab.web.get("/api/v1/calendar", params=DAY, headers=headers)
    assert english.json()["nodes"][0]["drain"]["reason"] == NOT_READY
    headers |= {"Accept-Language": "zh", "If-None-Match": english.headers["ETag"]}
    chinese = lab.web.get("/api/v1/calendar", params=DAY, headers=headers)
    words = translator("zh").gettext(NOT_READY)
    assert chinese.json()["nodes"][0]["drain"]["reason"] == words
    remember_person(lab.site, Person(BOB, "Bob", "Asia/Shanghai", "zh-CN", None, NOW))
    assert calendar(lab)["nodes"][0]["drain"]["reason"] == words, "on the page"


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


def by_token(lab: Served, user: str, scope: Scope, team: str | None = None) -> dict[str, Any]:
    """The calendar as a program of `user` gets it."""
    kind = TokenKind.PIPELINE if team else TokenKind.PERSON
    _, secret = create_token(
        lab.site, actor(user), kind=kind, name="screen", scopes={Scope.READ, scope}, team=team,
        now=NOW,
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {secret}"}
    answer = lab.web.get("/api/v1/calendar", params=DAY, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_token_that_may_only_read_may_change_nothing(lab: Served) -> None:
    book(lab)
    (shown,) = by_token(lab, BOB, Scope.READ)["bookings"].values()
    assert (shown["mine"], shown["may_change"]) == (True, False)


@pytest.mark.parametrize(("team", "may"), [("vision", True), ("nlp", False)])
def test_a_pipelines_token_may_change_its_own_teams_bookings(
    lab: Served, team: str, may: bool
) -> None:
    book(lab)
    (shown,) = by_token(lab, ADMIN, Scope.BOOK, team)["bookings"].values()
    assert shown["may_change"] is may


def test_a_team_may_change_what_its_pipeline_booked_but_not_what_its_people_did(
    lab: Served,
) -> None:
    own = book(lab, ALICE)
    order = request(2, node="gpu-03")
    made = reserve(lab.site, Actor(ALICE, via="github lab/yolo#1"), order, now=NOW)
    shown = calendar(lab, BOB)["bookings"]
    may = {number: one["may_change"] for number, one in shown.items()}
    assert may == {str(own.id): False, str(made.id): True}


@pytest.fixture
def contended(lab: Served) -> Served:
    """Alice takes gpu-03 from Chen, and Bob is offered what Chen gave back of gpu-01."""
    for node, gpus in (("gpu-01", 4), ("gpu-03", 8)):
        reserve(lab.site, actor(CHEN), request(gpus, NOW, 9 + 23 / 60, node=node), now=NOW)
    turn_over(lab.site, now=NOW)
    for node, gpus in (("gpu-03", 8), ("gpu-01", 4)):
        asked = parse_wait(
            f"{gpus} 2h by today 14:00 on {node}", now=NOW, zone=lab.site.cluster.zone,
            cluster=lab.site.cluster,
        )  # fmt: skip
        join_waitlist(lab.site, actor(BOB), asked, now=NOW)
    release(lab.site, actor(CHEN), 1, now=NOW)
    urgent = request(8, NOW, 3 + 23 / 60, node="gpu-03", priority=Priority.P0)
    preempt(lab.site, actor(ALICE), urgent, reason="secret demo", expected={2}, now=NOW)
    return lab


def test_warnings_offers_and_what_is_kept_back_are_told(contended: Served) -> None:
    found, reclaim = calendar(contended), int(NOW.timestamp()) + 1800
    assert found["bookings"]["2"]["warned"] == {"at": reclaim, "by": 3, "reason": "secret demo"}
    assert found["holds"] == {"1": {"preemptor": 3, "preemptee": 2}}
    (offer,) = found["offers"].values()
    assert (offer["owner"], offer["team"], offer["entry"]) == (BOB, "vision", 2)
    assert offer["expires"] > found["now"]
    assert set(found["people"]) == {ALICE, BOB, CHEN}
    bars = {node["name"]: {bar["k"] for bar in node["bars"]} for node in found["nodes"]}
    assert bars["gpu-01"] >= {"offer"}
    assert bars["gpu-03"] == {"booking", "hold"}


def test_of_these_too_the_public_sees_neither_people_nor_what_they_wrote(
    contended: Served,
) -> None:
    answer = contended.web.get("/api/v1/calendar", params=DAY)
    assert not any(word in answer.text for word in ("secret", ALICE, BOB, CHEN))
    found = answer.json()
    assert found["bookings"]["2"]["warned"]["reason"] == ""
    (offer,) = found["offers"].values()
    assert (offer["owner"], offer["team"]) == ("", "vision")


def test_an_overrun_is_told_from_when_on(lab: Served) -> None:
    booking = reserve(lab.site, actor(BOB), request(4, NOW, 9 + 23 / 60, node="gpu-01"), now=NOW)
    turn_over(lab.site, now=NOW)
    end = booking.window.end
    saw_use(lab.site, booking.id, now=end - timedelta(minutes=1))
    turn_over(lab.site, now=end)
    assert calendar(lab)["bookings"]["1"]["overrun_from"] == int(end.timestamp())


def test_a_run_of_the_queue_is_told_to_be_one(lab: Served) -> None:
    short = QueueRequest(Shape(4, "gpu-01"), timedelta(minutes=45), Priority.P2, None, "make")
    join_queue(lab.site, actor(BOB), short, now=NOW)
    assert calendar(lab)["bookings"]["1"]["queued"] is True


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
        cluster = builders.cluster(nodes=of, public_calendar=True)
        routes = lambda s, n: calendar_routes(s, Access(s, n), n)  # noqa: E731
        with served(new_database(tmp_path, name), routes, cluster) as lab:
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

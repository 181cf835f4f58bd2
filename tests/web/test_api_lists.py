"""Lists over HTTP: filters, and pages that stay true while things change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_lab import ApiLab, api_lab, refused
from builders import ALICE, BOB, CHEN, DANA, TONIGHT, actor, cluster, request
from databases import new_database
from sqlalchemy import event

from bot.domain.access import Scope
from bot.domain.actor import GPUBOT
from bot.domain.cluster import Node
from bot.domain.request import build_wait
from bot.locale import translator
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.join_waitlist import join_waitlist
from bot.services.no_show import ask_idle
from bot.services.preempt import preempt
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.turn_over import turn_over
from bot.ticks.cluster_nodes import NOT_READY

HOUR = timedelta(hours=1)


@pytest.fixture
def lab(database_url: str) -> Iterator[ApiLab]:
    with api_lab(database_url) as lab:
        yield lab


def book(lab: ApiLab, user: str, hours: float = 2, after: float = 0, **more: Any) -> int:
    """Book `hours`, beginning `after` hours after TONIGHT."""
    wanted = request(1, TONIGHT + after * HOUR, hours, **more)
    return reserve(lab.site, actor(user), wanted, now=lab.now).id


def pages(client: httpx.Client, path: str, **query: Any) -> Iterator[list[dict[str, Any]]]:
    """All pages of a list."""
    cursor: str | None = ""
    while cursor is not None:
        answer = client.get(path, params={**query, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        yield answer.json()["items"]
        cursor = answer.json()["next"]


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [str(one["id"]) for one in found]


@pytest.mark.parametrize("name", ["gpu_1", "节点1", "gpu+1", "g%1"])
def test_bookings_of_a_node_are_of_no_node_that_is_called_alike(
    database_url: str, name: str
) -> None:
    nodes = tuple(Node(one, 4, "V100") for one in (name, "gpuA1", "gpu-1"))
    with api_lab(database_url, cluster(nodes=nodes)) as lab:
        for node in nodes:
            book(lab, BOB, node=node.name)
        found = lab.by(BOB).get("/bookings", params={"node": name}).json()["items"]
        assert [one["shares"] for one in found] == [[[name, 1]]]


@pytest.mark.parametrize("field", ["owner", "team", "node"])
def test_a_name_with_control_characters_is_refused(lab: ApiLab, field: str) -> None:
    refused(lab.by(BOB).get("/bookings", params={field: "a\0b"}), 422, "bad_input")


def test_bookings_come_by_their_end_page_by_page(lab: ApiLab) -> None:
    for hours in (6, 2, 4, 2, 8):
        book(lab, BOB, hours)
    found = list(pages(lab.by(BOB), "/bookings", limit=2))
    assert [ids(page) for page in found] == [["B2", "B4"], ["B3", "B1"], ["B5"]]


def test_what_is_booked_or_cancelled_meanwhile_neither_repeats_nor_hides_anything(
    lab: ApiLab,
) -> None:
    for after in (0, 2, 4, 6):
        book(lab, BOB, 2, after)
    reading = pages(lab.by(BOB), "/bookings", limit=2)
    assert ids(next(reading)) == ["B1", "B2"]
    book(lab, CHEN, 2, 0)
    cancel(lab.site, actor(BOB), 2, now=lab.now)
    book(lab, CHEN, 2, 4)
    assert [ids(page) for page in reading] == [["B3", "B6"], ["B4"]]


def test_a_page_that_is_just_full_is_the_last(lab: ApiLab) -> None:
    book(lab, BOB), book(lab, BOB)
    assert len(list(pages(lab.by(BOB), "/bookings", limit=2))) == 1


def test_bookings_are_filtered(lab: ApiLab) -> None:
    book(lab, BOB, node="gpu-01")
    book(lab, ALICE, node="gpu-02")
    book(lab, CHEN, node="gpu-01")
    gone = book(lab, BOB, node="gpu-03")
    cancel(lab.site, actor(BOB), gone, now=lab.now)
    book(lab, BOB, after=48, node="gpu-01")
    program = lab.by(BOB)

    def found(**query: str) -> list[str]:
        return ids(program.get("/bookings", params=query).json()["items"])

    assert found() == ["B1", "B2", "B3", "B5"]
    assert found(owner="me") == found(owner=BOB) == ["B1", "B5"]
    assert found(team="vision") == ["B1", "B2", "B5"]
    assert found(team="nlp", owner="me") == []
    assert found(node="gpu-01") == ["B1", "B3", "B5"]
    assert found(node="gpu-0") == []
    assert found(state="cancelled") == ["B4"]
    assert found(state="all", owner="me") == ["B1", "B4", "B5"]
    assert found(**{"from": "2026-11-26T00:00Z"}) == ["B5"]
    assert found(to="2026-11-26T00:00Z", owner="me") == ["B1"]
    # A plus that was not encoded arrives as a space.
    assert found(**{"from": "2026-11-26T08:00 08:00"}) == ["B5"]


def test_what_is_over_is_listed_for_a_month_unless_asked_for_longer(lab: ApiLab) -> None:
    book(lab, BOB)
    turn_over(lab.site, now=TONIGHT)
    release(lab.site, actor(BOB), 1, now=TONIGHT + HOUR)
    lab.now = TONIGHT + timedelta(days=40)
    program = lab.by(BOB)
    assert program.get("/bookings", params={"state": "ended"}).json()["items"] == []
    far = {"state": "ended", "from": "2026-11-01T00:00Z"}
    assert ids(program.get("/bookings", params=far).json()["items"]) == ["B1"]


@pytest.mark.parametrize("cursor", ["x", "W10", "e30", "WyJ4IiwgMV0", "WyJ4Il0", "////", "é"])
@pytest.mark.parametrize("path", ["/bookings", "/waitlist", "/offers"])
def test_a_cursor_that_is_none_of_ours_is_refused(seen: ApiLab, path: str, cursor: str) -> None:
    refused(seen.by(BOB).get(path, params={"cursor": cursor}), 422, "bad_cursor")


@pytest.mark.parametrize("limit", ["0", "201", "x"])
def test_pages_are_bounded(seen: ApiLab, limit: str) -> None:
    refused(seen.by(BOB).get("/bookings", params={"limit": limit}), 422, "bad_input")


@pytest.fixture(scope="module")
def seen(module_database_url: str) -> Iterator[ApiLab]:
    """A lab in which nothing changes."""
    with api_lab(module_database_url) as lab:
        yield lab


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[ApiLab]:
    with api_lab(new_database(tmp_path)) as lab:
        yield lab


def test_every_query_of_a_list_walks_an_index(on_sqlite: ApiLab) -> None:
    lab = on_sqlite
    program = lab.by(BOB, Scope.READ, Scope.AUDIT)
    plans: list[str] = []

    def look(connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if statement.startswith("SELECT") and any(f"FROM {t}" in statement for t in TABLES):
            raw = connection.connection.driver_connection
            found = raw.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            plans.extend(row[3] for row in found)

    event.listen(lab.site.database.engine, "after_cursor_execute", look)
    for path in (
        "/bookings", "/bookings?state=all", "/bookings?owner=me&state=all", "/bookings?team=nlp",
        "/bookings?node=gpu-01&state=ended", "/audit", "/audit?booking=B1", "/audit?after=3",
        "/offers", "/offers?mine=true", "/waitlist", "/waitlist?mine=true", "/notices", "/nodes",
    ):  # fmt: skip
        assert program.get(path).status_code == 200
    assert plans
    # The audit's newest records are walked from its end, as far as the page is long.
    whole = {f"SCAN {table}" for table in TABLES if table != "audit"}
    assert not whole & {" ".join(plan.split()[:2]) for plan in plans}


TABLES = ("booking", "audit", "offer", "waitlistentry", "preemption", "claim")


def wish(lab: ApiLab, user: str, hours: int = 2) -> int:
    """Have somebody wait for four GPUs tonight."""
    wanted = build_wait(
        gpus=4,
        length=hours * HOUR,
        earliest=TONIGHT,
        latest=TONIGHT + 8 * HOUR,
        now=lab.now,
        cluster=lab.site.cluster,
    )
    return join_waitlist(lab.site, actor(user), wanted, now=lab.now).id


def fill(lab: ApiLab) -> None:
    """Everything is taken tonight, by bob."""
    for node, gpus in (("gpu-01", 4), ("gpu-02", 4), ("gpu-03", 8)):
        reserve(lab.site, actor(BOB), request(gpus, node=node), now=lab.now)


def test_joining_the_waitlist_seeing_it_and_leaving(lab: ApiLab) -> None:
    fill(lab)
    program = lab.by(CHEN)
    wanted = {
        "gpus": 4,
        "length": "2h",
        "from": "2026-11-25T22:00+08:00",
        "by": "2026-11-26T06:00+08:00",
    }
    headers = {"Idempotency-Key": "x"}
    joined = program.post("/waitlist", json=wanted, headers=headers)
    assert joined.status_code == 201
    assert joined.headers["Location"] == "/api/v1/waitlist/W1"
    body = joined.json()
    assert (body["id"], body["state"], body["length_s"]) == ("W1", "waiting", 7200)
    assert (body["earliest"], body["latest"]) == ("2026-11-25T14:00:00Z", "2026-11-25T22:00:00Z")
    assert program.post("/waitlist", json=wanted, headers=headers).json()["id"] == "W1"
    refused(
        program.post("/waitlist", json={**wanted, "gpus": 2}, headers=headers), 422, "key_reused"
    )
    said = {"text": "4 2h from today 22:00 by tomorrow 06:00"}
    assert program.post("/waitlist", json=said).json()["id"] == "W2"
    assert ids(program.get("/waitlist").json()["items"]) == ["W1", "W2"]
    refused(lab.by(DANA).delete("/waitlist/W1"), 403, "not_allowed")
    assert program.delete("/waitlist/w1").json()["state"] == "left"
    assert ids(program.get("/waitlist?mine=true").json()["items"]) == ["W2"]


def test_where_there_is_no_need_to_wait_the_order_books_it(lab: ApiLab) -> None:
    program = lab.by(CHEN)
    wanted = {"gpus": 4, "length": "2h", "priority": "P1", "purpose": "x"}
    found = refused(program.post("/waitlist", json=wanted), 409, "free_already")
    assert found["fields"]["window"].keys() == {"start", "end"}
    made = program.post("/bookings", json=found["orders"][0])
    assert (made.status_code, made.json()["priority"], made.json()["purpose"]) == (201, "P1", "x")


def test_the_waitlist_comes_in_pages(lab: ApiLab) -> None:
    fill(lab)
    for user in (CHEN, DANA, CHEN):
        wish(lab, user)
    reading = pages(lab.by(BOB), "/waitlist", limit=2)
    assert ids(next(reading)) == ["W1", "W2"]
    wish(lab, DANA)
    assert ids(next(reading)) == ["W3", "W4"]


def test_an_offer_is_seen_declined_and_accepted(lab: ApiLab) -> None:
    fill(lab)
    wish(lab, CHEN, 8), wish(lab, DANA, 8)
    cancel(lab.site, actor(BOB), 1, now=lab.now)
    first, second = lab.by(CHEN), lab.by(DANA)
    (offer,) = first.get("/offers").json()["items"]
    assert (offer["wish"], offer["owner"], offer["may_answer"]) == ("W1", CHEN, True)
    assert second.get("/offers?mine=true").json()["items"] == []
    refused(second.post(f"/offers/{offer['id']}/accept"), 403, "not_allowed")
    declined = first.post(f"/offers/{offer['id']}/decline", json={"leave": True})
    assert declined.json()["state"] == "declined"
    (offer,) = second.get("/offers?mine=true").json()["items"]
    for _ in range(2):
        made = second.post(f"/offers/{offer['id']}/accept").json()
        assert (made["owner"], made["shares"]) == (DANA, [["gpu-01", 4]])
    refused(second.post("/offers/99/accept"), 404, "not_found")


def test_notices_say_what_stands_now_for_ones_own(lab: ApiLab) -> None:
    fill(lab)
    turn_over(lab.site, now=TONIGHT)
    lab.now = TONIGHT
    wanted = request(4, TONIGHT, 4, node="gpu-01")
    preempt(lab.site, actor(ALICE), wanted, reason="demo", expected=(1,), now=TONIGHT)
    wish(lab, CHEN)
    release(lab.site, actor(BOB), 2, now=TONIGHT)
    program = lab.by(BOB)
    assert program.get("/notices").json()["items"] == [
        {
            "kind": "warned",
            "booking": "B1",
            "offer": None,
            "until": "2026-11-25T14:30:00Z",
            "reason": "demo",
            "by": "B4",
        }
    ]
    lab.now = TONIGHT + HOUR / 2
    ask_idle(lab.site, now=lab.now)
    (asked,) = program.get("/notices").json()["items"]
    assert (asked["kind"], asked["booking"]) == ("still_needed", "B3")
    assert asked["until"] == "2026-11-25T15:00:00Z"
    assert lab.by(DANA).get("/notices").json()["items"] == []


def test_an_offer_is_a_notice_too(lab: ApiLab) -> None:
    fill(lab)
    wish(lab, CHEN)
    cancel(lab.site, actor(BOB), 1, now=lab.now)
    (notice,) = lab.by(CHEN).get("/notices").json()["items"]
    assert (notice["kind"], notice["offer"]) == ("offer", 1)


def test_free_windows_and_nodes_say_what_can_be_had(lab: ApiLab) -> None:
    program = lab.by(BOB)
    fill(lab)
    drain(lab.site, actor("U0ADMIN"), "gpu-02", until=None, reason="fan", now=lab.now)
    query = {"gpus": 4, "length": "4h", "from": "2026-11-25T22:00+08:00", "model": "v100"}
    (free,) = program.get("/free", params=query).json()["items"]
    assert (free["start"], free["shares"]) == ("2026-11-25T22:00:00Z", [["gpu-01", 4]])
    assert free["until"] is None
    refused(program.get("/free?gpus=99"), 422, "bad_count")
    refused(program.get("/free?from=2028-01-01T00:00Z"), 422, "past_horizon")
    refused(program.get("/free?length=90d"), 422, "too_long")
    nodes = {one["name"]: one for one in program.get("/nodes").json()["items"]}
    assert [*nodes] == ["gpu-01", "gpu-02", "gpu-03"]
    assert (nodes["gpu-01"]["free_now"], nodes["gpu-01"]["drain"]) == (4, None)
    assert nodes["gpu-02"]["free_now"] == 0
    assert nodes["gpu-02"]["drain"]["reason"] == "fan"


def test_why_gpubot_took_a_node_out_of_service_is_told_in_the_askers_language(
    lab: ApiLab,
) -> None:
    drain(lab.site, GPUBOT, "gpu-03", until=None, reason=NOT_READY, now=lab.now)
    program, order = lab.by(BOB), {"gpus": 1, "length": "4h", "node": "gpu-03"}
    for language, words in (("en", NOT_READY), ("zh", translator("zh").gettext(NOT_READY))):
        program.headers["Accept-Language"] = language
        nodes = program.get("/nodes").json()["items"]
        assert [one["drain"]["reason"] for one in nodes if one["drain"]] == [words]
        (blocker,) = refused(program.post("/bookings", json=order), 409, "conflict")["blockers"]
        assert blocker["reason"] == words


def test_the_audit_is_read_backwards_by_pages_and_onwards_from_a_number(lab: ApiLab) -> None:
    for after in (0, 2, 4):
        book(lab, BOB, 2, after)
    cancel(lab.site, actor(BOB), 1, now=lab.now)
    reader = lab.by(BOB, Scope.AUDIT)
    every = reader.get("/audit?limit=200").json()["items"]
    last = every[0]["seq"]
    assert [one["seq"] for one in every] == list(range(last, 0, -1))
    reading = pages(reader, "/audit", limit=2)
    assert [one["seq"] for one in next(reading)] == [last, last - 1]
    book(lab, BOB, 2, 6)
    assert next(reading)[0]["seq"] == last - 2
    (mine,) = pages(reader, "/audit", booking="b1")
    assert [one["action"] for one in mine] == ["cancelled", "reserved"]
    assert mine[0]["before"]["state"] == "reserved"
    since = [one["seq"] for page in pages(reader, "/audit", after=2, limit=2) for one in page]
    assert since == list(range(3, last + 2))

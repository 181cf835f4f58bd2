"""Booking and changing bookings over HTTP: the same rules as in Slack."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from api_lab import ADDRESS, ApiLab, api_lab, refused
from builders import ADMIN, ALICE, BOB, CHEN, NOW, TONIGHT, actor, cluster, request
from databases import new_database

from bot.domain.actor import Person
from bot.domain.booking import BookingState
from bot.domain.cluster import Quota
from bot.services.look import get_booking
from bot.services.people import remember_person
from bot.services.reserve import reserve
from bot.services.turn_over import turn_over
from bot.store.errors import Unreachable
from bot.web.problems import MOST_MISTAKES

TEN_PM = "2026-11-25T22:00+08:00"
KEY = {"Idempotency-Key": "build 7"}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def lab(database_url: str) -> Iterator[ApiLab]:
    with api_lab(database_url) as lab:
        yield lab


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiLab]:
    """A lab for requests that are all refused."""
    with api_lab(new_database(tmp_path_factory.mktemp("api"))) as lab:
        yield lab


def test_a_booking_is_made_from_fields_and_answered_whole(lab: ApiLab) -> None:
    order = {"gpus": 4, "start": TEN_PM, "length": "8h", "model": "v100", "purpose": "R&D <x>"}
    answer = lab.by(BOB).post("/bookings", json=order)
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/bookings/B1"
    assert answer.json() == {
        "id": "B1",
        "number": 1,
        "owner": BOB,
        "owner_name": BOB,
        "team": "vision",
        "start": "2026-11-25T14:00:00Z",
        "end": "2026-11-25T22:00:00Z",
        "gpus": 4,
        "shares": [["gpu-01", 4]],
        "priority": "P2",
        "preemptible": True,
        "purpose": "R&D <x>",
        "state": "reserved",
        "queued": False,
        "gpu_ids": [],
        "overrun_from": None,
        "job": None,
        "continues": None,
        "created_at": "2026-11-25T02:37:00Z",
        "may_change": True,
        "notes": [],
        "links": {"page": f"{ADDRESS}/?booking=B1"},
    }
    assert lab.by(CHEN).get("/bookings/b1").json() == {**answer.json(), "may_change": False}


def test_a_booking_is_made_from_the_words_of_the_command_in_the_persons_zone(lab: ApiLab) -> None:
    remember_person(lab.site, Person(BOB, "Bob", "Europe/Paris", "en-GB", None, NOW))
    said = {"text": '2 1/12 22:00 8h p1 on gpu-03 "a < b & c"'}
    made = lab.by(BOB).post("/bookings", json=said).json()
    # Ten in the evening in Paris, on the first of December to somebody British.
    assert (made["start"], made["priority"]) == ("2026-12-01T20:00:00Z", "P1")
    assert (made["owner_name"], made["purpose"]) == ("Bob", "a < b & c")
    assert made["shares"] == [["gpu-03", 2]]


def test_what_was_rounded_is_said(lab: ApiLab) -> None:
    made = lab.by(BOB).post("/bookings", json={"gpus": 1, "start": TEN_PM, "length": "7h"})
    assert made.json()["notes"] == ["Rounded to 8 h."]


def test_without_a_start_it_begins_now_and_an_end_does_for_a_length(lab: ApiLab) -> None:
    made = lab.by(BOB).post("/bookings", json={"gpus": 1, "end": TEN_PM}).json()
    assert (made["start"], made["end"]) == ("2026-11-25T02:37:00Z", "2026-11-25T14:00:00Z")


@pytest.mark.parametrize(
    ("order", "code", "field"),
    [
        ({"gpus": 1}, "missing", "length"),
        ({"length": "2h"}, "missing", "gpus"),
        ({}, "missing", "gpus"),
        ({"gpus": 99, "length": "2h"}, "bad_count", None),
        ({"gpus": 1, "length": "2h", "node": "gpu-9"}, "unknown_name", "node"),
        ({"gpus": 1, "length": "1h"}, "too_short", "length"),
        ({"gpus": 1, "length": "soon"}, "not_understood", "length"),
        ({"gpus": 1, "length": "9d"}, "too_long", "length"),
        ({"gpus": 1, "length": "2h", "start": "2026-11-24T22:00Z"}, "in_the_past", "start"),
        ({"gpus": 1, "length": "2h", "start": "2027-11-24T22:00Z"}, "past_horizon", "start"),
        ({"gpus": 1, "end": "2026-11-24T22:00Z"}, "end_before_start", "length"),
        ({"text": "4 frobnicate 20h"}, "not_understood", None),
        ({"text": "4 now 20h", "gpus": 4}, "text_alone", None),
    ],
)
def test_what_cannot_be_booked_says_why_and_which_field(
    unchanged: ApiLab, order: object, code: str, field: str | None
) -> None:
    found = refused(unchanged.by(BOB).post("/bookings", json=order), 422, code)
    if field is not None:
        assert found["field"] == field


@pytest.mark.parametrize(
    ("order", "at"),
    [
        ({"gpus": "4", "length": "2h"}, "body.gpus"),
        ({"gpus": 4.5, "length": "2h"}, "body.gpus"),
        ({"gpus": True, "length": "2h"}, "body.gpus"),
        ({"gpus": 0, "length": "2h"}, "body.gpus"),
        ({"gpus": 1, "length": "2h", "start": "2026-11-25T22:00"}, "body.start"),
        ({"gpus": 1, "length": "2h", "start": "tomorrow"}, "body.start"),
        ({"gpus": 1, "length": "2h", "start": 1795574220}, "body.start"),
        ({"gpus": 1, "length": "2h", "start": "0001-01-01T00:00:00+14:00"}, "body.start"),
        ({"gpus": 1, "length": "2h", "priority": "P3"}, "body.priority"),
        ({"gpus": 1, "length": "2h", "purpsoe": "x"}, "body.purpsoe"),
        ([], "body"),
    ],
)
def test_what_is_no_order_is_refused_with_its_place(
    unchanged: ApiLab, order: object, at: str
) -> None:
    found = refused(unchanged.by(BOB).post("/bookings", json=order), 422, "bad_input")
    assert at in [one["at"] for one in found["errors"]]


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe", rb'{"\ud800": 1}', rb'{"text": "\ud800"}', b"[" * 100_000, b"1e999"],
    ids=["half", "no text", "surrogate key", "surrogate", "deep", "infinite"],
)
def test_nonsense_is_refused_and_never_breaks_anything(unchanged: ApiLab, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = unchanged.by(BOB).post("/bookings", content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_of_very_many_mistakes_some_are_told(unchanged: ApiLab) -> None:
    order = {f"k{number}": 1 for number in range(20_000)}
    found = refused(unchanged.by(BOB).post("/bookings", json=order), 422, "bad_input")
    assert len(found["errors"]) == MOST_MISTAKES


def test_a_conflict_says_who_has_it_and_what_is_free_instead(lab: ApiLab) -> None:
    reserve(lab.site, actor(BOB), request(8, node="gpu-03"), now=NOW)
    program = lab.by(CHEN)
    order = {"gpus": 4, "start": TEN_PM, "length": "8h", "node": "gpu-03", "purpose": "x"}
    found = refused(program.post("/bookings", json=order), 409, "conflict")
    (blocker,) = found["blockers"]
    assert (blocker["booking"], blocker["owner"], blocker["priority"]) == ("B1", BOB, "P2")
    kinds = {one["kind"]: one for one in found["alternatives"]}
    assert kinds["later"]["parts"] == [
        {
            "start": "2026-11-25T22:00:00+00:00",
            "end": "2026-11-26T06:00:00+00:00",
            "nodes": [["gpu-03", 4]],
        }
    ]
    for one in found["alternatives"]:
        if len(one["orders"]) == 1:
            again = program.post("/bookings", json=one["orders"][0])
            assert again.status_code == 201, (one, again.text)
            assert again.json()["purpose"] == "x"
            program.post(f"/bookings/{again.json()['id']}/cancel")


def test_what_is_free_instead_of_the_longest_booking_from_now_can_be_booked(lab: ApiLab) -> None:
    program = lab.by(CHEN)
    program.post("/bookings", json={"gpus": 6, "length": "8h", "node": "gpu-03"})
    # From 10:37 on that is an hour and 23 minutes longer, as far as the next line of the grid.
    order = {"gpus": 4, "length": "7d", "node": "gpu-03"}
    found = refused(program.post("/bookings", json=order), 409, "conflict")
    (fewer,) = (one for one in found["alternatives"] if one["kind"] == "fewer")
    made = program.post("/bookings", json=fewer["orders"][0])
    assert made.status_code == 201, made.text
    (part,) = fewer["parts"]
    assert made.json()["end"] == part["end"].replace("+00:00", "Z")


def test_a_check_books_nothing_and_says_what_booking_would(lab: ApiLab) -> None:
    program, order = lab.by(BOB), {"gpus": 8, "start": TEN_PM, "length": "7h", "node": "gpu-03"}
    free = program.post("/bookings/check", json=order).json()
    assert (free["fits"], free["shares"]) == (True, [["gpu-03", 8]])
    assert (free["notes"], free["alternatives"]) == (["Rounded to 8 h."], [])
    program.post("/bookings", json=order)
    taken = program.post("/bookings/check", json=order).json()
    assert (taken["fits"], taken["shares"]) == (False, None)
    assert taken["blockers"][0]["booking"] == "B1"
    assert taken["alternatives"][0]["orders"]
    assert len(program.get("/bookings").json()["items"]) == 1


def test_a_check_says_that_it_knows_nothing_of_later_starts(lab: ApiLab) -> None:
    order = {"gpus": 1, "length": "2h", "within": "4h"}
    refused(lab.by(BOB).post("/bookings/check", json=order), 422, "within_checked")


def test_several_bookings_are_made_together_or_not_at_all(lab: ApiLab) -> None:
    program = lab.by(BOB)
    first = {"gpus": 4, "start": TEN_PM, "length": "2h", "node": "gpu-01"}
    taken = {**first, "gpus": 4, "node": "gpu-01"}
    refused(program.post("/bookings/together", json={"orders": [first, taken]}), 409, "conflict")
    assert program.get("/bookings").json()["items"] == []
    other = {**first, "start": "2026-11-26T02:00+08:00"}
    both = program.post("/bookings/together", json={"orders": [first, other]})
    assert [one["start"] for one in both.json()["items"]] == [
        "2026-11-25T14:00:00Z",
        "2026-11-25T18:00:00Z",
    ]


def test_the_same_request_again_is_done_once(lab: ApiLab) -> None:
    program, order = lab.by(BOB), {"gpus": 4, "start": TEN_PM, "length": "8h"}
    first = program.post("/bookings", json=order, headers=KEY)
    again = program.post("/bookings", json=order, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"] == "B1"
    assert len(program.get("/bookings").json()["items"]) == 1


def test_a_retry_that_comes_late_gets_the_booking_that_was_made(lab: ApiLab) -> None:
    program, order = lab.by(BOB), {"gpus": 4, "start": TEN_PM, "length": "8h"}
    program.post("/bookings", json=order, headers=KEY)
    lab.now = TONIGHT + 30 * MINUTE
    assert program.post("/bookings", json=order, headers=KEY).json()["id"] == "B1"


def test_who_loses_the_database_after_a_change_is_not_told_that_nothing_was_changed(
    lab: ApiLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, order = lab.by(BOB), {"gpus": 4, "start": TEN_PM, "length": "8h"}
    database = lab.site.database

    def is_gone(*_: object) -> None:
        raise Unreachable

    with monkeypatch.context() as patched:
        database.on_commit(lambda: patched.setattr(database, "_begun", is_gone))
        answer = program.post("/bookings", json=order, headers=KEY)
        database._listeners.pop()
    refused(answer, 503, "uncertain")
    assert "whether it was done" in answer.json()["detail"]
    # What is tried again without a key would be booked twice.
    assert "Retry-After" not in answer.headers
    assert program.post("/bookings", json=order, headers=KEY).json()["id"] == "B1"


def test_the_key_of_another_request_is_refused(lab: ApiLab) -> None:
    program = lab.by(BOB)
    program.post("/bookings", json={"gpus": 4, "length": "8h"}, headers=KEY)
    other = program.post("/bookings", json={"gpus": 2, "length": "8h"}, headers=KEY)
    refused(other, 422, "key_reused")


def test_a_key_is_one_persons_and_for_one_act(lab: ApiLab) -> None:
    for user, gpus in ((BOB, 4), (CHEN, 4)):
        made = lab.by(user).post("/bookings", json={"gpus": gpus, "length": "8h"}, headers=KEY)
        assert made.status_code == 201
    later = {"gpus": 1, "start": TEN_PM, "length": "2h"}
    refused(lab.by(BOB).post("/bookings", json=later, headers=KEY), 422, "key_reused")
    kept = lab.by(BOB).post("/bookings/B1/extend", json={"length": "2h"}, headers=KEY)
    assert kept.status_code == 200


def test_pipelines_that_one_person_made_do_not_share_keys(lab: ApiLab) -> None:
    order = {"gpus": 1, "length": "2h"}
    for team in ("vision", "nlp"):
        made = lab.by(ADMIN, team=team).post("/bookings", json=order, headers=KEY)
        assert made.json()["team"] == team


def test_after_a_refusal_the_key_is_free_again(lab: ApiLab) -> None:
    program = lab.by(BOB)
    refused(
        program.post("/bookings", json={"gpus": 99, "length": "8h"}, headers=KEY), 422, "bad_count"
    )
    made = program.post("/bookings", json={"gpus": 1, "length": "8h"}, headers=KEY)
    assert made.status_code == 201


def test_a_change_sent_twice_is_done_once(lab: ApiLab) -> None:
    program = lab.by(BOB)
    program.post("/bookings", json={"gpus": 4, "start": TEN_PM, "length": "8h"})
    for _ in range(2):
        after = program.post("/bookings/B1/extend", json={"length": "2h"}, headers=KEY)
        assert after.json()["end"] == "2026-11-26T00:00:00Z"
    refused(
        program.post("/bookings/B1/extend", json={"length": "4h"}, headers=KEY), 422, "key_reused"
    )


def test_a_booking_is_moved_extended_and_cancelled(lab: ApiLab) -> None:
    program = lab.by(BOB)
    program.post("/bookings", json={"gpus": 4, "start": TEN_PM, "length": "8h"})
    moved = program.post("/bookings/B1/move", json={"start": "2026-11-26T00:00+08:00"}).json()
    assert (moved["start"], moved["end"]) == ("2026-11-25T16:00:00Z", "2026-11-26T00:00:00Z")
    longer = program.post("/bookings/B1/extend", json={"length": "4h"}).json()
    assert longer["end"] == "2026-11-26T04:00:00Z"
    assert program.post("/bookings/B1/cancel").json()["state"] == "cancelled"
    refused(program.post("/bookings/B1/cancel"), 409, "wrong_state")


def test_gpus_of_a_running_booking_are_given_back(lab: ApiLab) -> None:
    program = lab.by(BOB)
    program.post("/bookings", json={"gpus": 4, "start": TEN_PM, "length": "8h", "node": "gpu-01"})
    refused(program.post("/bookings/B1/release"), 409, "wrong_state")
    turn_over(lab.site, now=TONIGHT)
    lab.now = TONIGHT + 10 * MINUTE
    part = program.post("/bookings/B1/release", json={"gpus": 3}).json()
    assert (part["gpus"], part["gpu_ids"]) == (1, [["gpu-01", [0]]])
    refused(program.post("/bookings/B1/release", json={"gpus": 9}), 422, "release_count")
    assert program.post("/bookings/B1/release").json()["state"] == "ended"
    assert get_booking(lab.site, 1).state is BookingState.ENDED


def test_an_extension_that_does_not_fit_says_how_much_would(lab: ApiLab) -> None:
    program = lab.by(BOB)
    program.post("/bookings", json={"gpus": 4, "length": "2h", "node": "gpu-01"})
    turn_over(lab.site, now=NOW)
    reserve(lab.site, actor(CHEN), request(4, node="gpu-01"), now=NOW)
    found = refused(
        program.post("/bookings/B1/extend", json={"length": "1d"}), 409, "extend_conflict"
    )
    assert found["longest_s"] == 10 * 3600 - 2 * 3600
    assert found["blockers"][0]["booking"] == "B2"


def test_a_move_into_a_conflict_leaves_the_booking_as_it_was(lab: ApiLab) -> None:
    program = lab.by(BOB)
    program.post("/bookings", json={"gpus": 4, "start": TEN_PM, "length": "8h", "node": "gpu-01"})
    reserve(lab.site, actor(CHEN), request(4, TONIGHT + 600 * MINUTE, node="gpu-01"), now=NOW)
    start = {"start": "2026-11-26T08:00+08:00"}
    found = refused(program.post("/bookings/B1/move", json=start), 409, "conflict")
    assert found["blockers"][0]["booking"] == "B2"
    assert all(one["orders"] == [] for one in found["alternatives"])
    assert get_booking(lab.site, 1).window.start == TONIGHT


@pytest.mark.parametrize("path", ["/bookings/B99", "/bookings/99", "/waitlist/W99"])
def test_what_does_not_exist_is_not_found(unchanged: ApiLab, path: str) -> None:
    refused(unchanged.by(BOB).get(path), 404, "not_found")


def test_refusals_speak_chinese_to_who_asks_for_it(lab: ApiLab) -> None:
    program, order = lab.by(BOB), {"gpus": 1, "length": "2h", "start": "2026-11-24T22:00Z"}
    english = refused(program.post("/bookings", json=order), 422, "in_the_past")
    assert english["detail"] == "Wed 25 Nov 06:00 is in the past."
    asked = {"Accept-Language": "zh-CN,zh;q=0.9"}
    chinese = refused(program.post("/bookings", json=order, headers=asked), 422, "in_the_past")
    assert "11月25日周三 06:00" in chinese["detail"]


def test_on_the_page_refusals_are_in_the_language_of_the_persons_slack(lab: ApiLab) -> None:
    remember_person(lab.site, Person(ALICE, "Alice", "Asia/Shanghai", "zh-CN", None, NOW))
    order = {"gpus": 1, "length": "2h", "start": "2026-11-24T22:00Z"}
    found = refused(lab.signed_in(ALICE).post("/bookings", json=order), 422, "in_the_past")
    assert "周三" in found["detail"]


def test_a_busy_database_asks_to_come_again(lab: ApiLab, monkeypatch: pytest.MonkeyPatch) -> None:
    program = lab.by(BOB)
    program.get("/me")
    monkeypatch.setattr("bot.store.database.LOCK_WAIT_MS", 1)
    with lab.site.database.transaction():
        answer = program.post("/bookings", json={"gpus": 1, "length": "2h"})
    refused(answer, 503, "busy")
    assert answer.headers["Retry-After"]


def test_the_first_use_of_a_token_does_not_wait_for_a_busy_database(
    lab: ApiLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = lab.by(BOB)
    monkeypatch.setattr("bot.store.database.LOCK_WAIT_MS", 1)
    with lab.site.database.transaction():
        assert program.get("/me").status_code == 200


def test_a_quota_counts_here_too(database_url: str) -> None:
    of = cluster(user_quota=Quota(concurrent_gpus=4))
    with api_lab(database_url, of) as lab:
        order = {"gpus": 8, "length": "4h", "model": "V100"}
        refused(lab.by(BOB).post("/bookings", json=order), 403, "quota_exceeded")

"""GitHub tells of a workflow's run, and GPUs are booked for it; or not, with the reason."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from builders import ADMIN, ALICE, BOB, CHEN, NOW, actor, cluster, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import Served, served
from sqlalchemy import select
from sqlmodel import col

from bot.domain.booking import Booking, BookingState, Shape
from bot.domain.cluster import Cluster
from bot.domain.errors import NotAllowed, ReasonNeeded
from bot.domain.pipelines import Trigger
from bot.services.answer_offer import accept_offer
from bot.services.cancel import cancel
from bot.services.edit_waitlist import leave_waitlist
from bot.services.look import bookings_of, get_booking, history, team_bookings
from bot.services.look_waiting import waitlist
from bot.services.release import release
from bot.services.reserve import reserve
from bot.slack.announcements import render
from bot.slack.context import Message
from bot.slack.phrases import label
from bot.store import models, queries
from bot.web.hooks import STALE, hook_routes

SECRET = "a secret that only GitHub has"
HOUR = timedelta(hours=1)
#: Hours from NOW, 10:37, to 11:00; the lines of the grid are an odd number of hours after it.
TO_THE_LINE = 23 / 60
YOLO = Trigger(
    repository="lab/yolo",
    workflow="train.yml",
    team="vision",
    user=BOB,
    shape=Shape(4, model="V100"),
    length=20 * HOUR,
    purpose="nightly",
    within=24 * HOUR,
)


def lab_of(*triggers: Trigger) -> Cluster:
    return replace(cluster(), github=triggers)


@pytest.fixture
def serve(database_url: str) -> Iterator[Callable[..., Served]]:
    """A function that serves the hook with those triggers."""
    opened = []

    def start(*triggers: Trigger, secret: str = SECRET) -> Served:
        routes = partial(hook_routes, secret=secret)
        context = served(database_url, routes, lab_of(*(triggers or (YOLO,))))
        opened.append(context)
        return context.__enter__()

    yield start
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def lab(serve: Callable[..., Served]) -> Served:
    return serve()


def run_of(**changes: Any) -> dict[str, Any]:
    """A body as GitHub sends it, with `workflow_run` changed."""
    run = {
        "id": 7001,
        "name": "train",
        "path": ".github/workflows/train.yml",
        "head_branch": "main",
        "head_repository": {"full_name": "lab/yolo"},
        "run_number": 123,
        "run_attempt": 1,
        "conclusion": "success",
        "event": "push",
        "updated_at": NOW.isoformat(),
        "triggering_actor": {"login": "octocat"},
        **changes,
    }
    repository = {"full_name": "lab/yolo", "default_branch": "main", "private": True}
    return {"action": "completed", "workflow_run": run, "repository": repository, "sender": {}}


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def deliver(
    lab: Served, content: Any, *, event: str = "workflow_run", secret: str = SECRET, **headers: str
) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    sent = {
        "X-Hub-Signature-256": signed(body, secret),
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "Content-Type": "application/json",
        **headers,
    }
    return lab.web.post("/hooks/github", content=body, headers=sent)


def fill(lab: Served, hours: int) -> None:
    """Take every V100 from now on, up to that many hours after the next line of the grid."""
    for node in ("gpu-01", "gpu-02"):
        reserve(lab.site, actor(CHEN), request(4, NOW, hours + TO_THE_LINE, node=node), now=NOW)


def newest(lab: Served) -> Booking:
    """The third booking, after the two that `fill` makes; its number need not be 3."""
    with lab.site.database.snapshot() as connection:
        ids = sorted(connection.execute(select(col(models.Booking.id))).scalars())
    assert len(ids) == 3
    return get_booking(lab.site, ids[-1])


def outbox(lab: Served, topic: str) -> list[Any]:
    with lab.site.database.snapshot() as connection:
        rows = connection.execute(queries.columns(models.Outbox)).all()
    return [row for row in rows if row.topic == topic]


def rendered(lab: Served, topic: str) -> Message:
    """What the only message of that kind says now."""
    (row,) = outbox(lab, topic)
    told = SimpleNamespace(recipient=row.recipient, subject=row.subject, data=json.loads(row.data))
    shown = render(topic, told, lab.site, lab.now)
    assert shown is not None
    return shown


def test_a_run_that_succeeded_books_for_its_team_in_its_users_name(lab: Served) -> None:
    answer = deliver(lab, run_of())
    assert answer.status_code == 201
    assert answer.json() == {"status": "booked", "bookings": ["B1"], "wishes": []}
    booking = get_booking(lab.site, 1)
    assert (booking.owner, booking.team, booking.gpus) == (BOB, "vision", 4)
    assert booking.window.start == NOW
    assert booking.purpose == "nightly (lab/yolo, workflow train, run 123 by octocat)"
    (record,) = history(lab.site, 1)
    assert record.actor == BOB
    assert record.after is not None
    assert record.after["via"] == "github lab/yolo#123"


def test_the_teams_channel_sees_it_with_a_button_to_cancel(lab: Served) -> None:
    deliver(lab, run_of())
    (row,) = outbox(lab, "card")
    assert row.recipient == "C0VISION"
    shown = json.dumps(rendered(lab, "card").blocks)
    assert "run 123 by octocat" in shown
    assert "give_up_form" in shown


def test_each_member_of_the_team_may_cancel_what_a_pipeline_booked_and_says_why(
    lab: Served,
) -> None:
    fill(lab, hours=3)
    deliver(lab, run_of())
    booking = team_bookings(lab.site, "vision", now=NOW)[0]
    assert booking.owner == BOB
    with pytest.raises(ReasonNeeded):
        cancel(lab.site, actor(ALICE), booking.id, now=NOW)
    with pytest.raises(NotAllowed):
        cancel(lab.site, actor(CHEN), booking.id, reason="mine", now=NOW)
    after = cancel(lab.site, actor(ALICE), booking.id, reason="the data is not ready", now=NOW)
    assert after.state is BookingState.CANCELLED


def test_a_member_who_leads_nobody_may_cancel_it_too(serve: Callable[..., Served]) -> None:
    lab = serve(replace(YOLO, user=ALICE))
    fill(lab, hours=3)
    deliver(lab, run_of())
    booking = team_bookings(lab.site, "vision", now=NOW)[0]
    own = reserve(lab.site, actor(ALICE), request(1, node="gpu-03"), now=NOW)
    after = cancel(lab.site, actor(BOB), booking.id, reason="not needed", now=NOW)
    assert after.state is BookingState.CANCELLED
    with pytest.raises(NotAllowed):
        cancel(lab.site, actor(BOB), own.id, reason="not needed", now=NOW)


def test_when_all_is_taken_now_the_earliest_window_in_time_is_booked(lab: Served) -> None:
    fill(lab, hours=7)
    assert deliver(lab, run_of()).json()["bookings"] == [label(found := newest(lab))]
    assert found.window.start == NOW + 7 * HOUR + timedelta(minutes=23)
    assert found.window.length == 20 * HOUR


def test_without_room_in_time_it_waits_and_the_channel_is_told(lab: Served) -> None:
    fill(lab, hours=49)
    answer = deliver(lab, run_of())
    assert answer.json() == {"status": "waiting", "bookings": [], "wishes": ["W1"]}
    (entry,) = waitlist(lab.site)
    assert (entry.owner, entry.team, entry.length) == (BOB, "vision", 20 * HOUR)
    assert entry.latest >= NOW + 44 * HOUR
    (row,) = outbox(lab, "pipeline_waits")
    assert row.recipient == "C0VISION"
    shown = json.dumps(rendered(lab, "pipeline_waits").blocks)
    assert "*W1*" in shown
    assert "run 123 by octocat" in shown
    assert "wait_leave" in shown


def test_what_is_free_soon_after_its_time_is_booked_rather_than_waited_for(lab: Served) -> None:
    fill(lab, hours=25)
    answer = deliver(lab, run_of()).json()
    found = newest(lab)
    assert answer == {"status": "booked", "bookings": [label(found)], "wishes": []}
    assert found.window.start == NOW + (25 + TO_THE_LINE) * HOUR


def test_the_channel_sees_what_became_of_the_wish(lab: Served) -> None:
    fill(lab, hours=49)
    deliver(lab, run_of())
    cancel_all(lab)
    accept_offer(lab.site, actor(BOB), 1, now=NOW)
    rows = outbox(lab, "pipeline_waits")
    assert {(row.subject, row.recipient) for row in rows} == {("entry:1", "C0VISION")}
    told = SimpleNamespace(recipient="C0VISION", subject="entry:1", data={})
    shown = render("pipeline_waits", told, lab.site, NOW)
    assert shown is not None
    assert (shown.text, shown.living) == (f"W1 became *{label(newest(lab))}*.", True)
    assert len(rows) == 3


def test_the_channel_sees_that_the_wish_was_given_up(lab: Served) -> None:
    fill(lab, hours=49)
    deliver(lab, run_of())
    leave_waitlist(lab.site, actor(BOB), 1, now=NOW)
    told = SimpleNamespace(recipient="C0VISION", subject="entry:1", data={})
    shown = render("pipeline_waits", told, lab.site, NOW)
    assert shown is not None
    assert shown.text == "W1 is off the waitlist."
    assert len(outbox(lab, "pipeline_waits")) == 2


def test_the_same_run_told_twice_books_once(lab: Served) -> None:
    first, second = deliver(lab, run_of()), deliver(lab, run_of())
    assert first.json() == second.json()
    assert len(bookings_of(lab.site, BOB, now=NOW)) == 1


def test_the_same_run_told_twice_waits_once_even_when_there_is_room_meanwhile(
    lab: Served,
) -> None:
    fill(lab, hours=49)
    first = deliver(lab, run_of())
    cancel_all(lab)
    second = deliver(lab, run_of())
    assert first.json() == second.json()
    assert bookings_of(lab.site, BOB, now=NOW) == ()
    assert len(waitlist(lab.site)) == 1
    assert {row.subject for row in outbox(lab, "pipeline_waits")} == {"entry:1"}


def cancel_all(lab: Served) -> None:
    for booking in bookings_of(lab.site, CHEN, now=NOW):
        release(lab.site, actor(CHEN), booking.id, now=NOW)


def test_the_same_run_books_once_however_its_repository_is_spelt(lab: Served) -> None:
    first, again = run_of(), run_of(head_repository={"full_name": "Lab/YOLO"})
    again["repository"] = {**again["repository"], "full_name": "Lab/YOLO"}
    assert deliver(lab, first).json() == deliver(lab, again).json()
    assert len(bookings_of(lab.site, BOB, now=NOW)) == 1


def test_another_attempt_of_a_run_books_anew(lab: Served) -> None:
    deliver(lab, run_of())
    deliver(lab, run_of(run_attempt=2))
    assert len(bookings_of(lab.site, BOB, now=NOW)) == 2


def test_a_run_may_set_off_several(serve: Callable[..., Served]) -> None:
    lab = serve(YOLO, replace(YOLO, shape=Shape(2, model="A100")))
    for _ in range(2):
        assert deliver(lab, run_of()).json()["bookings"] == ["B1", "B2"]


def test_a_ping_is_answered(lab: Served) -> None:
    answer = deliver(lab, {"zen": "Keep it logically awesome."}, event="ping")
    assert (answer.status_code, answer.json()) == (200, {"status": "pong"})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (run_of(conclusion="failure"), "failure"),
        (run_of(conclusion=None), "not with success"),
        ({**run_of(), "action": "requested"}, "requested"),
        (run_of(head_branch="try"), "no [[github]]"),
        (run_of(head_branch=None), "no [[github]]"),
        (run_of(name="lint", path=".github/workflows/lint.yml"), "no [[github]]"),
        (run_of(head_repository={"full_name": "mallory/yolo"}), "fork"),
        (run_of(head_repository=None), "fork"),
        (run_of(updated_at=(NOW - STALE - HOUR).isoformat()), "days ago"),
        ({**run_of(), "repository": {"full_name": "lab/other"}}, "fork"),
    ],
)
def test_what_sets_nothing_off_is_answered_with_the_reason(
    lab: Served, content: Any, why: str
) -> None:
    answer = deliver(lab, content)
    assert (answer.status_code, answer.json()["status"]) == (202, "ignored")
    assert why in answer.json()["why"]
    assert bookings_of(lab.site, BOB, now=NOW) == ()


def test_another_event_is_ignored(lab: Served) -> None:
    answer = deliver(lab, run_of(), event="push")
    assert (answer.status_code, answer.json()["status"]) == (202, "ignored")


@pytest.mark.parametrize(
    ("trigger", "changes"),
    [
        (replace(YOLO, workflow="train"), {}),
        (replace(YOLO, repository="Lab/YOLO"), {}),
        (replace(YOLO, branch="release/1"), {"head_branch": "release/1"}),
        (YOLO, {"path": ".github/workflows/train.yml@refs/heads/main"}),
    ],
)
def test_a_workflow_is_known_by_its_name_or_file_and_its_branch(
    serve: Callable[..., Served], trigger: Trigger, changes: dict[str, Any]
) -> None:
    assert deliver(serve(trigger), run_of(**changes)).status_code == 201


def test_a_named_branch_takes_the_place_of_the_default_one(serve: Callable[..., Served]) -> None:
    lab = serve(replace(YOLO, branch="release"))
    assert deliver(lab, run_of()).json()["status"] == "ignored"


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", "sha256=" + "0" * 64, "sha1=" + "0" * 40, "é", signed(b"something else")],
)
def test_what_is_not_signed_is_refused_unread(lab: Served, signature: str) -> None:
    headers = {"X-Hub-Signature-256": signature.encode()}
    answer = lab.web.post("/hooks/github", content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")


def test_another_secrets_signature_is_refused(lab: Served) -> None:
    assert deliver(lab, run_of(), secret="another secret, as long").status_code == 401
    assert bookings_of(lab.site, BOB, now=NOW) == ()


def test_without_a_secret_there_is_no_hook(serve: Callable[..., Served]) -> None:
    lab = serve(secret="")
    assert deliver(lab, run_of(), secret="").status_code == 404


def test_a_user_who_left_the_team_books_nothing_and_github_is_told(
    serve: Callable[..., Served],
) -> None:
    lab = serve(replace(YOLO, user=CHEN))
    answer = deliver(lab, run_of())
    assert answer.status_code == 403
    assert "teams that you are in" in answer.json()["detail"]


def test_a_refused_trigger_holds_up_no_other(serve: Callable[..., Served]) -> None:
    lab = serve(replace(YOLO, user=CHEN), replace(YOLO, within=HOUR), YOLO)
    fill(lab, 3)
    answer = deliver(lab, run_of())
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert (answer.json()["wishes"], answer.json()["bookings"]) == (["W1"], [label(newest(lab))])


def test_an_admin_may_book_for_every_team(serve: Callable[..., Served]) -> None:
    lab = serve(replace(YOLO, user=ADMIN))
    assert deliver(lab, run_of()).status_code == 201


def deep() -> bytes:
    return b"[" * 200_000 + b"]" * 200_000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"payload=%7B%7D", 400),
        (deep(), 400),
        (b'{"a":' * 100_000, 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"1e999", 422),
        (json.dumps({"action": "completed"}).encode(), 422),
        (json.dumps(run_of(id="7001x")).encode(), 422),
        (json.dumps(run_of(id=-1)).encode(), 422),
        (json.dumps(run_of(id=2**64)).encode(), 422),
        (b'{"workflow_run": {"id": ' + b"9" * 5000 + b"}}", 400),
        (json.dumps(run_of(updated_at="yesterday")).encode(), 422),
        (json.dumps(run_of(updated_at="2026-11-25T10:00:00")).encode(), 422),
        (json.dumps(run_of(updated_at=10**40)).encode(), 422),
        (json.dumps(run_of(name="\ud800")).encode(), 422),
        (json.dumps(run_of(triggering_actor={"login": "\udfff"})).encode(), 422),
        (json.dumps(run_of(name=["train"])).encode(), 422),
        (json.dumps(run_of(head_repository="lab/yolo")).encode(), 422),
        (json.dumps(run_of(name="x" * 301)).encode(), 422),
    ],
)
def test_what_cannot_be_read_is_refused(lab: Served, body: bytes, status: int) -> None:
    answer = deliver(lab, body)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("login", ["<!channel>", "a\x00b\nc", "明天🚀", "x" * 300])
def test_what_people_are_called_harms_nothing(lab: Served, login: str) -> None:
    assert deliver(lab, run_of(triggering_actor={"login": login})).status_code == 201
    assert len(get_booking(lab.site, 1).purpose) <= 300
    assert "<!channel>" not in json.dumps(rendered(lab, "card").blocks)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(sorted(run_of()["workflow_run"])), value=JSON)
def test_no_value_of_any_field_makes_it_fail(lab: Served, field: str, value: Any) -> None:
    assert deliver(lab, run_of(**{field: value})).status_code < 500

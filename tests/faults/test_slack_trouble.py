"""Slack in trouble for an hour: too many requests, errors, silence, and answers that are none.

How one message is tried again, in its order, is tested in tests/slack/outbox; that a warning which
arrives late gives its whole time in tests/services/test_unheard_warnings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from builders import ALICE, BOB, NOW, actor, cluster, request
from databases import new_database
from faulty import VISION, Lab, deliverer, eventually, running, settings
from mailing import Post, Wall
from monitoring.exporters import serving

from bot.domain.booking import BookingState, Priority
from bot.sandbox import Sandbox, SandboxClock
from bot.services import look
from bot.services.preempt import preempt
from bot.services.site import Site
from bot.slack.clients import background_client
from bot.slack.outbox import LONGEST_PAUSE
from bot.slack.probe import Probe
from bot.slack.profiles import Profiles
from bot.store.database import Database

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
JSON, HTML = "application/json; charset=utf-8", "text/html; charset=utf-8"
PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"

#: Status, kind of content, body, further headers.
Answer = tuple[int, str, bytes, dict[str, str]]

GARBAGE: dict[str, Answer] = {
    "a page with 200": (200, HTML, PAGE, {}),
    "a page with 403": (403, HTML, PAGE, {}),
    "a page with 502": (502, HTML, PAGE, {}),
    "nothing": (200, JSON, b"", {}),
    "no content": (204, JSON, b"", {}),
    "JSON that ends early": (200, JSON, b'{"ok": true, "chan', {}),
    "bytes that are no text": (200, JSON, b"\xff\xfe\x00{", {}),
    "a list": (200, JSON, b"[]", {}),
    "a list with something in it": (200, JSON, b'[{"ok": true}]', {}),
    "a text": (200, JSON, b'"ok"', {}),
    "a number": (200, JSON, b"42", {}),
    "null": (200, JSON, b"null", {}),
    "an ok that is none": (200, JSON, b'{"ok": "yes", "channel": "C1", "ts": "1.1"}', {}),
    "an error that is a number": (200, JSON, b'{"ok": false, "error": 42}', {}),
    "an error that is a thing": (200, JSON, b'{"ok": false, "error": {"a": []}}', {}),
    "an error in prose": (200, JSON, b'{"ok": false, "error": "try again, please"}', {}),
    "no error": (200, JSON, b'{"ok": false}', {}),
    "ten megabytes": (200, HTML, b"<p>" * (10 * 1024 * 1024 // 3), {}),
    "ten megabytes of an error": (200, JSON, b'{"ok": 0, "error": "' + b"x" * 10**7 + b'"}', {}),
    "an hour's pause": (429, JSON, b'{"ok": false}', {"Retry-After": "999999999999999999999"}),
    "a pause before": (429, JSON, b"", {"Retry-After": "-5"}),
    "a pause in words": (429, HTML, PAGE, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
    "a pause in odd digits": (429, JSON, b"{}", {"Retry-After": "\u00b2"}),
}  # fmt: skip


class Broken:
    """Something that answers in Slack's place."""

    answer: Answer = GARBAGE["nothing"]

    def __call__(self, asked: BaseHTTPRequestHandler) -> None:
        status, kind, body, headers = self.answer
        asked.send_response(status)
        for name, value in {
            **headers,
            "Content-Type": kind,
            "Content-Length": str(len(body)),
        }.items():
            asked.send_header(name, value)
        asked.end_headers()
        asked.wfile.write(body)


@pytest.fixture(scope="module")
def broken() -> Iterator[tuple[Broken, str]]:
    answering = Broken()
    with serving(answering) as server:
        yield answering, f"{server.address}/api/"


@pytest.fixture
def post(slack: Sandbox, tmp_path: Path) -> Iterator[Post]:
    site = Site.open(Database(new_database(tmp_path)), cluster())
    yield Post(site, slack, Wall())
    site.database.close()


@pytest.mark.parametrize("kind", GARBAGE)
def test_a_message_outlives_every_answer_that_is_none(
    post: Post, broken: tuple[Broken, str], kind: str
) -> None:
    answering, api = broken
    answering.answer = GARBAGE[kind]
    rows = [post.write(VISION, "first"), post.write(VISION, "card", topic="card")]
    wrong = post.deliverer(api=api)
    for _ in rows:
        assert wrong.run_once() == 1
        post.wall.advance(minutes=11)
    assert post.states() == ["pending", "pending"]
    assert len(post.row(rows[0]).error) < 300
    post.deliver_all()
    assert post.texts(VISION) == ["first", "card"]
    assert post.states() == ["sent", "sent"]


def test_a_card_whose_place_is_not_told_is_no_card_yet(
    post: Post, broken: tuple[Broken, str]
) -> None:
    answering, api = broken
    answering.answer = (200, JSON, b'{"ok": true, "channel": null, "ts": 5}', {})
    post.write(VISION, "card", topic="card")
    post.deliverer(api=api).run_once()
    assert post.states() == ["pending"]
    post.wall.advance(minutes=1)
    post.deliver_all()
    assert post.texts(VISION) == ["card"]


@pytest.mark.parametrize("kind", GARBAGE)
def test_whoever_asks_slack_something_gets_by_without_the_answer(
    slack: Sandbox, post: Post, broken: tuple[Broken, str], kind: str
) -> None:
    answering, api = broken
    answering.answer = GARBAGE[kind]
    client = background_client(replace(settings(slack, "sqlite://"), slack_api_url=api))
    probe = Probe(client)
    probe.look()
    assert (probe.problem() or "").startswith("Slack: ")
    assert len(probe.problem() or "") < 150
    reader = Profiles(post.site, client, post.wall).reader(ALICE)
    assert not reader.known


def test_a_profile_that_makes_no_sense_is_no_harm(
    slack: Sandbox, post: Post, broken: tuple[Broken, str]
) -> None:
    answering, api = broken
    body = b'{"ok": true, "user": {"id": 7, "tz": 5, "locale": [], "profile": {"email": {}}}}'
    answering.answer = (200, JSON, body, {})
    client = background_client(replace(settings(slack, "sqlite://"), slack_api_url=api))
    reader = Profiles(post.site, client, post.wall).reader(ALICE)
    assert reader.known
    assert reader.zone_name == "Asia/Shanghai"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SandboxClock:
    """The bot's clock and the real one: pauses are of the same time."""
    moved = SandboxClock(start=NOW, speed=0)
    monkeypatch.setattr("bot.main.SystemClock", lambda: moved)
    return moved


FAULTS = (("http_500", 0), ("rate_limited", 30), ("garbage", 0), ("drop_connection", 0))


def test_after_an_hour_everything_is_told_once_and_in_order(
    slack: Sandbox, tmp_path: Path, clock: SandboxClock
) -> None:
    with running(slack, new_database(tmp_path), clock=clock) as lab:
        holder = lab.books(BOB, "8 now 8h on gpu-03")
        _settle(lab)
        booked = {holder}
        for kind, pause in FAULTS:
            slack.faults.clear()
            slack.faults.add("*", kind, times=None, retry_after=pause or 3)
            booked.add(lab.books(ALICE, f"1 in {len(booked) * 6}h 2h on gpu-01"))
            for _ in range(15):
                clock.shift(MINUTE)
                lab.bot.run_ticks()
                _settle(lab)
                if kind == "http_500" and clock.now() == NOW + MINUTE:
                    warned = _take(lab, holder, clock)
        lab.bot._probe.look()
        assert "Slack: " in lab.ready()[1]
        waiting = lab.rows("SELECT recipient FROM outbox WHERE state = 'pending'")
        assert {VISION, BOB} <= {row.recipient for row in waiting}
        # No busier than once a pause and recipient.
        calls = [call for call in slack.calls("chat.postMessage") if not call.result.get("ok")]
        assert len(calls) <= 4 * 3 * HOUR / LONGEST_PAUSE
        # Nobody could read the warning, so nobody has lost anything.
        assert look.get_booking(lab.site, holder).state is BookingState.ACTIVE
        slack.faults.clear()
        clock.shift(2 * LONGEST_PAUSE)
        eventually(lambda: _settle(lab) and not _pending(lab))
        lab.check(booked | {warned})
        lab.told(booked)
        _check_told_once(lab)
        heard = clock.now()
        clock.jump(heard + 28 * MINUTE)
        lab.bot.run_ticks()
        assert look.get_booking(lab.site, holder).state is BookingState.ACTIVE
        clock.jump(heard + 32 * MINUTE)
        lab.bot.run_ticks()
        assert look.get_booking(lab.site, holder).state is BookingState.PREEMPTED


def _settle(lab: Lab) -> bool:
    deliverer(lab.bot).wake()
    return lab.bot.deliver(20)


def _pending(lab: Lab) -> bool:
    return bool(lab.rows("SELECT id FROM outbox WHERE state = 'pending'"))


def _take(lab: Lab, holder: int, clock: SandboxClock) -> int:
    """Somebody takes the holder's GPUs for urgent work."""
    start = lab.site.cluster.grid.ceil(clock.now())
    urgent = request(8, start, 4, node="gpu-03", priority=Priority.P0)
    taken = preempt(
        lab.site, actor(ALICE), urgent, reason="demo", expected=[holder], now=clock.now(), key=None
    )
    return taken.booking.id


def _check_told_once(lab: Lab) -> None:
    """Each message that is no living one was posted exactly once, in the order of its writing."""
    sent = lab.rows("SELECT id, recipient, settled_at FROM outbox WHERE state = 'sent' ORDER BY id")
    for recipient in {row.recipient for row in sent}:
        instants = [row.settled_at for row in sent if row.recipient == recipient]
        assert instants == sorted(instants)
    assert not lab.rows("SELECT id FROM outbox WHERE state = 'failed'")

"""A machine's clock that jumps: what is done by it waits until it can be believed.

Jumps that somebody makes on purpose, in the demo, are tested in tests/flows/test_jumps; requests
whose signature is older than five minutes in tests/web/test_health.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from builders import ADMIN, ALICE, BOB, NOW, cluster
from clients import client
from databases import new_database
from faulty import OPS, VISION, Lab, eventually, running, warnings
from mailing import Post, Wall
from sqlalchemy import event
from sqlalchemy.engine import Engine

from bot.clock_watch import BELIEVED_AFTER, ClockWatch
from bot.domain.booking import BookingState
from bot.sandbox import Sandbox
from bot.sandbox.signedhttp import signature
from bot.services import look
from bot.services.outages import CLOCK, TOLD_AFTER, is_noted, note_outage
from bot.services.replicas import Replica
from bot.services.site import Site
from bot.services.tick_claims import take_tick
from bot.slack.probe import date_of
from bot.store.database import Database
from bot.ticks import scheduler
from bot.ticks.scheduler import Tick, Ticks

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@dataclass
class Machine:
    """A machine's clock, which can be set, and the steady one, which cannot."""

    at: datetime = NOW
    steady: float = 1000.0

    def now(self) -> datetime:
        return self.at

    def lives(self, length: timedelta) -> None:
        """Time passes."""
        self.at += length
        self.steady += length.total_seconds()

    def jumps(self, by: timedelta) -> None:
        """Somebody sets the clock."""
        self.at += by


def test_small_corrections_are_no_jumps() -> None:
    machine = Machine()
    watch = ClockWatch(machine, lambda: machine.steady)
    for _ in range(100):
        machine.lives(5 * SECOND)
        machine.jumps(SECOND)
        assert watch.problem() is None


@pytest.mark.parametrize("by", [2 * HOUR, -2 * HOUR])
def test_a_jump_is_doubted_until_it_has_lasted(
    by: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine()
    watch = ClockWatch(machine, lambda: machine.steady)
    machine.jumps(by)
    for _ in range(9):
        assert "jumped by" in (watch.problem() or "")
        machine.lives(BELIEVED_AFTER / 10)
    machine.lives(BELIEVED_AFTER / 10)
    assert watch.problem() is None
    assert len(warnings(caplog.records)) == 2


def test_a_clock_that_jumps_back_to_where_it_was_is_believed_at_once() -> None:
    machine = Machine()
    watch = ClockWatch(machine, lambda: machine.steady)
    machine.jumps(2 * HOUR)
    assert watch.problem()
    machine.lives(MINUTE)
    machine.jumps(-2 * HOUR)
    assert watch.problem() is None


@pytest.mark.parametrize("by", [2 * HOUR, -2 * HOUR])
def test_after_a_jump_time_goes_on_as_before_until_it_is_believed(by: timedelta) -> None:
    machine = Machine()
    watch = ClockWatch(machine, lambda: machine.steady)
    assert watch.now() == NOW
    machine.jumps(by)
    machine.lives(MINUTE)
    assert (watch.now(), watch.jump()) == (NOW + MINUTE, by)
    machine.lives(BELIEVED_AFTER)
    assert (watch.now(), watch.jump()) == (machine.now(), timedelta(0))


def test_a_jump_to_what_slack_says_is_believed_at_once() -> None:
    """The machine was paused, and its clock was put right."""
    machine = Machine()
    watch = ClockWatch(machine, lambda: machine.steady)
    watch.hear(machine.at)
    assert watch.off_s() == 0
    machine.jumps(2 * HOUR)
    assert watch.is_in_doubt()
    watch.hear(machine.at - 2 * SECOND)
    assert (watch.problem(), watch.now(), watch.off_s()) == (None, machine.at, 2)


def test_a_jump_that_slack_contradicts_is_never_believed_and_holds_up_nothing() -> None:
    machine = Machine()
    watch = ClockWatch(machine, lambda: machine.steady)
    machine.jumps(2 * HOUR)
    for _ in range(60):
        watch.hear(machine.at - 2 * HOUR)
        machine.lives(MINUTE)
        assert "Slack" in (watch.problem() or "")
        assert not watch.is_in_doubt()
        assert watch.now() == machine.at - 2 * HOUR
    assert watch.off_s() == 7200


@pytest.mark.parametrize("further", [timedelta(0), -5 * MINUTE, HOUR])
def test_a_jump_that_slack_contradicted_is_not_believed_when_slack_is_away(
    further: timedelta,
) -> None:
    machine = Machine()
    watch = ClockWatch(machine, lambda: machine.steady)
    machine.jumps(2 * HOUR)
    watch.hear(NOW)
    machine.jumps(further)
    for _ in range(12 * 60):
        machine.lives(MINUTE)
        # Slack went with the count, by which bookings go on beginning and ending.
        assert not watch.is_in_doubt()
        assert watch.now() == machine.at - 2 * HOUR - further
        assert "by its own count" in (watch.problem() or "")
    machine.jumps(-2 * HOUR - further)
    assert watch.problem() is None


def paused_and_set_wrong() -> tuple[Machine, ClockWatch]:
    """A virtual machine stood still for half an hour, and its clock was set two hours too far."""
    machine = Machine()
    watch = ClockWatch(machine, lambda: machine.steady)
    machine.jumps(30 * MINUTE + 2 * HOUR)
    return machine, watch


def test_a_clock_is_not_believed_when_slack_goes_neither_with_it_nor_with_the_count() -> None:
    machine, watch = paused_and_set_wrong()
    for _ in range(30):
        watch.hear(machine.at - 2 * HOUR)
        assert watch.is_in_doubt()
        machine.lives(MINUTE)
    assert "goes neither with it" in (watch.problem() or "")
    # Slack is away.
    machine.lives(2 * BELIEVED_AFTER)
    assert watch.is_in_doubt()
    # Slack is back, and the clock is set right.
    watch.hear(machine.at - 2 * HOUR)
    assert watch.is_in_doubt()
    machine.jumps(-2 * HOUR)
    watch.hear(machine.at)
    assert (watch.problem(), watch.now()) == (None, machine.at)


def test_a_clock_that_is_set_anew_without_slack_is_believed_when_it_has_stayed_so() -> None:
    machine, watch = paused_and_set_wrong()
    watch.hear(machine.at - 2 * HOUR)
    machine.jumps(-2 * HOUR)
    assert watch.is_in_doubt()
    machine.lives(BELIEVED_AFTER)
    assert (watch.problem(), watch.now()) == (None, machine.at)


def test_a_count_that_slack_no_longer_goes_with_is_not_gone_by() -> None:
    machine = Machine()
    watch = ClockWatch(machine, lambda: machine.steady)
    machine.jumps(2 * HOUR)
    watch.hear(NOW)
    assert not watch.is_in_doubt()
    watch.hear(NOW + 30 * MINUTE)
    assert watch.is_in_doubt()
    watch.hear(NOW)
    assert not watch.is_in_doubt()


@pytest.mark.parametrize("date", ["Sun, 29 Nov 2026 08:00:00 GMT", "29 Nov 2026 16:00:00 +0800"])
def test_slacks_date_is_read_as_utc(date: str) -> None:
    found = date_of({"date": date})
    assert (found, found and found.tzinfo) == (datetime(2026, 11, 29, 8, tzinfo=UTC), UTC)


@pytest.mark.parametrize(
    "date",
    [
        "", "soon", "Sun, 29 Nov 2026 08:00:00", "Sun, 29 Nov 2026 08:00:00 -0000",
        "Sun, 29 Nov 2026 08:00:00 +9999", "Sun, 29 Nov 2026 08:00:00 +99999999999999999",
        "Fri, 31 Dec 9999 23:59:59 -0100",
    ],
)  # fmt: skip
def test_a_date_that_says_no_instant_is_none(date: str) -> None:
    assert date_of({"Date": date}) is None


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def lab(slack: Sandbox, database_url: str, machine: Machine) -> Iterator[Lab]:
    watch = ClockWatch(machine, lambda: machine.steady)
    with running(slack, database_url, clock=machine, watch=watch) as started:
        yield started


def look_around(lab: Lab) -> None:
    """The ticks that go by the clock, as they come in a table."""
    for tick in lab.bot._table():
        if tick.name in ("due", "alive", "receipts"):
            tick.run()


def test_nothing_begins_or_ends_by_a_jump_there_and_back(lab: Lab, machine: Machine) -> None:
    running_now = lab.books(ALICE, "4 now 2h on gpu-01")
    ahead = lab.books(BOB, "4 12:00 2h on gpu-02")
    look_around(lab)
    before = lab.rows("SELECT id, state, end_at FROM booking ORDER BY id")
    machine.jumps(3 * HOUR)
    for _ in range(4):
        look_around(lab)
        machine.lives(MINUTE)
    status, why = lab.ready()
    assert (status, "clock: it has jumped by +3:00:00" in why) == (503, True)
    assert lab.rows("SELECT id, state, end_at FROM booking ORDER BY id") == before
    machine.jumps(-3 * HOUR)
    look_around(lab)
    assert "clock" not in lab.ready()[1]
    assert lab.rows("SELECT id, state, end_at FROM booking ORDER BY id") == before
    lab.check({running_now, ahead})
    # What is due by the true time is done.
    machine.lives(5 * HOUR)
    look_around(lab)
    assert look.get_booking(lab.site, running_now).state is BookingState.ENDED


def test_people_go_on_booking_by_the_right_time(lab: Lab, machine: Machine) -> None:
    machine.jumps(30 * 24 * HOUR)
    machine.lives(MINUTE)
    now = lab.books(ALICE, "4 now 2h on gpu-01")
    tomorrow = lab.books(BOB, "4 tomorrow 12:00 2h on gpu-02")
    assert look.get_booking(lab.site, now).window.start == NOW + MINUTE
    start = look.get_booking(lab.site, tomorrow).window.start
    assert NOW < start < NOW + 48 * HOUR
    machine.jumps(-30 * 24 * HOUR)
    look_around(lab)
    assert look.get_booking(lab.site, now).state is BookingState.ACTIVE
    lab.check({now, tomorrow})


def test_operators_are_told_of_a_clock_that_has_jumped(
    lab: Lab, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The bot's own tick, which comes when it likes, tells of this machine.
    monkeypatch.setattr(socket, "gethostname", lambda: "host-7")
    (tick,) = (tick for tick in lab.bot._table() if tick.name == "clock")

    def clock() -> str:
        tick.run()
        assert lab.bot.deliver(30)
        posts = lab.slack.messages(OPS, ADMIN)
        return " ".join(post.text for post in posts if "host-7" in post.text)

    assert clock() == ""
    machine.jumps(3 * HOUR)
    assert clock() == ""
    machine.lives(2 * MINUTE)
    assert "has jumped by +3:00:00" in clock()
    with client(lab.bot.address) as web:
        assert "\ngpubot_clock_jump_seconds 10800.0\n" in web.get("/metrics").text
        said = web.get("/readyz?replica")
    assert said.status_code == 200
    assert any(warning.startswith("clock: ") for warning in said.json()["warnings"])
    machine.jumps(-3 * HOUR)
    assert "believes the clock" in clock()


def test_what_was_told_of_a_clock_ends_when_gpubot_runs_there_no_more(
    lab: Lab, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "host-7")
    (tick,) = (tick for tick in lab.bot._table() if tick.name == "clocks")
    clocks = [f"{CLOCK}{host}" for host in ("gone-1", "there-2", "host-7")]
    for instant in (machine.at, machine.at + TOLD_AFTER):
        for clock in clocks:
            note_outage(lab.site, clock, "+2:00:00", now=instant)
    there = Replica("there-2", "c", "s").claim
    take_tick(lab.site, there, "another process", wall=lab.bot._wall())

    def noted() -> list[bool]:
        return [is_noted(lab.site, clock) for clock in clocks]

    def posts(host: str) -> list[str]:
        assert lab.bot.deliver(30)
        return [post.text for post in lab.slack.messages(OPS, ADMIN) if host in post.text]

    # Whoever is starting just now has no claim yet.
    tick.run()
    assert noted() == [True, True, True]
    tick.run()
    assert noted() == [False, True, True]
    (said,) = posts("gone-1")
    assert said.startswith(":heavy_minus_sign: gpubot no longer runs on *gone-1*")
    (said,) = posts("there-2")
    assert "has jumped by +2:00:00" in said
    tick.run()
    assert len(posts("gone-1")) == 1


def test_after_a_jump_that_stays_people_get_their_time_again(lab: Lab, machine: Machine) -> None:
    taken = lab.books(ALICE, "4 now 24h on gpu-01")
    lab.types(BOB, "wait 4 4h on gpu-01 by 22:00")
    lab.types(ALICE, f"release B{taken}")
    eventually(lambda: not lab.rows("SELECT id FROM outbox WHERE state = 'pending'"))
    look_around(lab)
    machine.jumps(HOUR)
    for _ in range(6):
        look_around(lab)
        machine.lives(MINUTE)
    assert lab.rows("SELECT state FROM offer") == [("open",)]
    for _ in range(16):
        machine.lives(MINUTE)
        look_around(lab)
    assert lab.rows("SELECT state FROM offer WHERE id = 1") == [("expired",)]


def test_a_clock_that_was_set_back_loses_no_booking_and_does_nothing_twice(
    lab: Lab, machine: Machine
) -> None:
    begun = lab.books(ALICE, "4 now 4h on gpu-01")
    look_around(lab)
    machine.jumps(-2 * HOUR)
    look_around(lab)
    machine.lives(BELIEVED_AFTER)
    look_around(lab)
    look_around(lab)
    assert look.get_booking(lab.site, begun).state is BookingState.ACTIVE
    later = lab.books(BOB, "2 22:00 4h on gpu-02")
    assert "free" in lab.types(BOB, "status")
    for _ in range(3):
        machine.lives(HOUR)
        look_around(lab)
    lab.check({begun, later})
    actions = [row.action for row in lab.rows("SELECT action FROM audit ORDER BY seq")]
    assert actions.count("started") == 1


def test_messages_put_off_by_a_clock_that_was_ahead_leave_all_the_same(
    slack: Sandbox, tmp_path: Path
) -> None:
    site = Site.open(Database(new_database(tmp_path)), cluster())
    post = Post(site, slack, Wall(NOW + 2 * HOUR))
    sender = post.deliverer(pace=SECOND)
    slack.faults.add("chat.postMessage", "http_500")
    row = post.write(VISION, "hello")
    assert sender.run_once() == 1
    assert post.row(row).state == "pending"
    post.wall.at -= 2 * HOUR
    sender.run_once()
    assert post.row(row).state == "sent"
    site.database.close()


def test_ticks_go_on_when_the_machines_clock_is_set_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """APScheduler waits for an instant of the clock, which is two hours off then."""
    monkeypatch.setattr(scheduler, "LOOK_S", 0.02)
    ran = threading.Semaphore(0)
    ticks = Ticks([Tick("due", 60 * SECOND, ran.release)])
    ticks.start()
    try:
        assert ran.acquire(timeout=30)
        job = ticks._scheduler.get_job("due")
        job.modify(next_run_time=datetime.now(UTC) + 2 * HOUR)
        assert ran.acquire(timeout=30)
        assert "the clock was set back" in caplog.text
    finally:
        ticks.stop(5)


def test_no_statement_asks_the_database_what_time_it_is(slack: Sandbox, database_url: str) -> None:
    """So its clock may differ from gpubot's."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement.lower())

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with running(slack, database_url, clock=Machine()) as lab:
            taken = lab.books(ALICE, "4 now 24h on gpu-01")
            lab.types(BOB, "wait 4 4h on gpu-01 by 22:00")
            lab.types(ALICE, f"release B{taken}")
            lab.types(BOB, "mine")
            lab.bot.run_ticks()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    words = (
        "current_timestamp",
        "now()",
        "clock_timestamp",
        "localtime",
        "datetime('now",
        "julianday",
    )
    assert said
    assert [one for one in said if any(word in one for word in words)] == []


@pytest.mark.parametrize("by", [2 * HOUR, -2 * HOUR])
def test_slacks_requests_are_taken_while_the_clock_is_wrong(
    slack: Sandbox, tmp_path: Path, by: timedelta
) -> None:
    machine = Machine(datetime.now(UTC))
    watch = ClockWatch(machine, lambda: machine.steady)
    with running(slack, new_database(tmp_path), watch=watch) as lab:
        machine.jumps(by)
        # Slack signs by the right time, which is that of this machine.
        assert "free" in lab.types(BOB, "status")
        lab.bot._probe.look()
        assert not watch.is_in_doubt()
        assert "Slack's has not" in lab.ready()[1]


def test_a_request_that_slack_signed_long_ago_says_so_in_the_log(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    body = urlencode(
        {"command": "/gpu", "text": "mine", "user_id": ALICE, "trigger_id": "1"}
    ).encode()
    for _ in range(3):
        long_ago = int(datetime.now(UTC).timestamp()) - 7200
        with client(lab.bot.address) as web:
            headers = {
                **signature(lab.slack.signing_secret, body, long_ago),
                "Content-Type": "application/x-www-form-urlencoded",
            }
            assert web.post("/slack/events", content=body, headers=headers).status_code == 401
    told = [line for line in warnings(caplog.records) if "clock" in line]
    assert len(told) == 1
    assert "2:00:0" in told[0]

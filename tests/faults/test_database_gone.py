"""A database that is away for a while, and gpubot all the time.

A connection that is lost in a transaction or in its commit, and a restart that is over in a moment,
are tested in tests/store/test_server_away; replicas on a server that restarts in tests/replicas.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from builders import ALICE, BOB, NOW, TONIGHT
from databases import new_database
from faulty import OPS, Lab, deliverer, eventually, hurried, label_in, running, warnings
from flows.people import button
from patience import PATIENCE_S
from postgres import PostgresServer, postgres_server

from bot.domain.booking import BookingState
from bot.sandbox import Sandbox, SandboxClock
from bot.services import look
from bot.store.errors import Unreachable
from bot.store.migrate import upgrade

AWAY = "I cannot reach my database right now and changed nothing. Please try again"
MINUTE = timedelta(minutes=1)


@dataclass
class Story:
    """A gpubot, and a database that can be taken away from it."""

    lab: Lab
    clock: SandboxClock
    take_away: Callable[[], object]
    bring_back: Callable[[], object]

    @contextmanager
    def away(self) -> Iterator[None]:
        with hurried(self.lab):
            self.take_away()
            try:
                yield
            finally:
                self.bring_back()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server(durable=True) as started:
        yield started


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.postgresql)])
def story(
    request: pytest.FixtureRequest,
    slack: Sandbox,
    tmp_path: Path,
) -> Iterator[Story]:
    clock = SandboxClock(start=NOW, speed=0)
    if request.param == "SQLite":
        folder, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
        folder.mkdir()
        with running(slack, new_database(folder), clock=clock) as lab:
            yield Story(
                lab, clock, lambda: folder.rename(elsewhere), lambda: elsewhere.rename(folder)
            )
        return
    server: PostgresServer = request.getfixturevalue("server")
    server.execute("DROP DATABASE IF EXISTS gone WITH (FORCE)", "CREATE DATABASE gone")
    upgrade(server.url("gone"))
    with running(slack, server.url("gone"), clock=clock) as lab:
        yield Story(lab, clock, server.stop, server.start)


def test_people_are_answered_and_everything_goes_on_by_itself(
    story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    lab = story.lab
    booked = {lab.books(ALICE, "4 22:00 4h on gpu-01")}

    def is_turned_away() -> bool:
        """Whoever waits behind another hears at first that it is busy.

        On SQLite a transaction that a tick has begun before may still take in what comes.
        """
        answer = lab.types(BOB, "reserve 4 22:00 4h on gpu-02")
        booked.update(label for label in [label_in(answer)] if label is not None)
        return answer.startswith(AWAY)

    with story.away():
        eventually(is_turned_away)
        assert lab.types(BOB, "mine").startswith(AWAY)
        assert lab.types(ALICE, "cancel B1").startswith(AWAY)
        status, why = lab.ready()
        assert (status, "it cannot be reached" in why) == (503, True)
        assert (
            httpx.get(f"{lab.bot.address}/healthz", trust_env=False, timeout=PATIENCE_S).status_code
            == 200
        )
        for _ in range(5):
            deliverer(lab.bot).wake()
            with pytest.raises(Unreachable):
                lab.bot._keep_time()
    if len(booked) == 1:
        booked.add(lab.books(BOB, "4 22:00 4h on gpu-02"))
    lab.check(booked)
    lab.told(booked)
    eventually(lambda: "database" not in lab.ready()[1])
    told = [line for line in warnings(caplog.records) if "the database: it cannot" in line]
    assert len(told) == 1, told
    story.clock.jump(TONIGHT)
    lab.bot.run_ticks()
    states = {look.get_booking(lab.site, booking).state for booking in booked}
    assert states == {BookingState.ACTIVE}


def test_metrics_are_there_without_the_database_and_say_so(story: Story) -> None:
    def metrics() -> str:
        answer = httpx.get(f"{story.lab.bot.address}/metrics", trust_env=False, timeout=60)
        assert answer.status_code == 200
        return answer.text

    assert "gpubot_database_up 1.0" in metrics()
    assert "gpubot_outbox_pending" in metrics()
    with story.away(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("bot.web.metrics.COUNTED_FOR_S", 0.0)
        text = metrics()
    assert "gpubot_database_up 0.0" in text
    assert "gpubot_outbox_pending" not in text
    assert 'gpubot_tick_lag_seconds{tick="due"}' in text


def test_buttons_and_windows_are_answered_as_well(story: Story) -> None:
    lab, slack = story.lab, story.lab.slack
    slack.command(ALICE, "C0VISION", "/gpu reserve")
    form = slack.wait_for(lambda: slack.open_view(ALICE))
    lab.types(BOB, "mine")
    offered = slack.command(BOB, "C0VISION", "/gpu free 1 2h").messages[0]
    with story.away():
        assert slack.submit(ALICE, form).ok is False or slack.open_view(ALICE) is not None
        assert slack.click(BOB, offered, **button(offered, "Book")).ok
        eventually(lambda: any(AWAY in m.text for m in slack.messages("C0VISION", BOB)))
    lab.check(set())


def test_what_was_promised_for_a_time_is_promised_anew_after_a_long_absence(story: Story) -> None:
    """An offer, a question: nobody could answer while the database was away."""
    lab, clock = story.lab, story.clock
    taken = lab.books(ALICE, "4 now 24h on gpu-01")
    lab.types(BOB, "wait 4 4h on gpu-01 by 22:00")
    lab.types(ALICE, f"release B{taken}")
    eventually(lambda: not lab.rows("SELECT id FROM outbox WHERE state = 'pending'"))
    lab.bot._note_alive()
    with story.away():
        clock.shift(14 * MINUTE)
        with pytest.raises(Unreachable):
            lab.bot._keep_time()
        clock.shift(2 * MINUTE)
    lab.bot._keep_time()
    assert lab.rows("SELECT state FROM offer") == [("open",)]
    eventually(lambda: any("away" in m.text for m in lab.slack.messages(OPS, ALICE)))
    clock.shift(16 * MINUTE)
    lab.bot.run_ticks()
    assert lab.rows("SELECT state FROM offer WHERE id = 1") == [("expired",)]


def test_another_file_in_its_place_is_not_taken_for_the_database(
    slack: Sandbox, tmp_path: Path
) -> None:
    """Bookings written to the old file would be lost, and those in it could be had twice."""
    folder = tmp_path / "data"
    folder.mkdir()
    with running(slack, new_database(folder)) as lab:
        kept = lab.books(ALICE, "4 in 4h 4h on gpu-01")
        with hurried(lab):
            (folder / "gpubot.db").rename(folder / "before.db")
            # Whoever waits behind another hears at first that it is busy.
            eventually(lambda: lab.types(BOB, "reserve 4 in 4h 4h on gpu-01").startswith(AWAY))
            assert not (folder / "gpubot.db").exists()
            new_database(folder)
            assert lab.types(BOB, "reserve 4 in 4h 4h on gpu-01").startswith(AWAY)
            assert lab.ready()[0] == 503
        (folder / "before.db").rename(folder / "gpubot.db")
        lab.check({kept})

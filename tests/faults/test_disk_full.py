"""A disk that is full: whoever asks is told, nothing is half written, and it goes on by itself.

Where the work of runs and their logs meets a full disk is tested in tests/runners.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from builders import ALICE, BOB, cluster
from databases import new_database
from disks import KIB, SmallDisk, small_disk
from faulty import VISION, Lab, deliverer, eventually, label_in, running, warnings
from mailing import Post, Wall, say_what_it_is_about
from postgres import postgres_server
from sqlalchemy import Pool, event

from bot.sandbox import Sandbox
from bot.services.delivery import Delivery
from bot.services.site import Site
from bot.slack.context import Message
from bot.store.database import Database

FULL = "My disk is full"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 8 * KIB) as mounted:
        yield mounted


@pytest.fixture
def lab(slack: Sandbox, disk: SmallDisk) -> Iterator[Lab]:
    """A gpubot whose database has a small disk of its own."""
    with running(slack, f"sqlite:///{disk.at / 'gpubot.db'}") as started:
        yield started
        disk.empty()


def books_until_full(lab: Lab, user: str = ALICE, node: str = "gpu-01") -> tuple[set[int], str]:
    """Book on and on; the bookings that were acknowledged, and the first other answer."""
    booked: set[int] = set()
    for hours in range(2, 900, 2):
        answer = lab.types(user, f"reserve 1 in {hours}h 2h on {node}")
        if (label := label_in(answer)) is None:
            return booked, answer
        booked.add(label)
    raise AssertionError("the disk never was full")


def test_whoever_asks_is_told_and_what_was_acknowledged_stands(
    lab: Lab, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {lab.books(ALICE, "1 in 4h 2h on gpu-02")}
    disk.fill()
    booked, refusal = books_until_full(lab)
    assert FULL in refusal
    assert "changed nothing" in refusal
    assert "admin" in refusal
    # SQLite uses the room of its log again, so something small may be taken after that.
    more, refusal = books_until_full(lab, BOB, "gpu-03")
    booked |= more
    assert refusal.startswith(FULL)
    lab.check(before | booked)
    # What needs no room goes on.
    assert "of 16 GPUs are free" in lab.types(BOB, "status in 5h")
    status, why = lab.ready()
    assert (status, "no room left on its disk" in why) == (503, True)
    disk.empty()
    monkeypatch.setattr("bot.store.health.CALM_S", 0.0)
    after = {lab.books(BOB, "1 in 30h 2h")}
    assert "database" not in lab.ready()[1]
    lab.check(before | booked | after)
    lab.told(before | booked | after)


@pytest.mark.parametrize("leave", [0, 4 * KIB, 12 * KIB, 32 * KIB, 68 * KIB])
def test_wherever_in_a_booking_the_room_ends_all_of_it_is_there_or_nothing(
    lab: Lab, disk: SmallDisk, leave: int
) -> None:
    lab.books(ALICE, "1 in 4h 2h on gpu-02")
    disk.fill(leave=leave)
    booked, _ = books_until_full(lab)
    lab.check({1} | booked)
    file = sqlite3.connect(disk.at / "gpubot.db")
    assert file.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    assert file.execute("PRAGMA foreign_key_check").fetchall() == []
    file.close()


def test_the_log_tells_of_it_once_and_of_its_end(
    lab: Lab,
    disk: SmallDisk,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    lab.books(ALICE, "1 in 4h 2h on gpu-02")
    disk.fill()
    books_until_full(lab)
    for _ in range(50):
        lab.types(BOB, "reserve 1 in 30h 2h on gpu-03")
        deliverer(lab.bot).wake()
        lab.bot.run_ticks()
    told = [line for line in warnings(caplog.records) if "the database: there is" in line]
    assert len(told) == 1
    assert len(warnings(caplog.records)) <= 8, warnings(caplog.records)
    disk.empty()
    monkeypatch.setattr("bot.store.health.CALM_S", 0.0)
    lab.books(BOB, "1 in 40h 2h on gpu-02")
    assert sum("works again" in line for line in warnings(caplog.records)) == 1


def test_messages_wait_without_a_busy_loop_and_none_is_sent_twice(
    lab: Lab, disk: SmallDisk
) -> None:
    booked = {lab.books(ALICE, "1 in 4h 2h on gpu-02")}
    lab.told(booked)
    tries, counts = 0, False

    def count(*_arguments: object) -> None:
        nonlocal tries
        tries += counts

    # While nothing goes on: nobody may begin to listen while somebody is being told.
    event.listen(lab.site.database.engine, "begin", count)
    disk.fill()
    more, _ = books_until_full(lab)
    counts = True
    for _ in range(200):
        deliverer(lab.bot).wake()
    pause = iter(range(20))
    eventually(lambda: next(pause, 99) > 18)
    counts = False
    assert tries < 60
    disk.empty()
    lab.told(booked | more)


def test_what_slack_has_taken_is_not_sent_again_when_there_was_no_room_to_note_it(
    slack: Sandbox, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.slack.outbox.SETTLE_TRIES", 1)
    site = Site.open(Database(new_database(disk.at)), cluster())
    post = Post(site, slack, Wall())
    row = post.write(VISION, "once")

    def fill_and_say(delivery: Delivery, now: datetime) -> Message | None:
        disk.fill()
        return say_what_it_is_about(delivery, now)

    post.render = fill_and_say
    sender = post.deliverer()
    assert not sender.deliver_to(VISION)
    assert post.texts(VISION) == ["once"]
    assert post.row(row).state == "pending"
    disk.empty()
    post.wall.advance(minutes=2)
    sender.deliver_to(VISION)
    assert post.texts(VISION) == ["once"]
    assert post.row(row).state == "sent"
    site.database.close()


@contextmanager
def bounded_files() -> Iterator[list[int]]:
    """Gives how many pages databases may have, which can be changed: SQLite says full of them.

    It begins before gpubot does: nobody may begin to listen while somebody is being told.
    """
    pages = [2**30]

    def bound(connection: object, *_rest: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute(f"PRAGMA max_page_count={pages[0]}").close()

    event.listen(Pool, "checkout", bound)
    try:
        yield pages
    finally:
        event.remove(Pool, "checkout", bound)


def test_a_database_that_may_not_grow_says_the_same(slack: Sandbox, tmp_path: Path) -> None:
    with bounded_files() as pages, running(slack, f"sqlite:///{tmp_path / 'gpubot.db'}") as lab:
        before = {lab.books(ALICE, "1 in 4h 2h on gpu-02")}
        pages[:] = [1]
        booked, refusal = books_until_full(lab)
        assert FULL in refusal
        lab.check(before | booked)
        pages[:] = [2**30]
        after = {lab.books(BOB, "1 in 30h 2h")}
        lab.told(before | booked | after)


@pytest.fixture
def small_server(tmp_path: Path) -> Iterator[tuple[SmallDisk, str]]:
    """A PostgreSQL whose tables, and nothing else, lie on a small disk; and gpubot's database."""
    # The server's account has to get there.
    with TemporaryDirectory(prefix="gpubot-tablespace-") as folder:
        Path(folder).chmod(0o755)
        with small_disk(Path(folder) / "disk", 24 * KIB) as disk, postgres_server() as server:
            # It does not run as root, who may mount.
            shutil.chown(disk.at, "nobody")
            server.execute(
                f"CREATE TABLESPACE small LOCATION '{disk.at}'",
                "CREATE DATABASE gpubot TABLESPACE small",
            )
            yield disk, server.url("gpubot")


@pytest.mark.postgresql
def test_the_disk_of_a_postgresql_is_full(
    slack: Sandbox, small_server: tuple[SmallDisk, str], caplog: pytest.LogCaptureFixture
) -> None:
    disk, url = small_server
    with running(slack, url) as lab:
        before = {lab.books(ALICE, "1 in 4h 2h on gpu-02")}
        disk.fill()
        booked, refusal = books_until_full(lab)
        assert FULL in refusal
        assert "no room left on its disk" in lab.ready()[1]
        assert 1 <= sum("the database: there is no" in w for w in warnings(caplog.records)) <= 3
        lab.check(before | booked)
        disk.empty()
        after = {lab.books(BOB, "1 in 30h 2h")}
        lab.check(before | booked | after)
        lab.told(before | booked | after)

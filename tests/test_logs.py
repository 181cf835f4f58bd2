"""The log: one JSON object a line, from which an operator can follow one request or booking."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import builders
import pytest
from databases import BOTH, database_of, new_database
from patience import PATIENCE_S
from program import ROOT, Program, running, workspace
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError

from bot import logs
from bot.config.settings import Settings
from bot.main import Bot
from bot.sandbox import Sandbox
from bot.services.nodes import sync_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.slack.workers import Workers
from bot.store import models
from bot.store.database import Database
from bot.ticks.apart import apart
from bot.ticks.scheduler import Tick, Ticks

log = logging.getLogger("bot.test")
#: The levels that libraries had before, which `set_up` changes.
LIBRARIES = ("apscheduler", "uvicorn", "slack_bolt", "sqlalchemy", "alembic")


@pytest.fixture
def stream() -> Iterator[StringIO]:
    """What is logged as JSON; logging is as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = StringIO()
    logs.set_up("INFO", written, as_json=True)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A gpubot over signed HTTP, started beside a PIPE as under systemd or Kubernetes."""
    with (
        workspace() as slack,
        running(tmp_path_factory.mktemp("logs"), slack, GPUBOT_LOG_LEVEL="debug") as made,
    ):
        yield made


def test_a_booking_can_be_followed_from_its_request_to_its_announcement(program: Program) -> None:
    program.command('reserve 2 tomorrow 22:00 4h "secret plans of mine"')
    made = program.line(lambda line: line.get("action") == "reserved", "a line about the booking")
    assert (made["level"], made["user"], made["booking"]) == ("INFO", builders.ALICE, "B1")
    assert made["message"] == f"B1: reserved by {builders.ALICE}"
    assert made["audit"] == 1
    same = [line for line in program.lines() if line.get("request") == made["request"]]
    assert any(line["message"].startswith("POST /slack/events: 200") for line in same)
    sent = program.line(
        lambda line: "outbox" in line and line.get("booking") == "B1", "its announcement leaves"
    )
    assert sent["message"].startswith("sent")


def test_what_people_wrote_is_not_in_the_log(program: Program) -> None:
    program.command('reserve 1 tomorrow 10:00 2h "a purpose of my own"')
    program.command("cancel B2 a reason of my own")
    program.line(lambda line: line.get("action") == "cancelled", "a line about the cancellation")
    assert "of my own" not in program.log.read_text()


def test_every_line_is_one_object_of_one_shape(program: Program) -> None:
    program.line(lambda line: line.get("tick") == "slack", "a tick says something")
    for line in program.lines():
        at = datetime.fromisoformat(line["time"])
        assert at.utcoffset() == timedelta(0)
        assert line["level"] in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
        assert line["logger"]
        assert line["message"]


def test_an_answer_repeats_the_id_that_a_proxy_gave(program: Program) -> None:
    answer = program.web.get("/healthz", headers={"X-Request-ID": "proxy-0123"})
    assert answer.headers["X-Request-ID"] == "proxy-0123"
    program.line(lambda line: line.get("request") == "proxy-0123", "a line with that id")


@pytest.mark.parametrize("given", ["", "two words", "x" * 65, 'a"b', "ä", "{}"])
def test_an_id_that_could_be_more_than_an_id_is_not_taken(program: Program, given: str) -> None:
    answer = program.web.get("/healthz", headers={b"X-Request-ID": given.encode("latin-1")})
    assert len(answer.headers["X-Request-ID"]) == 16
    assert answer.headers["X-Request-ID"] != given


def test_refusals_have_an_id_too(program: Program) -> None:
    for answer in (
        program.web.post("/slack/events", content="unsigned"),
        program.web.get("/api/v1/bookings/1"),
        program.web.get("/nothing"),
        program.web.post("/slack/events", content=b"x" * 1_000_001),
    ):
        assert answer.status_code >= 400
        assert len(answer.headers["X-Request-ID"]) == 16


def test_readiness_is_logged_when_it_changes(program: Program) -> None:
    program.line(lambda line: line["message"] == "Slack answers", "Slack was asked")
    for _ in range(3):
        assert program.web.get("/readyz").status_code == 200
    said = [line for line in program.lines() if line["logger"] == "bot.web.health"]
    assert [line["message"] for line in said if "not ready" not in line["message"]] in (
        [],
        ["ready"],
    )


def test_the_last_line_is_json_as_well(tmp_path: Path) -> None:
    with workspace() as slack, running(tmp_path, slack) as made:
        assert made.stop() == 0
        said = made.lines()
    assert said[-1]["message"] == "gpubot has ended"
    assert not [line for line in said if line["level"] == "DEBUG"]


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [({}, "SLACK_BOT_TOKEN is not set"), ({"GPUBOT_PORT": "x"}, "GPUBOT_PORT: found 'x'")],
)
def test_what_keeps_it_from_starting_is_json_as_well(
    variables: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SLACK_", "GPUBOT_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "bot", "serve"], cwd=tmp_path, capture_output=True, check=False,
        env={**clean, "PYTHONPATH": str(ROOT), **variables}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["level"] for line in said} == {"CRITICAL"}
    assert any(complaint in line["message"] for line in said)


def test_text_says_what_a_line_is_about_as_well() -> None:
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.OneLine())
    mine = logging.Logger("bot.mine")
    mine.addHandler(handler)
    with logs.about(request="r1", booking="B1"):
        mine.info("B1: reserved by U1", extra={"user": "U1"})
    expected = " INFO bot.mine B1: reserved by U1 request=r1 user=U1 booking=B1\n"
    assert written.getvalue().endswith(expected)


@pytest.fixture
def bot(tmp_path: Path, stream: StringIO) -> Iterator[tuple[Bot, Sandbox]]:
    """A gpubot over Socket Mode in this process, and its Slack."""
    with workspace() as slack:
        settings = Settings(
            bot_token=slack.bot_token,
            app_token=slack.app_token,
            slack_api_url=slack.api_url,
            database_url=new_database(tmp_path),
            port=0,
        )
        made = Bot(settings, builders.cluster(), slack.clock)
        made.start()
        try:
            slack.wait_for(lambda: slack.connected)
            yield made, slack
        finally:
            made.stop()


def test_over_socket_mode_slacks_envelope_is_the_request(
    bot: tuple[Bot, Sandbox], stream: StringIO
) -> None:
    _, slack = bot
    assert slack.command(builders.ALICE, "C0VISION", "/gpu reserve 1 tomorrow 22:00 4h").ok
    (made,) = [line for line in lines(stream) if line.get("action") == "reserved"]
    assert UUID(made["request"]).hex == made["request"].replace("-", "")
    assert (made["booking"], made["user"]) == ("B1", builders.ALICE)


def test_an_incident_is_found_by_the_number_that_people_are_told(
    bot: tuple[Bot, Sandbox], stream: StringIO
) -> None:
    running, slack = bot
    with running.site.database.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE booking")
    assert slack.command(builders.ALICE, "C0VISION", "/gpu mine").ok
    (told,) = [m for m in slack.messages("C0VISION", builders.ALICE) if m.ephemeral]
    (number,) = re.findall(r"\b[0-9a-f]{8}\b", told["text"])
    (said,) = [line for line in lines(stream) if line.get("incident") == number]
    assert said["level"] == "ERROR"
    assert said["request"]
    assert said["user"] == builders.ALICE
    assert "no such table: booking" in said["traceback"]


def test_what_is_noted_inside_ends_with_it(stream: StringIO) -> None:
    with logs.about(request="r1"):
        with logs.about(booking="B1"):
            logs.note(user="U1")
            log.info("inner")
        log.info("outer")
    logs.note(user="U2")
    log.info("outside")
    inner, outer, outside = lines(stream)
    assert (inner["request"], inner["booking"], inner["user"]) == ("r1", "B1", "U1")
    assert (outer["request"], outer.get("booking"), outer.get("user")) == ("r1", None, None)
    assert "user" not in outside


def test_a_worker_says_for_which_request_it_works(stream: StringIO) -> None:
    workers = Workers("test", threads=1, capacity=4)
    workers.start()
    with logs.about(request="r1", user="U1"):
        workers.submit(lambda: log.info("done"))
    workers.submit(lambda: log.info("of nobody"))
    workers.stop(10)
    first, second = lines(stream)
    assert (first["request"], first["user"]) == ("r1", "U1")
    assert "request" not in second


def test_each_run_of_a_tick_has_an_id_also_on_a_thread_of_its_own(stream: StringIO) -> None:
    done = threading.Event()

    def work() -> None:
        log.info("apart")
        done.set()

    def run() -> None:
        log.info("here")
        apart("apart", work)()

    tick = Tick("mine", timedelta(hours=1), run)
    ticks = Ticks([tick])
    ticks.run(tick)
    assert done.wait(PATIENCE_S)
    first, second = lines(stream)
    assert (first["message"], second["message"]) == ("here", "apart")
    assert first["tick"] == second["tick"] == "mine"
    assert first["request"] == second["request"]
    ticks.run(Tick("other", timedelta(hours=1), lambda: log.info("again")))
    assert lines(stream)[-1]["request"] != first["request"]


def test_a_tick_that_fails_says_so_with_its_id_and_traceback(stream: StringIO) -> None:
    def fail() -> None:
        raise ValueError("not today\nnor tomorrow")

    tick = Tick("mine", timedelta(hours=1), fail)
    Ticks([tick]).run(tick)
    (said,) = lines(stream)
    assert said["level"] == "ERROR"
    assert said["request"]
    assert said["traceback"].splitlines()[-2:] == ["ValueError: not today", "nor tomorrow"]


def test_libraries_write_the_same_shape(stream: StringIO) -> None:
    for name in LIBRARIES:
        logging.getLogger(name).error("hello from %s", name)
    assert [line["message"] for line in lines(stream)] == [f"hello from {n}" for n in LIBRARIES]


def test_what_ends_a_thread_and_what_libraries_warn_of_is_logged(stream: StringIO) -> None:
    def fail() -> None:
        raise ValueError("no more")

    with logs.catching_the_rest(), warnings.catch_warnings():
        warnings.simplefilter("always")
        # What pytest would record is shown as it is outside of tests.
        warnings.showwarning = logging._showwarning
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        thread = threading.Thread(target=fail, name="worker")
        thread.start()
        thread.join()
    warned, ended = lines(stream)
    assert "DeprecationWarning: old" in warned["message"]
    assert ended["message"] == "the thread worker has ended by an error"
    assert "ValueError: no more" in ended["traceback"]


def test_no_text_breaks_a_line_and_no_secret_is_in_one(stream: StringIO) -> None:
    nasty = 'a\r\nb\u2028c\x00"}\n{"level":"fake"'
    try:
        raise ValueError("xoxb-123-abc")
    except ValueError:
        log.exception("%s wss://wss.slack.com/link/?ticket=1 x", nasty, extra={"user": nasty})
    log.info("https://hooks.slack.com/actions/T0/1/abc postgresql://gpubot:pass%%word@db/x")
    log.info("GET /calendar.ics?token=s3cret&x=1")
    written = stream.getvalue()
    assert written.isascii()
    first, second, third = lines(stream)
    assert first["user"] == nasty
    assert first["message"].startswith(nasty)
    for secret in ("123-abc", "link/?", "T0/1", "pass", "s3cret"):
        assert secret not in written
    assert second["message"].endswith("postgresql://gpubot:…@db/x")
    assert third["message"].endswith("?token=…&x=1")


@pytest.mark.parametrize("kind", BOTH)
def test_an_error_of_the_database_shows_nothing_of_what_people_wrote(
    kind: str, tmp_path: Path, stream: StringIO
) -> None:
    secret = "my secret plan"
    with database_of(kind, tmp_path) as url, closing(Database(url)) as database:
        sync_nodes(site := Site.open(database, builders.cluster()), now=builders.NOW)
        asked = builders.request(1, purpose=secret)
        booked = reserve(site, builders.actor(builders.BOB), asked, now=builders.NOW)
        for wrong in ({"gpus": -1}, {"id": booked.id}):
            with database.snapshot() as connection:
                row = dict(connection.execute(select(models.Booking)).mappings().one())
            row |= {"id": booked.id + 1} | wrong
            try:
                with database.transaction() as connection:
                    connection.execute(insert(models.Booking).values(**row))
            except DBAPIError:
                log.exception("it was refused")
    assert len(lines(stream)) >= 3
    assert "Error" in stream.getvalue()
    assert secret not in stream.getvalue()

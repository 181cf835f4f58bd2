"""The unmodified bot in the embedded workspace, over real sockets, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from databases import database_of, new_database
from patience import PATIENCE_S
from people import BOB, Lab

from bot.demo import Demo

#: Wednesday 25 November 2026, 10:37 in Shanghai.
START = datetime(2026, 11, 25, 2, 37, tzinfo=UTC)


def running(folder: Path, mode: str, url: str, hidden: str | None = None) -> Iterator[Lab]:
    """The demo's lab at START, with the clock standing still; `hidden` cannot be looked up."""
    demo = Demo(
        folder, over_http=mode == "HTTP", pace=timedelta(0), database_url=url,
        ack_timeout=PATIENCE_S,
    )  # fmt: skip
    demo.clock.jump(START)
    demo.clock.set_speed(0)
    if hidden is not None:
        demo.sandbox.hide_user(hidden)
    demo.start()
    yield Lab(demo)
    demo.stop()


@pytest.fixture(
    params=[
        ("Socket Mode", "SQLite"),
        pytest.param(("HTTP", "PostgreSQL"), marks=pytest.mark.postgresql),
    ],
    ids=" on ".join,
)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """A lab of the test's own, in both of Slack's ways, each with another database."""
    mode, kind = request.param
    with database_of(kind, tmp_path) as url:
        yield from running(tmp_path, mode, url)


@pytest.fixture
def lab_over_http(tmp_path: Path, database_url: str) -> Iterator[Lab]:
    """A lab of the test's own, for what does not depend on the way Slack reaches the bot."""
    yield from running(tmp_path, "HTTP", database_url)


@pytest.fixture
def lab_that_cannot_read_bob(tmp_path: Path, database_url: str) -> Iterator[Lab]:
    """A lab in which Slack does not tell who bob is."""
    yield from running(tmp_path, "Socket Mode", database_url, hidden=BOB)


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab for tests that change nothing."""
    folder = tmp_path_factory.mktemp("shared")
    yield from running(folder, "HTTP", new_database(folder))

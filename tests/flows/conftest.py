"""The unmodified bot in the embedded workspace, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from people import Lab

from bot.demo import Demo

#: Wednesday 25 November 2026, 10:37 in Shanghai.
START = datetime(2026, 11, 25, 2, 37, tzinfo=UTC)


def running(folder: Path, mode: str) -> Iterator[Lab]:
    """The demo's lab at START, with the clock standing still."""
    demo = Demo(folder, over_http=mode == "HTTP", pace=timedelta(0))
    demo.clock.jump(START)
    demo.clock.set_speed(0)
    demo.start()
    yield Lab(demo)
    demo.stop()


@pytest.fixture(params=["Socket Mode", "HTTP"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """A lab of the test's own, in both of Slack's ways."""
    yield from running(tmp_path, request.param)


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab for tests that change nothing."""
    yield from running(tmp_path_factory.mktemp("shared"), "HTTP")

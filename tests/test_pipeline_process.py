"""`gpubot book` as a process, against the whole bot in its embedded Slack."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from patience import PATIENCE_S

from bot.demo import Demo
from bot.domain.access import Scope, TokenKind
from bot.domain.actor import Actor
from bot.domain.booking import BookingState
from bot.services.look import bookings_of, get_booking
from bot.services.tokens import create_token

BOB, VISION = "U0BOB", "C0VISION"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path, pace=timedelta(0), ack_timeout=PATIENCE_S)
    running.clock.jump(datetime(2026, 11, 25, 2, 37, tzinfo=UTC))
    running.clock.set_speed(0)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def environment(demo: Demo) -> dict[str, str]:
    assert demo.bot is not None
    _, secret = create_token(
        demo.bot.site,
        Actor(BOB),
        kind=TokenKind.PIPELINE,
        name="nightly",
        scopes=[Scope.READ, Scope.BOOK],
        team="vision",
        now=demo.clock.now(),
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CI")}
    return {**clean, "GPUBOT_URL": demo.bot.address, "GPUBOT_TOKEN": secret}


def pipelines(demo: Demo) -> list[int]:
    """The bookings that pipelines made."""
    assert demo.bot is not None
    found = bookings_of(demo.bot.site, BOB, now=demo.clock.now())
    return [booking.id for booking in found if booking.created_by.startswith("pipeline:")]


def test_a_terminated_pipeline_gives_back_what_the_channel_saw_it_book(demo: Demo) -> None:
    assert demo.bot is not None
    words = ["2", "fri", "10:00", "4h", "--purpose", "nightly run", "--wait", "1h"]
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "book", *words],
        env=environment(demo),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        demo.sandbox.wait_for(lambda: pipelines(demo), timeout=PATIENCE_S)
        (booking,) = pipelines(demo)
        demo.sandbox.wait_for(
            lambda: any("nightly run" in str(m.blocks) for m in demo.sandbox.messages(VISION, BOB))
        )
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert (process.returncode, out) == (143, "")
    # Whether it still reads the answer to its booking depends on when the signal comes.
    assert f"B{booking}: cancelled" in said
    assert get_booking(demo.bot.site, booking).state is BookingState.CANCELLED


def test_the_running_bot_serves_feeds_and_the_webhook(demo: Demo) -> None:
    assert demo.bot is not None
    with httpx.Client(base_url=demo.bot.address, trust_env=False, timeout=PATIENCE_S) as web:
        feed = web.get("/calendar.ics", params={"token": "x"})
        assert (feed.status_code, feed.text[:8]) == (404, "There is")
        hook = web.post("/hooks/github", content=b"{}")
        assert (hook.status_code, hook.json()["code"]) == (404, "not_configured")

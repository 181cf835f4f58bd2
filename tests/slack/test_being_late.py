"""What could not be done in time is done late, and says so."""

from __future__ import annotations

from datetime import timedelta

import builders
import pytest
from plainly import plain
from talk import Talk
from told import told

from bot.services.keep_time import keep_time
from bot.services.look import history
from bot.services.recover import note_alive, recover
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.slack.blocks.history import sentence
from bot.slack.reader import Reader

HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(0, "It started"), (1, "It started"), (65, "It started (65 min late: gpubot was away)")],
)
def test_what_began_late_says_how_late(site: Site, minutes: int, said: str) -> None:
    reserve(site, builders.actor(builders.BOB), builders.request(4), now=builders.NOW)
    keep_time(site, now=builders.TONIGHT + timedelta(minutes=minutes))
    reader = Reader.of_channel(site.cluster)
    started = next(record for record in history(site) if record.action == "started")
    assert plain(sentence(reader, started)) == said


def test_operators_read_when_nobody_was_served(site: Site) -> None:
    note_alive(site, now=builders.NOW)
    assert recover(site, now=builders.NOW + 5 * HOURS) == 5 * HOURS
    ops = Talk(site, builders.ADMIN, now=builders.NOW + 5 * HOURS)
    (message,) = [m for topic, _, m in told(site, ops) if topic == "away" and m is not None]
    assert plain(message.text).startswith(
        "gpubot was away from Wed 25 Nov 10:37 to Wed 25 Nov 15:37 (5 h)."
    )
    assert recover(site, now=builders.NOW + 5 * HOURS) is None


def test_a_restart_is_no_absence(site: Site) -> None:
    note_alive(site, now=builders.NOW)
    assert recover(site, now=builders.NOW + timedelta(seconds=90)) is None

"""A year of a busy cluster: whatever happens, promises hold and nothing is lost.

One year is lived in the ordinary run. For more, name their seeds: GPUBOT_YEARS=2,3,4.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from databases import database_of, new_database
from simulation.town import END, START
from simulation.world import World

from bot.services.audit import verify

SEEDS = [int(seed) for seed in os.environ.get("GPUBOT_YEARS", "1").split(",")]

#: How many days of it are lived on PostgreSQL.
MONTH = 30

#: What has to have happened for the year to have been worth living, by the audit.
LIVED = {
    "reserved", "started", "ended", "cancelled", "released", "released_part", "extended", "moved",
    "transferred", "took", "warned", "reclaimed", "released_early", "brought_forward", "more_time",
    "postponed", "moved_for_urgent", "restored", "booked_again", "kept_new_time", "overran",
    "asked_idle", "still_needed", "no_show", "wait_joined", "wait_left", "wait_expired", "offered",
    "offer_accepted", "offer_declined", "offer_expired", "queued_run", "node_drained",
    "node_resumed", "stranded",
}  # fmt: skip


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_year_of_two_hundred_people_keeps_every_promise(seed: int, tmp_path: Path) -> None:
    with lived(new_database(tmp_path), seed, END) as world:
        assert sum(world.counts.values()) >= 4000
        assert LIVED - world.watch.actions.keys() == set()
        assert world.counts["trouble"] > 10


@pytest.mark.postgresql
def test_a_month_of_it_on_postgresql_does_too(tmp_path: Path) -> None:
    with (
        database_of("PostgreSQL", tmp_path) as url,
        lived(url, SEEDS[0], START + timedelta(days=MONTH)) as world,
    ):
        assert sum(world.counts.values()) >= 200
        assert world.counts["trouble"]


@contextmanager
def lived(url: str, seed: int, until: datetime) -> Iterator[World]:
    """The world when it has lived until then."""
    world = World(url, seed, until=until)
    try:
        world.run()
        verdict = verify(world.site)
        assert verdict.ok, verdict.why
        assert sent_once(world) == []
        yield world
    except BaseException as error:
        error.add_note(f"seed {seed}, at {world.now}; before it:\n" + "\n".join(world.story))
        raise
    finally:
        world.close()


def sent_once(world: World) -> list[str]:
    """Messages that went out although they had gone out, or did not although their time came."""
    rows = world.books.rows("SELECT id, dedupe_key, state FROM outbox")
    done = {row["id"] for row in rows if row["state"] != "pending"}
    keys = Counter(row["dedupe_key"] for row in rows)
    twice = [key for key, count in keys.items() if count > 1]
    return twice + [f"row {number}" for number in sorted(done ^ world.post.sent)]

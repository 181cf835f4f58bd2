"""What people do now reads what is live, however much has ended: by how the databases do it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import pytest
from databases import BOTH, database_of
from plans import Plans
from sqlalchemy import text

from benchmarks import reserve, waitlist
from benchmarks.laboratory import NOW, lab, people
from benchmarks.rows import number_on
from benchmarks.workload import fill, fill_past, fill_waiting
from bot.domain.actor import Actor
from bot.domain.conflict import Conflict
from bot.domain.window import Window
from bot.services import delivery
from bot.services.changes import state_now
from bot.services.extend import extend
from bot.services.forget_sent import forget_sent
from bot.services.keep_time import keep_time
from bot.services.look import bookings_of, history, team_bookings
from bot.services.nodes import sync_nodes
from bot.services.own_bookings import page_of_bookings
from bot.services.site import Site
from bot.services.tracks import tracks
from bot.store.database import Database

LIVE, ENDED, WAIT = 300, 5000, 30
#: The tables that grow for years.
GROWING = {"booking", "claim", "audit", "outbox", "posted", "receipt"}
SOMEBODY = people(1)[1]
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Past:
    """A site with a long history, and what its statements do."""

    site: Site
    plans: Plans


@pytest.fixture(scope="module", params=BOTH)
def past(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Past]:
    folder = tmp_path_factory.mktemp("past")
    with database_of(request.param, folder) as url, closing(Database(url)) as database:
        plans = Plans(database.engine)
        site = Site.open(database, lab(gpus=32))
        sync_nodes(site, now=NOW)
        fill_past(site, ENDED)
        fill(site, LIVE)
        fill_waiting(site, WAIT)
        with database.transaction(patient=True) as connection:
            if not database.is_of_one_process:
                number_on(connection)
            connection.execute(text("ANALYZE"))
        yield Past(site, plans)


def books(site: Site) -> None:
    rng = random.Random(6)
    for number in range(5):
        with suppress(Conflict):
            reserve.booking(site, rng, f"command:{number}")()


def cancels(site: Site) -> None:
    for cancellation in islice(waitlist.cancellations(site, 4), 4):
        cancellation()


def extends(site: Site) -> None:
    for booking in bookings_of(site, SOMEBODY, now=NOW)[-3:]:
        with suppress(Conflict):
            extend(site, Actor(SOMEBODY), booking.id, timedelta(hours=2), now=NOW)


def sends(site: Site) -> None:
    for recipient in list(delivery.heads(site, now=NOW))[:3]:
        found = delivery.claim(site, recipient, now=NOW, wall=NOW, lease=DAY)
        assert found is not None
        delivery.settle(site, found, delivery.Outcome.SENT, now=NOW)


def lists(site: Site) -> None:
    page_of_bookings(site, SOMEBODY, 0, 5, now=NOW)
    team_bookings(site, "team-01", now=NOW)
    history(site, 7)
    history(site, limit=10)


def starts(site: Site) -> None:
    sync_nodes(Site.open(site.database, site.cluster), now=NOW)


def shows_a_week(site: Site) -> None:
    tracks(site, Window(NOW, NOW + 7 * DAY), now=NOW)


def follows_changes(site: Site) -> None:
    state_now(site)


def keeps_time(site: Site) -> None:
    keep_time(site, now=NOW)


def forgets(site: Site) -> None:
    forget_sent(site, now=NOW - 3650 * DAY)


ACTS = (books, extends, cancels, sends, lists, starts, shows_a_week, follows_changes, keeps_time,
        forgets)  # fmt: skip


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_nothing_that_people_wait_for_reads_the_past(
    past: Past, act: Callable[[Site], None]
) -> None:
    act(past.site)
    with past.plans.noted() as looks:
        act(past.site)
    assert looks
    bad = [
        look
        for look in looks
        if look.table in GROWING and (look.is_whole or (look.rows or 0) > ENDED / 2)
    ]
    assert not bad, bad[0]


def test_a_look_at_the_whole_past_would_be_noticed(past: Past) -> None:
    with past.plans.noted() as looks, past.site.database.snapshot() as connection:
        connection.execute(text("SELECT count(*) FROM booking WHERE purpose LIKE '%x%'"))
    assert [(look.table, look.is_whole) for look in looks] == [("booking", True)]

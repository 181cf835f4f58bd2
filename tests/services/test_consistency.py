"""Whatever people do, in whatever order: promises hold, and the cache tells the truth."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, DANA, NODES, NOW, actor, cluster, request
from sqlalchemy import text

from bot.domain.errors import BookingError
from bot.services import look
from bot.services.answer_transfer import accept_transfer
from bot.services.audit import verify
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.extend import extend
from bot.services.move import move
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.resume import resume
from bot.services.site import Site
from bot.services.transfer import offer_transfer
from bot.store import queries
from bot.store.calendars import CalendarCache

HOUR = timedelta(hours=1)
PEOPLE = (ALICE, BOB, CHEN, DANA)


def act(site, rng, now):
    """Do one random thing as a random person; return its name, or None when it was refused."""
    user = actor(rng.choice(PEOPLE))
    live = [b for person in PEOPLE for b in look.bookings_of(site, person, now=now)]
    booking_id = rng.choice(live).id if live else 1
    anyone = actor(ADMIN)
    start = site.cluster.grid.ceil(now) + rng.randrange(24) * 2 * HOUR
    steps = {
        "reserve": lambda: reserve(
            site,
            user,
            request(
                rng.choice((1, 2, 3, 4, 8)),
                rng.choice((start, now)),
                rng.choice((2, 4, 8, 20)),
                spread=rng.random() < 0.2,
            ),
            now=now,
        ),
        "cancel": lambda: cancel(site, anyone, booking_id, reason="r", now=now),
        "release": lambda: release(
            site, anyone, booking_id, gpus=rng.choice((None, 1)), reason="r", now=now
        ),
        "extend": lambda: extend(
            site, anyone, booking_id, rng.choice((2, 3, 9)) * HOUR, reason="r", now=now
        ),
        "move": lambda: move(site, anyone, booking_id, start, reason="r", now=now),
        "drain": lambda: drain(
            site, actor(ADMIN), rng.choice(NODES).name, until=None, reason="r", now=now
        ),
        "resume": lambda: resume(site, actor(ADMIN), rng.choice(NODES).name, now=now),
        "transfer": lambda: accept_transfer(
            site,
            actor(BOB),
            offer_transfer(site, anyone, booking_id, BOB, reason="r", now=now).id,
            now=now,
        ),
    }
    name = rng.choices(list(steps), weights=(8, 1, 2, 3, 3, 1, 2, 1))[0]
    try:
        steps[name]()
    except BookingError:
        return None
    return name


def check_promises(site):
    """No node is over-promised, and each live booking has exactly the claims it shows."""
    with site.database.snapshot() as connection:
        claims = connection.execute(
            text("SELECT * FROM claim WHERE gone IS NULL AND kind = 'booking'")
        ).all()
        bookings = queries.open_bookings(connection, after=datetime.min.replace(tzinfo=UTC))
    for booking in bookings:
        start_s, end_s = (int(t.timestamp()) for t in (booking.window.start, booking.window.end))
        held = [c for c in claims if c.holder == booking.id and c.end_s > start_s]
        last = max(c.start_s for c in held)
        at_end = {c.node: c.gpus for c in held if c.end_s == end_s}
        assert at_end == {share.node: share.gpus for share in booking.shares}
        assert min(c.start_s for c in held) == start_s
        for at in range(start_s, end_s, 1800):
            here = sum(c.gpus for c in held if c.start_s <= at < c.end_s)
            assert here == booking.gpus if at >= last else here >= booking.gpus
    for node in site.cluster.nodes:
        here = [c for c in claims if c.node == node.name]
        for at in {c.start_s for c in here}:
            assert sum(c.gpus for c in here if c.start_s <= at < c.end_s) <= node.gpus


def check_cache(site, now):
    """The calendar kept up to date by each write equals one loaded afresh."""
    cold = Site(site.database, site.cluster, CalendarCache(site.cluster))
    for hours in range(-2, 60, 3):
        window = request(1, now + hours * HOUR, 3).window
        with site.database.snapshot() as connection:
            warm = site.calendars.fresh(connection, now).calendar
            fresh = cold.calendars.fresh(connection, now).calendar
        for node in site.cluster.nodes:
            assert warm.free(node.name, window) == fresh.free(node.name, window)


@pytest.mark.parametrize("seed", range(3))
def test_random_days_of_a_busy_cluster(open_site, seed):
    rng = random.Random(seed)
    site, other = open_site(cluster()), open_site(cluster())
    now, done = NOW, Counter()
    for step in range(150):
        now += timedelta(minutes=rng.choice((0, 1, 7, 30, 55)))
        done[act(rng.choice((site, other)), rng, now)] += 1
        check_promises(site)
        if step % 10 == 0:
            check_cache(site, now)
            check_cache(other, now)
    assert {"reserve", "cancel", "extend", "move", "drain", "resume", "release"} <= set(done)
    assert verify(site).ok
    for booking in look.bookings_of(site, BOB, now=now):
        assert booking.window.end > now

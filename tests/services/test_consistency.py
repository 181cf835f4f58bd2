"""Whatever people do, in whatever order: promises hold, and the cache tells the truth."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, DANA, NODES, NOW, actor, cluster, request
from promises import check_cache, check_promises

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
from bot.services.transfer import offer_transfer

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

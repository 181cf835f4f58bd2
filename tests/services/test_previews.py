"""A preview of urgent work, next to what is then done."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta

import builders
import pytest
from builders import ALICE, BOB, CHEN, DANA, NODES, NOW, actor
from delivering import tick
from promises import check_promises

from bot.domain.booking import BookingState, Placement, Priority
from bot.domain.cluster import Node
from bot.domain.errors import BookingError
from bot.domain.window import Window
from bot.services import look, look_waiting
from bot.services.preempt import preempt, preview_preemption
from bot.services.reserve import reserve
from bot.store.calendars import VERSION

HOUR = timedelta(hours=1)
LATER = NOW + 5 * HOUR


@pytest.fixture
def busy(open_site, request):
    """A cluster on which people have booked at random; some of it runs by LATER."""
    rng = random.Random(request.param)
    site = open_site(builders.cluster(nodes=(*NODES, Node("gpu-04", 8, "A100"))))
    for _ in range(70):
        start = site.cluster.grid.ceil(NOW) + rng.randrange(12) * 2 * HOUR
        wanted = asked(rng, start, rng.choices((Priority.P1, Priority.P2), (1, 9))[0])
        with suppress(BookingError):
            reserve(site, actor(rng.choice((BOB, CHEN, DANA))), wanted, now=NOW)
    tick(site, LATER)
    return site, rng


def asked(rng, start, priority):
    gpus = rng.choice((1, 2, 4, 8)) if priority is not Priority.P0 else rng.choice((2, 8, 16))
    spread = rng.random() < 0.3
    return builders.request(gpus, start, rng.choice((2, 4, 10)), priority=priority, spread=spread)


def outcome(site, loss):
    """Where the booking of a loss lies now, if it is live."""
    booking = look.get_booking(site, loss.booking.id)
    if booking.state is BookingState.PREEMPTED:
        return None
    return Placement(booking.window, booking.shares)


def expected(loss, begins):
    if not loss.running:
        return loss.moves_to
    return Placement(Window(loss.booking.window.start, begins), loss.booking.shares)


@pytest.mark.parametrize("busy", [2, 5, 7], indirect=True)
def test_what_is_done_is_what_was_shown(busy):
    site, rng = busy
    moved = running = 0
    for _ in range(12):
        start = max(
            LATER, site.cluster.grid.floor(LATER) + rng.choice((0, rng.randrange(8))) * 2 * HOUR
        )
        wanted = asked(rng, start, Priority.P0)
        before = site.database.peek(VERSION)
        try:
            preview = preview_preemption(site, actor(ALICE), wanted, now=LATER)
        except BookingError:
            continue
        assert site.database.peek(VERSION) == before
        ids = [loss.booking.id for loss in preview.losses]
        taken = preempt(site, actor(ALICE), wanted, reason="demo", expected=ids, now=LATER)
        assert Placement(taken.booking.window, taken.booking.shares) == preview.placement
        for loss in preview.losses:
            assert outcome(site, loss) == expected(loss, preview.starts_at)
        assert [p.preemptee for p in taken.preemptions] == ids
        assert len(look_waiting.preemptions_by(site, taken.booking.id)) == len(ids)
        check_promises(site)
        running += sum(loss.running for loss in preview.losses)
        moved += sum(loss.moves_to is not None for loss in preview.losses)
    assert moved
    assert running

"""One's own bookings, page by page, as they are at the moment."""

from datetime import timedelta

import pytest
from builders import ADMIN, BOB, CHEN, DANA, NOW, TONIGHT, actor, request
from delivering import tick
from wanting import HOUR, LATER, take, urgent

from bot.domain.preemption_notice import PreemptionState
from bot.services import look
from bot.services.activity import saw_use
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.extend import extend
from bot.services.own_bookings import page_of_bookings
from bot.services.reserve import reserve
from bot.services.resume import resume

SIZE = 2


def page(site, number=0, *, user=BOB, now=NOW):
    return page_of_bookings(site, user, number, SIZE, now=now)


@pytest.fixture
def five(site):
    """Bob's, one a day; made in another order than they begin in."""
    starts = [TONIGHT + timedelta(days=day) for day in (3, 1, 0, 4, 2)]
    made = [reserve(site, actor(BOB), request(1, start), now=NOW) for start in starts]
    reserve(site, actor(CHEN), request(1), now=NOW)
    return sorted(made, key=lambda booking: booking.window.start)


def test_they_come_by_their_start_so_many_a_page(site, five):
    pages = [page(site, number) for number in range(3)]
    assert [one for found in pages for one in found.bookings] == five
    assert [(found.number, found.pages, found.total) for found in pages] == [
        (0, 3, 5), (1, 3, 5), (2, 3, 5),
    ]  # fmt: skip


@pytest.mark.parametrize(("asked", "shown"), [(-1, 0), (3, 2), (99, 2)])
def test_beyond_the_last_page_the_last_one_is_shown(site, five, asked, shown):
    assert page(site, asked) == page(site, shown)
    assert page(site, asked).bookings


@pytest.mark.parametrize("number", [0, 1, 7])
def test_who_has_none_sees_an_empty_page(site, five, number):
    found = page(site, number, user=DANA)
    assert (found.bookings, found.number, found.pages, found.total) == ((), 0, 0, 0)


def test_each_change_is_seen_at_once(site, five):
    first, second, *_ = page(site).bookings
    extend(site, actor(BOB), first.id, 2 * HOUR, now=NOW)
    cancel(site, actor(BOB), second.id, now=NOW)
    found = page(site)
    assert found.bookings[0] == look.get_booking(site, first.id) != first
    assert second not in found.bookings
    assert found.total == 4
    tick(site, TONIGHT)
    saw_use(site, first.id, now=TONIGHT)
    used = page(site, now=TONIGHT).bookings[0]
    assert used == look.get_booking(site, first.id) != found.bookings[0]


def test_what_is_over_is_not_shown(site, five):
    assert page(site, now=five[1].window.start).bookings[0] == five[1]


def test_drained_nodes_are_told_for_as_long_as_they_are(site, five):
    assert page(site).drains == {}
    drain(site, actor(ADMIN), "gpu-03", until=None, reason="new fan", now=NOW)
    assert [one.reason for one in page(site).drains.values()] == ["new fan"]
    resume(site, actor(ADMIN), "gpu-03", now=NOW)
    assert page(site).drains == {}


def test_who_gives_way_is_told_and_nobody_else(site):
    reserve(site, actor(BOB), request(8, node="gpu-03"), now=NOW)
    reserve(site, actor(CHEN), request(1, node="gpu-01"), now=NOW)
    tick(site, TONIGHT)
    assert page(site, now=LATER).warned == {}
    take(site, urgent(node="gpu-03"))
    (booking,) = page(site, now=LATER).bookings
    assert page(site, now=LATER).warned[booking.id].state is PreemptionState.WARNED
    assert page(site, user=CHEN, now=LATER).warned == {}

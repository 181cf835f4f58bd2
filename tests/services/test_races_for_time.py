"""Buttons pressed at the same instant: one counts, the others are told, nothing is had twice."""

import pytest
from builders import ALICE, BOB, CHEN, NODES, NOW, TONIGHT, actor, cluster, request
from delivering import deliver, tick
from promises import check_promises
from test_races import at_once
from wanting import LATER, MINUTE, actions, take, urgent, wish

from bot.domain.booking import BookingState
from bot.domain.errors import BookingError, WrongState
from bot.domain.waitlist import OfferState
from bot.services import look, look_waiting
from bot.services.answer_offer import accept_offer, decline_offer, expire_offers
from bot.services.audit import verify
from bot.services.cancel import cancel
from bot.services.join_waitlist import join_waitlist
from bot.services.keep_time import keep_time
from bot.services.preempt import CannotPreempt
from bot.services.reclaim import book_again, grant_extra_time, release_for_preemptor
from bot.services.release import release
from bot.services.reserve import reserve

ONE_NODE = NODES[:1]
TIMES = range(4)


@pytest.fixture
def site(open_site):
    return open_site(cluster(nodes=ONE_NODE))


@pytest.fixture
def offer(site):
    """What Bob is offered of gpu-01, and has heard of."""
    taken = reserve(site, actor(ALICE), request(4, NOW, 27 + 23 / 60), now=NOW)
    entry = join_waitlist(site, actor(BOB), wish(), now=NOW)
    release(site, actor(ALICE), taken.id, now=NOW)
    deliver(site, NOW)
    return look_waiting.open_offer_of(site, entry.id)


@pytest.fixture
def running(site):
    booking = reserve(site, actor(BOB), request(4), now=NOW)
    tick(site, TONIGHT)
    return booking


def check(site):
    check_promises(site)
    assert verify(site).ok


def done(results):
    """Those that were not refused."""
    return [result for result in results if not isinstance(result, BookingError)]


def test_two_people_accept_one_offer(site, offer):
    people = (BOB, ALICE) * 4
    results = at_once([lambda p=p: accept_offer(site, actor(p), offer.id, now=NOW) for p in people])
    assert len({booking.id for booking in done(results)}) == 1
    assert actions(site).count("offer_accepted") == 1
    check(site)


def test_accepting_and_declining_at_once_is_one_of_them(site, offer):
    answers = (accept_offer, decline_offer) * 4
    at_once([lambda a=a: a(site, actor(BOB), offer.id, now=NOW) for a in answers])
    known = [a for a in actions(site) if a in ("offer_accepted", "offer_declined")]
    assert len(known) == 1
    check(site)


def test_accepting_while_it_expires_is_one_of_them(site, offer):
    """A press that came in time may be worked on after the tick, or before."""
    last = offer.expires_at - MINUTE
    tasks = [
        lambda: accept_offer(site, actor(BOB), offer.id, now=last),
        lambda: expire_offers(site, now=offer.expires_at),
    ]
    accepted, expired = at_once(tasks)
    state = look_waiting.get_offer(site, offer.id).state
    if expired:
        assert isinstance(accepted, WrongState)
        assert state is OfferState.EXPIRED
    else:
        assert (accepted.owner, state) == (BOB, OfferState.ACCEPTED)
    check(site)


def test_two_people_want_the_same_gpus_for_urgent_work(site, running):
    tasks = [lambda: take(site, urgent(4), heard=False) for _ in TIMES]
    results = at_once(tasks)
    assert len(done(results)) == 1
    assert all(isinstance(r, CannotPreempt) for r in results if isinstance(r, BookingError))
    assert actions(site).count("warned") == 1
    check(site)


def test_a_holder_who_cancels_while_they_are_evicted_loses_nothing_twice(site):
    planned = reserve(site, actor(BOB), request(4, TONIGHT, 4), now=NOW)
    tasks = [
        lambda: take(site, urgent(4, TONIGHT, 4), now=NOW, expected={planned.id}, heard=False),
        lambda: cancel(site, actor(BOB), planned.id, now=NOW),
    ]
    taken, cancelled = at_once(tasks)
    assert cancelled.state is BookingState.CANCELLED
    assert taken.booking.window.start == TONIGHT
    assert look.bookings_of(site, BOB, now=NOW) == ()
    check(site)


def test_the_end_of_a_preemption_and_its_withdrawal_at_once(site, running):
    preempted = take(site, urgent(4))
    (warned,) = preempted.preemptions
    tasks = [
        lambda: cancel(site, actor(ALICE), preempted.booking.id, now=LATER + MINUTE),
        lambda: release_for_preemptor(site, actor(BOB), warned.id, now=LATER + MINUTE),
        lambda: grant_extra_time(site, actor(BOB), warned.id, now=LATER + MINUTE),
    ]
    assert done(at_once(tasks))
    check(site)


def test_the_same_button_pressed_often_is_pressed_once(site, running):
    (warned,) = take(site, urgent(4)).preemptions
    for button, action in (
        (book_again, "booked_again"),
        (grant_extra_time, "postponed"),
        (release_for_preemptor, "released_early"),
    ):
        at_once(
            [lambda b=button: b(site, actor(BOB), warned.id, now=LATER + MINUTE) for _ in TIMES]
        )
        assert actions(site).count(action) == 1
    check(site)


def test_many_ticks_at_once_are_one_tick(site, running):
    """At one instant GPUs are reclaimed, urgent work begins, and what is left is offered."""
    preempted = take(site, urgent(2))
    asked = wish(2, 2, latest=running.window.end - 120 * MINUTE)
    entry = join_waitlist(site, actor(CHEN), asked, now=LATER)
    at_once([lambda: keep_time(site, now=preempted.booking.window.start) for _ in TIMES])
    found = actions(site)
    assert [found.count(action) for action in ("reclaimed", "offered")] == [1, 1]
    assert actions(site, preempted.booking.id) == ["took", "started"]
    assert look_waiting.open_offer_of(site, entry.id) is not None
    check(site)

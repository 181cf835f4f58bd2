"""Offers when something goes wrong: nodes that go away, and times in which nobody could answer."""

from dataclasses import replace

import pytest
from builders import ADMIN, ALICE, BOB, NODES, NOW, TONIGHT, actor, cluster, request
from delivering import deliver
from wanting import HOUR, MINUTE, wish

from bot.domain.booking import Priority
from bot.domain.cluster import Node
from bot.domain.errors import NotAllowed, WrongState
from bot.domain.waitlist import EntryState, OfferState
from bot.services import look_waiting
from bot.services.answer_offer import accept_offer
from bot.services.drain import drain
from bot.services.join_waitlist import join_waitlist
from bot.services.keep_time import keep_time
from bot.services.recover import note_alive, recover
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.resume import resume


def take_all(site):
    """Alice has all of gpu-01 tonight and tomorrow."""
    return reserve(site, actor(ALICE), request(4, NOW, 27 + 23 / 60, node="gpu-01"), now=NOW)


@pytest.fixture
def taken(site):
    return take_all(site)


@pytest.fixture
def entry(site, taken):
    return wait(site)


@pytest.fixture
def offer(site, taken, entry):
    """What Bob is offered, and hears of at once."""
    free(site, taken)
    deliver(site, NOW)
    return offer_of(site, entry)


def wait(site, asked=None):
    return join_waitlist(site, actor(BOB), asked or wish(), now=NOW)


def free(site, taken, now=NOW):
    return release(site, actor(ALICE), taken.id, now=now)


def offer_of(site, entry):
    return look_waiting.open_offer_of(site, entry.id)


def test_a_node_that_goes_out_of_service_takes_its_offers_back(site, entry, offer):
    drain(site, actor(ADMIN), "gpu-01", until=None, reason="fan", now=NOW)
    assert look_waiting.get_offer(site, offer.id).state is OfferState.WITHDRAWN
    assert look_waiting.get_entry(site, entry.id).state is EntryState.WAITING
    with pytest.raises(WrongState):
        accept_offer(site, actor(BOB), offer.id, now=NOW)
    resume(site, actor(ADMIN), "gpu-01", now=NOW)
    assert offer_of(site, entry) is not None


def test_a_node_that_has_shrunk_is_no_crash_but_a_refusal(open_site):
    site = open_site(cluster())
    taken = take_all(site)
    entry = wait(site)
    free(site, taken)
    smaller = open_site(cluster(nodes=(Node("gpu-01", 2, "V100"), *NODES[1:])))
    with pytest.raises(WrongState, match="out of service"):
        accept_offer(smaller, actor(BOB), offer_of(smaller, entry).id, now=NOW)


def test_who_could_not_answer_during_an_outage_gets_the_time_again(site, offer):
    note_alive(site, now=NOW + MINUTE)
    back = NOW + HOUR
    assert recover(site, now=back) == back - NOW - MINUTE
    assert look_waiting.get_offer(site, offer.id).expires_at == back + 15 * MINUTE
    keep_time(site, now=back)
    assert accept_offer(site, actor(BOB), offer.id, now=back + MINUTE).owner == BOB


def test_also_where_there_is_no_more_time_to_give(site, taken):
    entry = wait(site, asked=wish(earliest=TONIGHT))
    now = TONIGHT - 10 * MINUTE
    free(site, taken, now)
    note_alive(site, now=now)
    recover(site, now=now + 3 * MINUTE)
    assert offer_of(site, entry).expires_at == TONIGHT


def test_a_restart_is_no_outage(site, offer):
    note_alive(site, now=NOW)
    assert recover(site, now=NOW + MINUTE) is None
    assert look_waiting.get_offer(site, offer.id) == offer


def test_who_may_not_book_urgent_work_any_more_cannot_accept_it(open_site):
    site = open_site(cluster())
    taken = take_all(site)
    asked = wish(priority=Priority.P0)
    entry = join_waitlist(site, actor(ALICE), asked, now=NOW)
    free(site, taken)
    without = open_site(replace(cluster(), urgent=frozenset()))
    with pytest.raises(NotAllowed, match="urgent role"):
        accept_offer(without, actor(ALICE), offer_of(without, entry).id, now=NOW)
    assert accept_offer(site, actor(ALICE), offer_of(site, entry).id, now=NOW).owner == ALICE

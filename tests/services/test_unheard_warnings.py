"""Nobody loses GPUs who has not had the full warning, however long Slack or gpubot was away."""

import pytest
from builders import BOB, NODES, NOW, TONIGHT, actor, cluster, request
from delivering import deliver, tick
from promises import check_promises
from sqlalchemy import text
from wanting import GONE, HOUR, LATER, MINUTE, SECOND, actions, take, urgent

from bot.domain.booking import BookingState
from bot.domain.cluster import Node
from bot.domain.preemption_notice import PreemptionState
from bot.services import look, look_waiting
from bot.services.keep_time import keep_time
from bot.services.reclaim import postpone_unwarned
from bot.services.reserve import reserve
from bot.services.turn_over import turn_over

A100 = {"node": "gpu-03"}
END = TONIGHT + 8 * HOUR


@pytest.fixture
def running(site):
    """Bob runs on all of gpu-03, from tonight on."""
    booking = reserve(site, actor(BOB), request(8, node="gpu-03"), now=NOW)
    tick(site, TONIGHT)
    return look.get_booking(site, booking.id)


def state_of(site, booking):
    return look.get_booking(site, booking).state


def preemption(site, warned):
    return look_waiting.get_preemption(site, warned.id)


def test_nobody_is_reclaimed_while_the_warning_has_not_arrived(site, running):
    (warned,) = take(site, urgent(8, hours=9, **A100), heard=False).preemptions
    keep_time(site, now=GONE)
    assert preemption(site, warned).reclaim_at == GONE + 30 * MINUTE
    assert state_of(site, running.id) is BookingState.ACTIVE
    assert look.get_booking(site, warned.preemptor).window.start == GONE + 30 * MINUTE
    check_promises(site)


def test_a_warning_that_arrives_late_gives_its_whole_time(site, running):
    (warned,) = take(site, urgent(8, hours=9, **A100), heard=False).preemptions
    heard = GONE - 10 * MINUTE + 7 * SECOND
    deliver(site, heard)
    keep_time(site, now=GONE)
    until = GONE + 21 * MINUTE
    assert preemption(site, warned).reclaim_at == until
    tick(site, until - SECOND)
    assert state_of(site, running.id) is BookingState.ACTIVE
    tick(site, until)
    assert state_of(site, running.id) is BookingState.PREEMPTED
    check_promises(site)


def test_a_warning_that_was_refused_for_good_does_not_wait_for_ever(site, running):
    (warned,) = take(site, urgent(8, **A100), heard=False).preemptions
    with site.database.transaction() as connection:
        connection.execute(
            text("UPDATE outbox SET state = 'failed', settled_at = :at"), {"at": str(LATER)}
        )
    keep_time(site, now=GONE)
    assert preemption(site, warned).state is PreemptionState.RECLAIMED


def test_on_a_node_that_has_shrunk_nothing_is_half_done(open_site, running, site):
    (warned,) = take(site, urgent(8, **A100), heard=False).preemptions
    smaller = open_site(cluster(nodes=(*NODES[:2], Node("gpu-03", 4, "A100"))))
    urgent_booking, done = look.get_booking(site, warned.preemptor), actions(site)
    assert postpone_unwarned(smaller, now=GONE) == 0
    assert look.get_booking(smaller, warned.preemptor) == urgent_booking
    assert look.get_booking(smaller, running.id).window.end == GONE
    assert actions(smaller) == done
    check_promises(site)


def test_turning_over_alone_takes_nothing_from_the_unwarned(site, running):
    (warned,) = take(site, urgent(8, **A100), heard=False).preemptions
    turn_over(site, now=GONE)
    assert state_of(site, running.id) is BookingState.ACTIVE
    assert state_of(site, warned.preemptor) is BookingState.RESERVED


def test_after_a_long_outage_the_urgent_work_is_called_off(site, running):
    (warned,) = take(site, urgent(8, **A100), heard=False).preemptions
    keep_time(site, now=TONIGHT + 4 * HOUR - MINUTE)
    assert state_of(site, warned.preemptor) is BookingState.CANCELLED
    assert preemption(site, warned).state is PreemptionState.WITHDRAWN
    after = look.get_booking(site, running.id)
    assert (after.state, after.window) == (BookingState.ACTIVE, running.window)
    assert actions(site, running.id)[-2:] == ["restored", "asked_idle"]
    check_promises(site)


def test_also_when_it_would_be_over_already(site, running):
    (warned,) = take(site, urgent(8, **A100), heard=False).preemptions
    keep_time(site, now=TONIGHT + 5 * HOUR)
    assert state_of(site, warned.preemptor) is BookingState.CANCELLED
    assert look.get_booking(site, running.id).window == running.window
    assert keep_time(site, now=TONIGHT + 5 * HOUR) == 0


def test_whose_own_time_is_over_ends_as_promised(site, running):
    asked = urgent(8, END - 2 * HOUR, 8, **A100)
    (warned,) = take(site, asked, heard=False).preemptions
    keep_time(site, now=END - 2 * HOUR)
    keep_time(site, now=END)
    assert state_of(site, running.id) is BookingState.ENDED
    assert preemption(site, warned).state is PreemptionState.OVERTAKEN
    keep_time(site, now=END + MINUTE)
    assert state_of(site, warned.preemptor) is BookingState.ACTIVE
    check_promises(site)

"""Corners in which a promise could be lost, kept too long, or made to the wrong person."""

import pytest
from builders import ALICE, BOB, CHEN, DANA, NODES, NOW, TONIGHT, actor, cluster, request
from delivering import deliver, tick
from promises import check_promises
from sqlalchemy import text
from wanting import GONE, HOUR, LATER, MINUTE, SECOND, short, take, urgent, wish

from bot.domain.booking import BookingState, Priority
from bot.domain.cluster import Node, NoShow, Quota
from bot.domain.conflict import Conflict
from bot.domain.errors import InThePast, WindowTooSmall
from bot.domain.preemption_notice import PreemptionState
from bot.domain.waitlist import EntryState
from bot.services import look, look_waiting
from bot.services.activity import saw_use
from bot.services.answer_transfer import accept_transfer
from bot.services.extend import ExtendConflict, extend
from bot.services.join_waitlist import join_queue, join_waitlist
from bot.services.keep_time import keep_time
from bot.services.preempt import preview_preemption
from bot.services.recover import note_alive, recover
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.transfer import offer_transfer

A100, GPU_01 = {"node": "gpu-03"}, {"node": "gpu-01"}
END = TONIGHT + 8 * HOUR


def run(site, gpus=8, user=BOB, **what):
    """Somebody's work on gpu-03 has begun tonight."""
    booking = reserve(site, actor(user), request(gpus, **{"hours": 8, **A100, **what}), now=NOW)
    tick(site, TONIGHT)
    return booking


def fill(site, until=TONIGHT + 16 * HOUR, node="gpu-01"):
    """Alice has all of a node from now on."""
    hours = (until - NOW) / HOUR
    return reserve(site, actor(ALICE), request(4, NOW, hours, node=node), now=NOW)


def state_of(site, booking):
    return look.get_booking(site, booking.id).state


def rows_about(site, subject):
    statement = text("SELECT count(*) FROM outbox WHERE subject = :subject")
    with site.database.snapshot() as connection:
        return connection.execute(statement, {"subject": subject}).scalar_one()


class TestUrgentWork:
    def test_who_is_warned_cannot_extend_even_where_others_have_left(self, site):
        bob, chen = run(site, 4), run(site, 4, CHEN, priority=Priority.P1)
        done = take(site, urgent(4, **A100))
        release(site, actor(CHEN), chen.id, now=LATER + MINUTE)
        with pytest.raises(ExtendConflict) as refused:
            extend(site, actor(BOB), bob.id, 2 * HOUR, now=LATER + 2 * MINUTE)
        assert not refused.value.longest
        tick(site, GONE)
        assert state_of(site, done.booking) is BookingState.ACTIVE

    def test_who_extends_a_moved_booking_keeps_no_gpus_from_others(self, site):
        bob = reserve(site, actor(BOB), request(8, TONIGHT, 2, **A100), now=NOW)
        moved = take(site, urgent(8, TONIGHT, 2, **A100), now=NOW).preemptions[0]
        extend(site, actor(BOB), bob.id, 2 * HOUR, now=NOW)
        after = look_waiting.get_preemption(site, moved.id)
        assert after.state is PreemptionState.OVERTAKEN
        check_promises(site)

    @pytest.mark.parametrize("behind", list(Priority)[1:])
    def test_at_the_asked_time_nobody_goes_who_only_stands_behind_it(self, site, behind):
        """A start for which running work could be warned would reach into the next slot."""
        first = reserve(site, actor(BOB), request(8, TONIGHT, 2, **A100), now=NOW)
        following = request(8, TONIGHT + 2 * HOUR, 2, priority=behind, **A100)
        reserve(site, actor(CHEN), following, now=NOW)
        asked, now = urgent(8, TONIGHT, 2, **A100), TONIGHT - 20 * MINUTE
        preview = preview_preemption(site, actor(ALICE), asked, now=now)
        assert [loss.booking.id for loss in preview.losses] == [first.id]
        assert preview.starts_at == TONIGHT

    def test_a_preview_of_what_would_be_over_by_now_is_not_confirmed(self, site):
        with pytest.raises(InThePast):
            take(site, urgent(8, TONIGHT, 2, **A100), now=TONIGHT + 20 * HOUR)

    def test_no_last_call_together_with_a_warning_that_comes_late(self, site):
        run(site)
        warned = take(site, urgent(8, **A100), heard=False).preemptions[0]
        for minutes in range(0, 60, 5):
            keep_time(site, now=LATER + minutes * MINUTE)
        deliver(site, LATER + HOUR)
        keep_time(site, now=LATER + HOUR + MINUTE)
        assert look_waiting.get_preemption(site, warned.id).state is PreemptionState.WARNED
        assert rows_about(site, f"preemption:{warned.id}")
        assert not rows_about(site, f"reclaim:{warned.id}")


class TestAfterAnAbsence:
    def test_an_offer_made_just_before_gets_its_time_again_too(self, site):
        taken, at = fill(site), NOW + 20 * SECOND
        entry = join_waitlist(site, actor(BOB), wish(), now=NOW)
        note_alive(site, now=NOW)
        release(site, actor(ALICE), taken.id, now=at)
        deliver(site, at)
        back = NOW + HOUR
        recover(site, now=back)
        offer = look_waiting.open_offer_of(site, entry.id)
        assert offer.expires_at == back + 15 * MINUTE

    @pytest.mark.parametrize("rule", [NoShow.RELEASE, NoShow.ASK])
    def test_nobody_counts_as_idle_who_could_give_no_sign(self, open_site, rule):
        site = open_site(cluster(no_show=rule))
        booking = run(site)
        saw_use(site, booking.id, now=TONIGHT + HOUR)
        note_alive(site, now=TONIGHT + HOUR)
        back = TONIGHT + 3 * HOUR
        recover(site, now=back)
        tick(site, back)
        after = look.get_booking(site, booking.id)
        assert (after.state, after.asked_at) == (BookingState.ACTIVE, None)
        tick(site, back + 30 * MINUTE)
        after = look.get_booking(site, booking.id)
        assert after.asked_at is not None or after.state is BookingState.NO_SHOW


class TestWaiting:
    def test_a_new_node_is_offered_to_those_who_wait(self, open_site):
        site = open_site(cluster())
        for node in ("gpu-01", "gpu-02"):
            fill(site, TONIGHT, node)
        asked = wish(node=None, model="V100", latest=NOW + 8 * HOUR)
        entry = join_waitlist(site, actor(BOB), asked, now=NOW)
        open_site(cluster(nodes=(*NODES, Node("gpu-04", 4, "V100"))))
        assert look_waiting.get_entry(site, entry.id).state is EntryState.OFFERED

    def test_whom_a_quota_kept_from_it_is_served_when_it_allows(self, open_site):
        site = open_site(cluster(user_quota=Quota(open_bookings=1), no_show=NoShow.OFF))
        mine = reserve(site, actor(BOB), request(8, NOW, 1 + 23 / 60, **A100), now=NOW)
        taken = fill(site)
        entry = join_waitlist(site, actor(BOB), wish(), now=NOW)
        release(site, actor(ALICE), taken.id, now=NOW + MINUTE)
        tick(site, mine.window.end - SECOND)
        assert look_waiting.get_entry(site, entry.id).state is EntryState.WAITING
        tick(site, mine.window.end)
        assert look_waiting.get_entry(site, entry.id).state is EntryState.OFFERED

    @pytest.mark.parametrize(
        ("latest", "error"), [(NOW - HOUR, InThePast), (NOW + HOUR, WindowTooSmall)]
    )
    def test_a_wish_from_an_old_button_is_refused(self, site, latest, error):
        fill(site)
        with pytest.raises(error):
            join_waitlist(site, actor(BOB), wish(latest=latest), now=NOW)

    def test_a_newcomer_does_not_overtake_the_queue_between_two_ticks(self, site):
        taken = fill(site, NOW + HOUR + 23 * MINUTE)
        first = join_queue(site, actor(BOB), short(), now=NOW)
        second = join_queue(site, actor(CHEN), short(), now=taken.window.end + SECOND)
        assert second.booking is None
        assert look_waiting.get_entry(site, first.entry.id).state is EntryState.BOOKED


def test_whoever_takes_over_an_idle_booking_needs_it(site):
    booking = run(site)
    tick(site, TONIGHT + 30 * MINUTE)
    at = TONIGHT + 55 * MINUTE
    offered = offer_transfer(site, actor(BOB), booking.id, DANA, now=at)
    accept_transfer(site, actor(DANA), offered.id, now=at)
    tick(site, TONIGHT + HOUR)
    assert state_of(site, booking) is BookingState.ACTIVE


def test_a_clock_put_back_lets_nobody_cut_promised_time(site):
    booking = run(site)
    saw_use(site, booking.id, now=END - MINUTE)
    tick(site, END)
    with pytest.raises(Conflict):
        reserve(site, actor(CHEN), request(8, END - 2 * HOUR, 2, **A100), now=END - 4 * HOUR)
    assert look.get_booking(site, booking.id).overrun_from == END

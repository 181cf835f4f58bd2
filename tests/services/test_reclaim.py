"""What holders can do about a warning, and when GPUs are reclaimed: never unheard or sooner."""

import pytest
from builders import BOB, CHEN, DANA, NODES, NOW, STRANGER, TONIGHT, actor, cluster, request, window
from delivering import deliver, last_row, tick, told
from promises import check_promises
from wanting import GONE, HOUR, LATER, MINUTE, SECOND, actions, short, take, urgent, wish

from bot.domain.booking import BookingState
from bot.domain.conflict import Conflict
from bot.domain.errors import NotAllowed, WrongState
from bot.domain.preemption_notice import PreemptionState
from bot.domain.transfer import TransferState
from bot.services import look, look_waiting
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.join_waitlist import join_queue, join_waitlist
from bot.services.no_show import still_needed
from bot.services.reclaim import (
    book_again,
    grant_extra_time,
    keep_new_time,
    release_for_preemptor,
)
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.transfer import offer_transfer

A100 = {"node": "gpu-03"}
END = TONIGHT + 8 * HOUR
MORE = GONE + 10 * MINUTE
ANSWERS = (release_for_preemptor, grant_extra_time, book_again, keep_new_time)


def hold_all(site, user=BOB, gpus=8, hours=8, node="gpu-03"):
    """Somebody runs on a node, from tonight on."""
    booking = reserve(site, actor(user), request(gpus, hours=hours, node=node), now=NOW)
    tick(site, TONIGHT)
    return look.get_booking(site, booking.id)


@pytest.fixture
def running(site):
    return hold_all(site)


@pytest.fixture
def warned(site, running):
    """Bob is warned that all of gpu-03 is needed in half an hour."""
    return take(site, urgent(8, **A100)).preemptions[0]


def state_of(site, booking):
    return look.get_booking(site, booking).state


def preemption(site, warned):
    return look_waiting.get_preemption(site, warned.id)


class TestReleaseNow:
    def test_the_urgent_work_begins_at_once(self, site, warned):
        now = LATER + 5 * MINUTE
        after = release_for_preemptor(site, actor(BOB), warned.id, now=now)
        assert (after.state, after.window.end) == (BookingState.PREEMPTED, now)
        assert preemption(site, warned).state is PreemptionState.RELEASED
        assert look.get_booking(site, warned.preemptor).window.start == now
        tick(site, now)
        assert state_of(site, warned.preemptor) is BookingState.ACTIVE
        check_promises(site)

    def test_twice_is_once(self, site, warned):
        first = release_for_preemptor(site, actor(BOB), warned.id, now=LATER + MINUTE)
        again = release_for_preemptor(site, actor(BOB), warned.id, now=LATER + 2 * MINUTE)
        assert again == first
        assert actions(site).count("released_early") == 1

    def test_nobody_can_accept_what_is_given_back(self, site, warned, running):
        transfer = offer_transfer(site, actor(BOB), running.id, CHEN, now=LATER)
        release_for_preemptor(site, actor(BOB), warned.id, now=LATER + MINUTE)
        assert look.get_transfer(site, transfer.id).state is TransferState.WITHDRAWN

    def test_with_two_holders_it_begins_when_the_last_has_released(self, site):
        first, second = (hold_all(site, user, 4) for user in (BOB, CHEN))
        done = take(site, urgent(8, **A100))
        of = {p.preemptee: p.id for p in done.preemptions}
        release_for_preemptor(site, actor(BOB), of[first.id], now=LATER + MINUTE)
        assert look.get_booking(site, done.booking.id).window.start == GONE
        release_for_preemptor(site, actor(CHEN), of[second.id], now=LATER + 2 * MINUTE)
        assert look.get_booking(site, done.booking.id).window.start == LATER + 2 * MINUTE
        check_promises(site)

    def test_never_before_the_time_it_was_asked_for(self, site, running):
        asked = urgent(8, TONIGHT + 4 * HOUR, **A100)
        done = take(site, asked)
        release_for_preemptor(site, actor(BOB), done.preemptions[0].id, now=LATER + MINUTE)
        assert look.get_booking(site, done.booking.id).window == asked.window

    def test_what_is_kept_for_others_is_no_hindrance(self, site):
        """Somebody who had not begun would get back their place, if the work were called off."""
        ran = hold_all(site, BOB, 4)
        asked = TONIGHT + 2 * HOUR
        planned = reserve(site, actor(CHEN), request(4, asked, node="gpu-03"), now=LATER)
        now = asked - 10 * MINUTE
        done = take(site, urgent(8, asked, **A100), now=now)
        assert done.booking.window.start == asked + 20 * MINUTE
        of = {p.preemptee: p.id for p in done.preemptions}
        assert look.get_booking(site, planned.id).window.start > asked
        release_for_preemptor(site, actor(BOB), of[ran.id], now=now + MINUTE)
        assert look.get_booking(site, done.booking.id).window.start == asked
        check_promises(site)

    def test_an_ordinary_release_does_as_well(self, site, warned, running):
        release(site, actor(BOB), running.id, now=LATER + MINUTE)
        assert preemption(site, warned).state is PreemptionState.RELEASED
        assert look.get_booking(site, warned.preemptor).window.start == LATER + MINUTE

    def test_what_somebody_queued_in_the_meantime_is_not_cut_off(self, site):
        first, second = (hold_all(site, user, 4) for user in (BOB, CHEN))
        done = take(site, urgent(8, **A100))
        of = {p.preemptee: p.id for p in done.preemptions}
        release_for_preemptor(site, actor(BOB), of[first.id], now=LATER + MINUTE)
        run = join_queue(site, actor(DANA), short(4, 20, node="gpu-03"), now=LATER + MINUTE)
        release_for_preemptor(site, actor(CHEN), of[second.id], now=LATER + 2 * MINUTE)
        assert run.booking.window.end == LATER + 21 * MINUTE
        assert look.get_booking(site, done.booking.id).window.start == GONE
        check_promises(site)


class TestMoreTime:
    def test_ten_minutes_once_and_the_urgent_work_begins_later(self, site, warned):
        after = grant_extra_time(site, actor(BOB), warned.id, now=LATER + MINUTE)
        assert (after.reclaim_at, after.extended) == (MORE, True)
        assert look.get_booking(site, warned.preemptee).window.end == MORE
        assert look.get_booking(site, warned.preemptor).window.start == MORE
        with pytest.raises(WrongState, match="has had its extra time"):
            grant_extra_time(site, actor(BOB), warned.id, now=LATER + 2 * MINUTE)
        check_promises(site)
        deliver(site, LATER + MINUTE)
        tick(site, MORE - SECOND)
        assert state_of(site, warned.preemptee) is BookingState.ACTIVE
        tick(site, MORE)
        assert state_of(site, warned.preemptee) is BookingState.PREEMPTED

    def test_everybody_elses_promise_stays(self, site):
        first, second = (hold_all(site, user, 4) for user in (BOB, CHEN))
        done = take(site, urgent(8, **A100))
        of = {p.preemptee: p.id for p in done.preemptions}
        grant_extra_time(site, actor(BOB), of[first.id], now=LATER + MINUTE)
        assert look.get_booking(site, second.id).window.end == GONE
        assert look.get_booking(site, done.booking.id).window.start == MORE
        tick(site, GONE)
        states = [state_of(site, b.id) for b in (first, second, done.booking)]
        assert states == [BookingState.ACTIVE, BookingState.PREEMPTED, BookingState.RESERVED]
        tick(site, MORE)
        assert state_of(site, done.booking.id) is BookingState.ACTIVE
        check_promises(site)

    def test_both_may_have_it_and_nobody_gets_in_between(self, site):
        first, second = (hold_all(site, user, 4) for user in (BOB, CHEN))
        done = take(site, urgent(8, **A100))
        of = {p.preemptee: p.id for p in done.preemptions}
        grant_extra_time(site, actor(BOB), of[first.id], now=LATER + MINUTE)
        assert not look_waiting.is_free(site, second, window(GONE, 1 / 6), now=LATER)
        grant_extra_time(site, actor(CHEN), of[second.id], now=LATER + MINUTE)
        assert [look.get_booking(site, b.id).window.end for b in (first, second)] == [MORE] * 2
        assert look.get_booking(site, done.booking.id).window.start == MORE
        check_promises(site)

    def test_there_is_none_where_policy_gives_none(self, open_site):
        site = open_site(cluster(extra_time=0 * MINUTE))
        hold_all(site)
        (warned,) = take(site, urgent(8, **A100)).preemptions
        with pytest.raises(NotAllowed, match="no extra time"):
            grant_extra_time(site, actor(BOB), warned.id, now=LATER + MINUTE)

    def test_nobody_gets_more_than_they_had(self, site, running):
        now = END - 35 * MINUTE
        (warned,) = take(site, urgent(8, now, 2 + 35 / 60, **A100), now=now).preemptions
        assert warned.reclaim_at == END - 5 * MINUTE
        assert grant_extra_time(site, actor(BOB), warned.id, now=now).reclaim_at == END
        assert look.get_booking(site, running.id).window.end == END
        check_promises(site)

    def test_also_on_a_node_that_goes_out_of_service(self, site, warned):
        for name in ("gpu-01", "gpu-02"):
            reserve(site, actor(CHEN), request(4, LATER, 7, node=name), now=LATER)
        drain(site, actor("U0ADMIN"), "gpu-03", until=None, reason="fan", now=LATER)
        after = grant_extra_time(site, actor(BOB), warned.id, now=LATER + MINUTE)
        assert after.reclaim_at == MORE
        assert look.get_booking(site, warned.preemptor).window.start == MORE


class TestBookAgain:
    def test_the_nearest_window_for_what_is_lost_once(self, site, warned):
        again = book_again(site, actor(BOB), warned.id, now=LATER + MINUTE)
        assert again.window == window(TONIGHT + 4 * HOUR, 8)
        assert (again.owner, again.shape.gpus) == (BOB, 8)
        assert book_again(site, actor(BOB), warned.id, now=GONE) == again
        assert actions(site).count("booked_again") == 1
        check_promises(site)

    def test_what_is_kept_of_the_old_window_may_be_used_for_it(self, site, running):
        (warned,) = take(site, urgent(8, TONIGHT + 2 * HOUR, **A100)).preemptions
        again = book_again(site, actor(BOB), warned.id, now=LATER + MINUTE)
        assert again.window == window(TONIGHT + 4 * HOUR, 6)

    def test_the_rest_of_what_is_kept_stays_kept(self, site, running):
        (warned,) = take(site, urgent(4, **A100)).preemptions
        book_again(site, actor(BOB), warned.id, now=LATER + MINUTE)
        entry = join_waitlist(
            site,
            actor(CHEN),
            wish(4, 2, node="gpu-03", latest=TONIGHT + 4 * HOUR),
            now=LATER + MINUTE,
        )
        assert look_waiting.open_offer_of(site, entry.id) is None
        check_promises(site)

    def test_after_the_gpus_are_gone_it_begins_no_sooner_than_now(self, site, warned):
        tick(site, GONE)
        again = book_again(site, actor(BOB), warned.id, now=TONIGHT + 5 * HOUR)
        assert again.window.start == TONIGHT + 5 * HOUR

    def test_nothing_is_booked_where_nothing_is_lost(self, site, warned):
        cancel(site, actor("U0ALICE"), warned.preemptor, now=LATER + MINUTE)
        with pytest.raises(WrongState, match="it is yours again"):
            book_again(site, actor(BOB), warned.id, now=LATER + 2 * MINUTE)

    def test_nor_for_work_that_only_moved(self, site):
        start = TONIGHT + 4 * HOUR
        reserve(site, actor(BOB), request(8, start, node="gpu-03"), now=NOW)
        (moved,) = take(site, urgent(8, start, **A100), now=NOW).preemptions
        with pytest.raises(WrongState):
            book_again(site, actor(BOB), moved.id, now=NOW)
        assert len(look.bookings_of(site, BOB, now=NOW)) == 1


class TestWhoAnswers:
    @pytest.mark.parametrize("answer", ANSWERS)
    @pytest.mark.parametrize("user", [STRANGER, CHEN, DANA])
    def test_strangers_are_refused_and_nothing_changes(self, site, warned, answer, user):
        done = actions(site)
        with pytest.raises(NotAllowed):
            answer(site, actor(user), warned.id, now=LATER + MINUTE)
        assert (preemption(site, warned), actions(site)) == (warned, done)

    def test_nor_may_they_say_that_it_is_still_needed(self, site, running):
        with pytest.raises(NotAllowed):
            still_needed(site, actor(CHEN), running.id, now=LATER)

    @pytest.mark.parametrize("user", ["U0ALICE", "U0ADMIN"])
    def test_leads_and_admins_may(self, site, warned, user):
        release_for_preemptor(site, actor(user), warned.id, now=LATER + MINUTE)
        assert preemption(site, warned).state is PreemptionState.RELEASED

    @pytest.mark.parametrize("answer", [release_for_preemptor, grant_extra_time, keep_new_time])
    @pytest.mark.parametrize("outcome", ["reclaimed", "withdrawn", "overtaken"])
    def test_a_late_press_changes_nothing_and_says_why(self, site, warned, answer, outcome):
        if outcome == "reclaimed":
            tick(site, GONE)
        elif outcome == "withdrawn":
            cancel(site, actor("U0ALICE"), warned.preemptor, now=LATER + MINUTE)
        else:
            release(site, actor(BOB), warned.preemptee, now=LATER + MINUTE)
            tick(site, GONE)
            if answer is release_for_preemptor:
                return  # They did just that.
        done, before = actions(site), preemption(site, warned)
        with pytest.raises(WrongState):
            answer(site, actor(BOB), warned.id, now=GONE + MINUTE)
        assert (preemption(site, warned), actions(site)) == (before, done)


class TestKeepNewTime:
    @pytest.fixture
    def moved(self, site):
        start = TONIGHT + 4 * HOUR
        reserve(site, actor(BOB), request(8, start, node="gpu-03"), now=NOW)
        return take(site, urgent(4, start, **A100), now=NOW).preemptions[0]

    def test_twice_is_once_and_what_was_kept_is_free(self, site, moved):
        asked = request(4, moved.old_window.start, 2, node="gpu-03")
        with pytest.raises(Conflict):
            reserve(site, actor(CHEN), asked, now=NOW)
        first = keep_new_time(site, actor(BOB), moved.id, now=NOW)
        assert first.kept
        assert keep_new_time(site, actor(BOB), moved.id, now=NOW) == first
        assert actions(site).count("kept_new_time") == 1
        assert reserve(site, actor(CHEN), asked, now=NOW).gpus == 4

    def test_it_is_too_late_when_the_booking_is_over(self, site, moved):
        cancel(site, actor(BOB), moved.preemptee, now=NOW)
        with pytest.raises(WrongState):
            keep_new_time(site, actor(BOB), moved.id, now=NOW)


class TestLastReminder:
    def test_who_was_warned_long_ago_hears_of_it_once_more(self, site, running):
        (warned,) = take(site, urgent(8, TONIGHT + 6 * HOUR, **A100)).preemptions
        tick(site, warned.reclaim_at - 31 * MINUTE)
        assert not preemption(site, warned).nudged
        mark = last_row(site)
        for minutes in (30, 29, 5):
            tick(site, warned.reclaim_at - minutes * MINUTE)
        assert preemption(site, warned).nudged
        assert sorted(told(site, "warning", mark)) == ["C0VISION", BOB]

    def test_who_was_warned_just_now_does_not(self, site, warned):
        mark = last_row(site)
        for minutes in (1, 11, 20, 29):
            tick(site, LATER + minutes * MINUTE)
        assert told(site, "warning", mark) == []


def test_a_clock_that_jumps_back_takes_nothing_twice(site, warned):
    tick(site, GONE)
    done = actions(site)
    for now in (LATER, GONE - MINUTE, GONE):
        assert tick(site, now) == 0
    assert actions(site) == done


def test_two_holders_on_a_small_node_are_reclaimed_together(open_site):
    site = open_site(cluster(nodes=NODES[:1]))
    holders = [hold_all(site, user, 2, node="gpu-01") for user in (BOB, CHEN)]
    done = take(site, urgent(4))
    tick(site, GONE)
    assert {state_of(site, b.id) for b in holders} == {BookingState.PREEMPTED}
    assert look.get_booking(site, done.booking.id).gpu_ids == (("gpu-01", (0, 1, 2, 3)),)

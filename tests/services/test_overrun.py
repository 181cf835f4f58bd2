"""A run that is still alive may finish after its end, as long as nobody needs its GPUs."""

import pytest
from builders import ALICE, BOB, CHEN, NODES, NOW, TONIGHT, actor, cluster, request, window
from delivering import last_row, tick, told
from promises import check_promises
from wanting import HOUR, MINUTE, actions, take, urgent

from bot.domain.booking import BookingState
from bot.domain.conflict import Conflict
from bot.services import look
from bot.services.activity import saw_use
from bot.services.extend import extend
from bot.services.move import move
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.turn_over import turn_over

END = TONIGHT + 8 * HOUR
#: A tenth of eight hours.
LATEST = END + 48 * MINUTE
GPU_01 = {"node": "gpu-01"}


def run(site, hours=8, gpus=4):
    """Bob's work has begun."""
    booking = reserve(site, actor(BOB), request(gpus, hours=hours, **GPU_01), now=NOW)
    tick(site, TONIGHT)
    return booking


def reach_end(site, booking, seen=1):
    """The end has come; the last sign of life was `seen` minutes before."""
    end = booking.window.end
    saw_use(site, booking.id, now=end - seen * MINUTE)
    tick(site, end)
    return look.get_booking(site, booking.id)


@pytest.fixture
def finishing(site):
    """Bob's run on gpu-01 goes on after its end."""
    return reach_end(site, run(site))


class TestWhoMay:
    @pytest.mark.parametrize(("seen", "overruns"), [(1, True), (30, True), (31, False)])
    def test_only_who_showed_a_sign_of_life_lately(self, site, seen, overruns):
        after = reach_end(site, run(site), seen)
        assert (after.overrun_from == END) is overruns
        assert after.state is (BookingState.ACTIVE if overruns else BookingState.ENDED)

    def test_without_any_it_ends_on_time(self, site):
        booking = run(site)
        tick(site, END)
        assert look.get_booking(site, booking.id).state is BookingState.ENDED
        assert look.get_booking(site, booking.id).window.end == END

    @pytest.mark.parametrize(("hours", "minutes"), [(2, 12), (8, 48), (20, 120), (48, 120)])
    def test_a_tenth_of_its_length_but_not_over_two_hours(self, site, hours, minutes):
        after = reach_end(site, run(site, hours))
        assert after.window == window(TONIGHT, hours + minutes / 60)
        check_promises(site)

    def test_where_policy_gives_none_there_is_none(self, open_site):
        site = open_site(cluster(overrun=0.0))
        assert reach_end(site, run(site)).state is BookingState.ENDED

    def test_until_somebody_elses_booking_begins_and_no_longer(self, site):
        booking = run(site)
        reserve(site, actor(CHEN), request(4, END, **GPU_01), now=NOW)
        assert reach_end(site, booking).state is BookingState.ENDED

    def test_once_it_ends_at_the_end_of_it_and_not_again(self, site, finishing):
        saw_use(site, finishing.id, now=LATEST - MINUTE)
        tick(site, LATEST)
        after = look.get_booking(site, finishing.id)
        assert (after.state, after.window.end) == (BookingState.ENDED, LATEST)
        assert actions(site, finishing.id)[-2:] == ["overran", "ended"]

    def test_a_late_tick_gives_nothing_for_the_past(self, site):
        booking = run(site)
        saw_use(site, booking.id, now=END - MINUTE)
        turn_over(site, now=LATEST)
        assert look.get_booking(site, booking.id).window.end == END

    def test_ticking_twice_gives_it_once(self, site, finishing):
        tick(site, END)
        assert actions(site).count("overran") == 1


class TestWhoNeedsThem:
    def test_others_get_other_free_gpus_first(self, site, finishing):
        asked = request(4, END + 2 * HOUR, model="V100")
        other = reserve(site, actor(CHEN), asked, now=END)
        assert look.get_booking(site, finishing.id).window.end == LATEST
        assert other.window == asked.window

    def test_its_owner_is_told_when_it_has_to_stop(self, open_site):
        site = open_site(cluster(nodes=NODES[:1], slot=HOUR))
        finishing = reach_end(site, run(site, 20))
        end, mark = finishing.overrun_from, last_row(site)
        reserve(site, actor(CHEN), request(4, end + HOUR, 2), now=end + 20 * MINUTE)
        after = look.get_booking(site, finishing.id)
        assert (after.window.end, after.overrun_from) == (end + HOUR, end)
        assert (actions(site, finishing.id)[-1], told(site, "notice", mark)) == (
            "overrun_ended",
            [BOB],
        )
        check_promises(site)
        tick(site, end + HOUR)
        assert look.get_booking(site, finishing.id).state is BookingState.ENDED

    def test_a_booking_sooner_than_the_warning_does_not_cut_it(self, open_site):
        site = open_site(cluster(nodes=NODES[:1], slot=HOUR))
        finishing = reach_end(site, run(site, 20))
        end = finishing.overrun_from
        with pytest.raises(Conflict):
            reserve(site, actor(CHEN), request(4, end + HOUR, 2), now=end + 31 * MINUTE)
        assert look.get_booking(site, finishing.id) == finishing

    def test_a_booking_that_is_moved_there_cuts_it_too(self, open_site):
        site = open_site(cluster(nodes=NODES[:1], slot=HOUR))
        finishing = reach_end(site, run(site, 20))
        end = finishing.overrun_from
        late = reserve(site, actor(CHEN), request(4, end + 5 * HOUR, 2), now=end)
        move(site, actor(CHEN), late.id, end + HOUR, now=end)
        assert look.get_booking(site, finishing.id).window.end == end + HOUR
        check_promises(site)

    def test_urgent_work_ends_it_like_any_other_after_the_warning(self, site, finishing):
        now, mark = END + MINUTE, last_row(site)
        done = take(site, urgent(4, now, 2 - 1 / 60, **GPU_01), now=now)
        assert (done.preemptions, done.booking.window.start) == ((), now + 30 * MINUTE)
        assert look.get_booking(site, finishing.id).window.end == now + 30 * MINUTE
        assert told(site, "notice", mark) == [BOB]
        check_promises(site)


class TestWhatItsOwnerMayDo:
    def test_extended_it_is_a_promise_again(self, open_site):
        site = open_site(cluster(nodes=NODES[:1], slot=HOUR))
        finishing = reach_end(site, run(site))
        after = extend(site, actor(BOB), finishing.id, 3 * HOUR, now=END + MINUTE)
        assert (after.window.end, after.overrun_from) == (END + 3 * HOUR, None)
        with pytest.raises(Conflict):
            reserve(site, actor(CHEN), request(4, END + 2 * HOUR, 2), now=END + 2 * MINUTE)
        assert look.get_booking(site, finishing.id) == after
        check_promises(site)

    def test_a_minute_more_is_a_slot_more(self, site, finishing):
        after = extend(site, actor(BOB), finishing.id, MINUTE, now=END + MINUTE)
        assert after.window.end == END + 2 * HOUR

    def test_released_it_is_over(self, site, finishing):
        after = release(site, actor(BOB), finishing.id, now=END + MINUTE)
        assert (after.state, after.window.end) == (BookingState.ENDED, END + MINUTE)
        asked = request(4, END + MINUTE, 2 - 1 / 60, **GPU_01)
        assert reserve(site, actor(ALICE), asked, now=END + MINUTE).nodes == ("gpu-01",)

"""Bookings that nobody seems to use: asked about, and released for those who wait."""

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, DANA, NOW, TONIGHT, actor, cluster, request
from delivering import deliver, last_row, tick, told
from promises import check_promises
from wanting import HOUR, MINUTE, SECOND, actions, take, urgent, wish

from bot.domain.booking import BookingState
from bot.domain.cluster import NoShow, Notify
from bot.domain.errors import WrongState
from bot.domain.preemption_notice import PreemptionState
from bot.services import look, look_waiting
from bot.services.activity import saw_use
from bot.services.answer_transfer import accept_transfer
from bot.services.extend import extend
from bot.services.join_waitlist import join_waitlist
from bot.services.keep_time import keep_time
from bot.services.no_show import ask_idle, release_unused, still_needed
from bot.services.recover import note_alive, recover
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.transfer import offer_transfer

ASKED = TONIGHT + 30 * MINUTE
RELEASED = ASKED + 30 * MINUTE


def begin(site):
    booking = reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    tick(site, TONIGHT)
    return booking


@pytest.fixture
def running(site):
    """Bob's booking has begun, and nobody has seen it used."""
    return begin(site)


def state_of(site, booking):
    return look.get_booking(site, booking.id).state


class TestAsking:
    def test_half_an_hour_after_its_start_the_owner_is_asked_once(self, site, running):
        mark = last_row(site)
        tick(site, ASKED - SECOND)
        assert told(site, "idle", mark) == []
        for now in (ASKED, ASKED, ASKED + MINUTE):
            tick(site, now)
        assert told(site, "idle", mark) == [BOB]
        assert look.get_booking(site, running.id).asked_at == ASKED
        assert actions(site)[-1] == "asked_idle"

    def test_in_the_channel_where_policy_says_so(self, open_site):
        site = open_site(cluster(notify=Notify.CHANNEL))
        begin(site)
        tick(site, ASKED)
        assert told(site, "idle") == ["C0VISION"]

    @pytest.mark.parametrize("minutes", [1, 10, 29])
    def test_whoever_uses_it_is_not_asked_until_half_an_hour_of_silence(
        self, site, running, minutes
    ):
        used = TONIGHT + minutes * MINUTE
        saw_use(site, running.id, now=used)
        tick(site, used + 30 * MINUTE)
        assert look.get_booking(site, running.id).asked_at is None
        tick(site, used + 30 * MINUTE + SECOND)
        assert look.get_booking(site, running.id).asked_at is not None

    def test_nobody_is_asked_where_policy_is_off(self, open_site):
        site = open_site(cluster(no_show=NoShow.OFF))
        booking = begin(site)
        for now in (ASKED, RELEASED, RELEASED + HOUR):
            tick(site, now)
        assert (told(site, "idle"), state_of(site, booking)) == ([], BookingState.ACTIVE)

    def test_whoever_is_warned_anyway_is_not_asked(self, site, running):
        take(site, urgent(4, TONIGHT + 2 * HOUR, node="gpu-01"), now=TONIGHT + MINUTE)
        tick(site, ASKED)
        assert told(site, "idle") == []


class TestAnswering:
    def test_without_an_answer_it_is_released_and_those_who_wait_are_served(self, site, running):
        entry = join_waitlist(site, actor(CHEN), wish(4, 2, latest=TONIGHT + 4 * HOUR), now=TONIGHT)
        tick(site, ASKED)
        mark = last_row(site)
        tick(site, RELEASED - SECOND)
        assert state_of(site, running) is BookingState.ACTIVE
        tick(site, RELEASED)
        assert state_of(site, running) is BookingState.NO_SHOW
        assert look_waiting.open_offer_of(site, entry.id).window.start == RELEASED
        assert (set(told(site, "idle", mark)), told(site, "notice", mark)) == ({BOB}, [])
        check_promises(site)

    @pytest.mark.parametrize("user", [BOB, ALICE, ADMIN])
    def test_whoever_may_change_it_can_say_that_it_is_needed(self, site, running, user):
        tick(site, ASKED)
        after = still_needed(site, actor(user), running.id, now=ASKED + MINUTE)
        assert after.asked_at is None
        for now in (RELEASED, RELEASED + HOUR, RELEASED + 3 * HOUR):
            tick(site, now)
        assert state_of(site, running) is BookingState.ACTIVE
        assert actions(site).count("asked_idle") == 1

    @pytest.mark.parametrize("do", ["extend", "give some back"])
    def test_whoever_goes_on_with_a_changed_booking_has_answered(self, site, running, do):
        tick(site, ASKED)
        now, mark = ASKED + MINUTE, last_row(site)
        if do == "extend":
            after = extend(site, actor(BOB), running.id, 2 * HOUR, now=now)
        else:
            after = release(site, actor(BOB), running.id, gpus=2, now=now)
        assert (after.asked_at, told(site, "idle", mark)) == (None, [BOB])
        for later in (RELEASED, now + 30 * MINUTE):
            tick(site, later)
        assert state_of(site, running) is BookingState.ACTIVE

    def test_whoever_takes_it_over_has_answered_and_is_not_asked_at_once(self, site, running):
        tick(site, ASKED)
        now = ASKED + MINUTE
        transfer = offer_transfer(site, actor(BOB), running.id, DANA, now=now)
        accept_transfer(site, actor(DANA), transfer.id, now=now)
        for later in (now, RELEASED, now + 30 * MINUTE):
            tick(site, later)
        assert actions(site).count("asked_idle") == 1
        assert state_of(site, running) is BookingState.ACTIVE

    def test_saying_so_twice_is_saying_so_once(self, site, running):
        tick(site, ASKED)
        first = still_needed(site, actor(BOB), running.id, now=ASKED + MINUTE)
        assert still_needed(site, actor(BOB), running.id, now=ASKED + 2 * MINUTE) == first
        assert actions(site).count("still_needed") == 1

    @pytest.mark.parametrize("now", [NOW, TONIGHT - MINUTE, TONIGHT + MINUTE])
    def test_who_says_so_in_advance_is_never_asked(self, site, now):
        booking = reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
        still_needed(site, actor(BOB), booking.id, now=now)
        for later in (TONIGHT, ASKED, RELEASED, RELEASED + HOUR):
            tick(site, later)
        assert (told(site, "idle"), state_of(site, booking)) == ([], BookingState.ACTIVE)

    def test_too_late_is_said_to_be_too_late(self, site, running):
        tick(site, ASKED)
        tick(site, RELEASED)
        with pytest.raises(WrongState, match="nobody used it"):
            still_needed(site, actor(BOB), running.id, now=RELEASED + MINUTE)

    def test_use_is_an_answer_and_one_is_asked_at_most_twice(self, site, running):
        now = ASKED
        for _ in range(4):
            tick(site, now)
            saw_use(site, running.id, now=now + MINUTE)
            now += 32 * MINUTE
        assert actions(site).count("asked_idle") == 2
        assert set(told(site, "idle")) == {BOB}
        assert state_of(site, running) is BookingState.ACTIVE

    def test_the_second_question_has_to_arrive_as_well(self, site, running):
        tick(site, ASKED)
        saw_use(site, running.id, now=ASKED + MINUTE)
        deliver(site, ASKED + MINUTE)
        second = ASKED + 32 * MINUTE
        ask_idle(site, now=second)
        assert release_unused(site, now=second + 30 * MINUTE) == 0
        deliver(site, second + 40 * MINUTE)
        assert release_unused(site, now=second + 70 * MINUTE - SECOND) == 0
        assert release_unused(site, now=second + 70 * MINUTE) == 1

    def test_who_could_not_answer_during_an_outage_gets_the_time_again(self, site, running):
        tick(site, ASKED)
        note_alive(site, now=ASKED + MINUTE)
        back = RELEASED + HOUR
        recover(site, now=back)
        keep_time(site, now=back)
        assert state_of(site, running) is BookingState.ACTIVE
        deliver(site, back)
        tick(site, back + 30 * MINUTE)
        assert state_of(site, running) is BookingState.NO_SHOW


class TestReleasing:
    def test_where_policy_says_so_without_a_question(self, open_site):
        site = open_site(cluster(no_show=NoShow.RELEASE))
        booking = begin(site)
        tick(site, ASKED - SECOND)
        assert state_of(site, booking) is BookingState.ACTIVE
        tick(site, ASKED)
        assert state_of(site, booking) is BookingState.NO_SHOW
        assert told(site, "idle") == [BOB]

    def test_the_gpus_are_free_from_then_on(self, site, running):
        tick(site, ASKED)
        tick(site, RELEASED)
        assert look.get_booking(site, running.id).window.end == RELEASED
        asked = request(4, RELEASED, 1, node="gpu-01")
        assert reserve(site, actor(DANA), asked, now=RELEASED).nodes == ("gpu-01",)

    def test_ticking_twice_releases_it_once(self, site, running):
        tick(site, ASKED)
        assert [release_unused(site, now=RELEASED) for _ in range(2)] == [1, 0]

    def test_somebody_warned_after_the_question_leaves_to_the_urgent_work(self, site, running):
        tick(site, ASKED)
        done = take(site, urgent(4, RELEASED - MINUTE, node="gpu-01", hours=3 + 1 / 60),
                    now=RELEASED - MINUTE)  # fmt: skip
        tick(site, RELEASED)
        assert state_of(site, running) is BookingState.NO_SHOW
        preemption = look_waiting.get_preemption(site, done.preemptions[0].id)
        assert preemption.state is PreemptionState.RELEASED
        assert look.get_booking(site, done.booking.id).window.start == RELEASED
        check_promises(site)

    def test_what_was_released_by_hand_is_left_alone(self, site, running):
        tick(site, ASKED)
        release(site, actor(BOB), running.id, now=ASKED + MINUTE)
        assert keep_time(site, now=RELEASED) == 0

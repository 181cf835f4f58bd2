"""Queue runs: short work in gaps, which never delays a booking."""

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, DANA, NOW, TONIGHT, actor, cluster, request
from delivering import last_row, tick, told
from promises import check_promises
from wanting import HOUR, MINUTE, SECOND, actions, short, wish

from bot.domain.booking import BookingState
from bot.domain.cluster import Quota
from bot.domain.conflict import Conflict
from bot.domain.errors import BadCount, NotAllowed, QuotaExceeded, WrongState
from bot.domain.waitlist import EntryState, OfferState
from bot.services import look, look_waiting
from bot.services.activity import saw_use
from bot.services.answer_offer import accept_offer, decline_offer, expire_offers
from bot.services.drain import drain
from bot.services.edit_waitlist import leave_waitlist
from bot.services.join_waitlist import join_queue, join_waitlist
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.serve_queue import serve_queue

#: The next line of the grid is 83 minutes away.
LINE = NOW + 83 * MINUTE


def queue(site, user=BOB, asked=None, now=NOW):
    return join_queue(site, actor(user), asked or short(), now=now)


def offer_of(site, queued):
    return look_waiting.open_offer_of(site, queued.entry.id)


@pytest.fixture
def busy(site):
    """Alice has all of gpu-01 until the next line."""
    return reserve(site, actor(ALICE), request(4, NOW, 83 / 60, node="gpu-01"), now=NOW)


@pytest.fixture
def planned(site):
    """Alice has all of gpu-01 from the next line on."""
    return reserve(site, actor(ALICE), request(4, LINE, node="gpu-01"), now=NOW)


class TestAtOnce:
    @pytest.mark.parametrize("command", ["make", ""])
    def test_where_there_is_a_gap_it_begins_at_once(self, site, command):
        found = queue(site, asked=short(command=command))
        assert (found.booking.window.start, found.booking.window.end) == (NOW, NOW + 45 * MINUTE)
        assert (found.booking.queued, found.booking.purpose) == (True, command)
        assert found.entry.state is EntryState.BOOKED
        assert actions(site) == ["wait_joined", "queued_run"]
        tick(site, NOW)
        assert look.get_booking(site, found.booking.id).state is BookingState.ACTIVE
        tick(site, NOW + 45 * MINUTE)
        assert look.get_booking(site, found.booking.id).state is BookingState.ENDED
        check_promises(site)

    @pytest.mark.parametrize(("minutes", "begins"), [(83, True), (84, False)])
    def test_only_if_it_ends_before_what_is_booked_begins(self, site, planned, minutes, begins):
        found = queue(site, asked=short(minutes=minutes))
        assert (found.booking is not None) is begins

    def test_the_same_press_twice_is_one_run(self, site):
        first = join_queue(site, actor(BOB), short(), now=NOW, key="press")
        again = join_queue(site, actor(BOB), short(), now=NOW + MINUTE, key="press")
        assert again.booking == first.booking
        assert actions(site).count("queued_run") == 1

    @pytest.mark.parametrize(
        ("user", "asked", "error"),
        [("U0STRANGER", short(), NotAllowed), (BOB, short(5), BadCount)],
    )
    def test_what_could_not_be_booked_cannot_be_queued(self, site, user, asked, error):
        with pytest.raises(error):
            queue(site, user, asked)
        assert look_waiting.waitlist(site) == ()

    def test_a_quota_holds_for_it_too(self, open_site):
        site = open_site(cluster(user_quota=Quota(concurrent_gpus=3)))
        with pytest.raises(QuotaExceeded):
            queue(site)
        assert look_waiting.waitlist(site) == ()


class TestInLine:
    def test_with_a_command_it_begins_by_itself_and_is_told(self, site, busy):
        found = queue(site)
        assert (found.booking, found.entry.state) == (None, EntryState.WAITING)
        mark = last_row(site)
        tick(site, LINE)
        entry = look_waiting.get_entry(site, found.entry.id)
        assert look.get_booking(site, entry.booking).window.start == LINE
        assert told(site, "entry", mark) == [BOB]
        check_promises(site)

    def test_it_begins_in_the_transaction_that_frees_the_gpus(self, site, busy):
        found = queue(site)
        release(site, actor(ALICE), busy.id, now=NOW + MINUTE)
        entry = look_waiting.get_entry(site, found.entry.id)
        assert look.get_booking(site, entry.booking).window.start == NOW + MINUTE

    def test_without_a_command_somebody_has_to_say_that_they_are_there(self, site, busy):
        found = queue(site, asked=short(command=""))
        tick(site, LINE)
        offer = offer_of(site, found)
        now = LINE + 14 * MINUTE
        assert offer.window.end == LINE + 60 * MINUTE
        booking = accept_offer(site, actor(BOB), offer.id, now=now)
        assert (booking.window.start, booking.window.end) == (now, now + 45 * MINUTE)
        assert booking.queued
        check_promises(site)

    def test_a_gap_with_less_time_for_an_answer_is_offered_for_so_long(self, site, busy):
        after = request(4, LINE + 2 * HOUR, node="gpu-01")
        reserve(site, actor(ALICE), after, now=NOW)
        found = queue(site, asked=short(minutes=110, command=""))
        tick(site, LINE)
        offer = offer_of(site, found)
        assert (offer.window.end, offer.expires_at) == (
            LINE + 115 * MINUTE,
            LINE + 5 * MINUTE,
        )
        now = offer.expires_at - SECOND
        booking = accept_offer(site, actor(BOB), offer.id, now=now)
        assert booking.window.end == offer.window.end - SECOND <= after.window.start
        check_promises(site)

    def test_nor_longer_when_nobody_could_read_of_it(self, site, busy):
        found = queue(site, asked=short(command=""))
        serve_queue(site, now=LINE)
        offer = offer_of(site, found)
        expire_offers(site, now=offer.expires_at)
        assert look_waiting.get_offer(site, offer.id).state is OfferState.EXPIRED

    def test_nobody_is_asked_who_would_have_no_time_to_answer(self, site, busy):
        reserve(site, actor(ALICE), request(4, LINE + 2 * HOUR, node="gpu-01"), now=NOW)
        found = queue(site, asked=short(minutes=116, command=""))
        tick(site, LINE)
        assert offer_of(site, found) is None
        assert look_waiting.get_entry(site, found.entry.id).state is EntryState.WAITING

    def test_it_waits_in_order(self, site, busy):
        first, second = queue(site, BOB), queue(site, CHEN, now=NOW + SECOND)
        tick(site, LINE)
        states = [look_waiting.get_entry(site, q.entry.id).state for q in (first, second)]
        assert states == [EntryState.BOOKED, EntryState.WAITING]
        tick(site, LINE + 45 * MINUTE)
        assert look_waiting.get_entry(site, second.entry.id).state is EntryState.BOOKED
        check_promises(site)

    def test_what_does_not_fit_blocks_nobody_behind_it(self, site, busy):
        reserve(site, actor(ALICE), request(2, LINE, node="gpu-01"), now=NOW)
        large, small = queue(site, BOB, short(3)), queue(site, CHEN, short(2))
        tick(site, LINE)
        states = [look_waiting.get_entry(site, q.entry.id).state for q in (large, small)]
        assert states == [EntryState.WAITING, EntryState.BOOKED]

    def test_it_never_delays_a_booking(self, site, busy, planned):
        found = queue(site)
        assert found.booking is None
        for now in (LINE - SECOND, LINE, LINE + MINUTE):
            tick(site, now)
        assert look.get_booking(site, planned.id).window == planned.window
        assert look.get_booking(site, planned.id).state is BookingState.ACTIVE
        assert look_waiting.get_entry(site, found.entry.id).state is EntryState.WAITING

    def test_a_run_yields_to_nobody_while_it_lasts(self, site):
        run = queue(site).booking
        with pytest.raises(Conflict) as refused:
            reserve(site, actor(CHEN), request(4, NOW, 83 / 60, node="gpu-01"), now=NOW)
        assert [held.booking for held in refused.value.blockers] == [run.id]

    def test_whoever_declines_is_left_alone_for_half_an_hour(self, site, busy):
        found = queue(site, asked=short(command=""))
        tick(site, LINE)
        decline_offer(site, actor(BOB), offer_of(site, found).id, now=LINE)
        tick(site, LINE + 29 * MINUTE)
        assert offer_of(site, found) is None
        tick(site, LINE + 30 * MINUTE)
        assert offer_of(site, found) is not None

    def test_one_can_leave(self, site, busy):
        found = queue(site)
        leave_waitlist(site, actor(BOB), found.entry.id, now=NOW)
        tick(site, LINE)
        assert look_waiting.get_entry(site, found.entry.id).state is EntryState.LEFT
        assert look.bookings_of(site, BOB, now=LINE) == ()

    def test_ticking_twice_begins_it_once(self, site, busy):
        queue(site)
        assert [serve_queue(site, now=LINE) for _ in range(2)] == [1, 0]

    def test_windows_and_gaps_are_lines_of_their_own(self, site, busy):
        drain(site, actor(ADMIN), "gpu-02", until=None, reason="fan", now=NOW)
        gaps = [queue(site, user).entry for user in (BOB, CHEN)]
        window = join_waitlist(site, actor(DANA), wish(node="gpu-02"), now=NOW)
        places = [look_waiting.position(site, entry) for entry in (*gaps, window)]
        assert places == [(1, 2), (2, 2), (1, 1)]


def test_a_queue_run_does_not_overrun(site):
    run = queue(site).booking
    tick(site, NOW)
    saw_use(site, run.id, now=run.window.end - MINUTE)
    tick(site, run.window.end)
    assert look.get_booking(site, run.id).state is BookingState.ENDED


def test_what_has_ended_cannot_be_accepted(site, busy):
    found = queue(site, asked=short(command=""))
    tick(site, LINE)
    offer = offer_of(site, found)
    with pytest.raises(WrongState, match="expired"):
        accept_offer(site, actor(BOB), offer.id, now=TONIGHT)

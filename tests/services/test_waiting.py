"""The waitlist: who is served when GPUs are freed, and what becomes of an offer."""

from dataclasses import replace

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, DANA, NODES, NOW, TONIGHT, actor, cluster, request
from delivering import deliver, last_row, tick, told
from promises import check_promises
from wanting import HOUR, MINUTE, SECOND, actions, wish

from bot.domain.booking import Priority
from bot.domain.cluster import Quota
from bot.domain.conflict import Conflict
from bot.domain.errors import NotAllowed, NotFound, QuotaExceeded, TooLong, WrongState
from bot.domain.waitlist import EntryState, OfferState
from bot.services import look, look_waiting
from bot.services.answer_offer import accept_offer, decline_offer, expire_offers
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.edit_waitlist import change_entry, leave_waitlist
from bot.services.join_waitlist import FreeAlready, join_waitlist
from bot.services.keep_time import keep_time
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.resume import resume

EXPIRES = NOW + 15 * MINUTE


@pytest.fixture
def taken(site):
    """Alice has all of gpu-01 tonight and tomorrow."""
    return reserve(site, actor(ALICE), request(4, NOW, 27 + 23 / 60, node="gpu-01"), now=NOW)


def wait(site, user=BOB, asked=None, now=NOW):
    return join_waitlist(site, actor(user), asked or wish(), now=now)


def free(site, taken, now=NOW, gpus=None):
    """Alice gives GPUs back."""
    return release(site, actor(ALICE), taken.id, gpus=gpus, now=now)


def offer_of(site, entry):
    return look_waiting.open_offer_of(site, entry.id)


@pytest.fixture
def entry(site, taken):
    return wait(site)


@pytest.fixture
def offer(site, taken, entry):
    """What Bob is offered, and hears of at once."""
    free(site, taken)
    deliver(site, NOW)
    return offer_of(site, entry)


class TestJoining:
    def test_what_is_free_need_not_be_waited_for(self, site, taken):
        with pytest.raises(FreeAlready) as free:
            wait(site, asked=wish(node="gpu-02"))
        assert free.value.placement.shares[0].node == "gpu-02"
        assert free.value.placement.window.start == NOW
        assert look_waiting.waitlist(site) == ()

    def test_the_same_press_twice_is_one_wish(self, site, taken):
        first = join_waitlist(site, actor(BOB), wish(), now=NOW, key="press")
        assert join_waitlist(site, actor(BOB), wish(), now=NOW, key="press").id == first.id
        assert actions(site).count("wait_joined") == 1

    def test_a_wish_without_a_latest_end_may_begin_within_a_week(self, site):
        drain(site, actor(ADMIN), "gpu-01", until=None, reason="fan", now=NOW)
        found = wait(site, asked=wish(hours=4, latest=None))
        assert found.latest == site.cluster.grid.ceil(NOW + 7 * 24 * HOUR + 4 * HOUR)

    @pytest.mark.parametrize(
        ("asked", "user", "error"),
        [
            (wish(priority=Priority.P0), BOB, NotAllowed),
            (wish(hours=8 * 24), BOB, TooLong),
            (wish(), "U0STRANGER", NotAllowed),
        ],
    )
    def test_what_could_not_be_booked_cannot_be_waited_for(self, site, taken, asked, user, error):
        with pytest.raises(error):
            wait(site, user, asked)


class TestOrder:
    def test_priority_comes_before_age_and_age_before_all_else(self, site, taken):
        young = wait(site, BOB, now=NOW + 2 * MINUTE)
        old = wait(site, CHEN, now=NOW + MINUTE)
        urgent = wait(site, DANA, wish(priority=Priority.P1), now=NOW + 3 * MINUTE)
        places = [look_waiting.position(site, e) for e in (urgent, old, young)]
        assert places == [(1, 3), (2, 3), (3, 3)]
        now = NOW + 4 * MINUTE
        free(site, taken, now)
        starts = [offer_of(site, e).window.start for e in (urgent, old, young)]
        assert starts == sorted(starts)
        assert starts[0] == now

    def test_what_does_not_fit_blocks_nobody_behind_it(self, site, taken):
        large, small = wait(site, BOB, wish(4)), wait(site, CHEN, wish(2))
        free(site, taken, gpus=2)
        assert offer_of(site, large) is None
        assert offer_of(site, small).placement.gpus == 2

    def test_the_same_wish_of_somebody_over_their_quota_blocks_nobody_either(self, open_site):
        site = open_site(cluster(nodes=NODES[:2], user_quota=Quota(open_bookings=1)))
        booked = reserve(site, actor(ALICE), request(4, node="gpu-01"), now=NOW)
        reserve(site, actor(BOB), request(1, node="gpu-02"), now=NOW)
        asked = wish(4, 8, earliest=TONIGHT, latest=TONIGHT + 8 * HOUR)
        over, within = wait(site, BOB, asked), wait(site, CHEN, asked)
        cancel(site, actor(ALICE), booked.id, now=NOW)
        assert (offer_of(site, over), offer_of(site, within).owner) == (None, CHEN)

    @pytest.mark.parametrize("how", ["cancel", "release", "shrink", "resume"])
    def test_whatever_frees_gpus_serves_who_waits_in_the_same_transaction(self, site, how):
        if how == "resume":
            drain(site, actor(ADMIN), "gpu-01", until=None, reason="fan", now=NOW)
        start = TONIGHT if how == "cancel" else NOW
        hours = 27 + 23 / 60 if start == NOW else 16
        if how != "resume":
            taken = reserve(site, actor(ALICE), request(4, start, hours, node="gpu-01"), now=NOW)
        entry = wait(site, asked=wish(1, 4, earliest=TONIGHT, latest=TONIGHT + 6 * HOUR))
        {
            "cancel": lambda: cancel(site, actor(ALICE), taken.id, now=NOW),
            "release": lambda: free(site, taken),
            "shrink": lambda: free(site, taken, gpus=1),
            "resume": lambda: resume(site, actor(ADMIN), "gpu-01", now=NOW),
        }[how]()
        assert offer_of(site, entry).window.start == TONIGHT
        check_promises(site)


class TestOffer:
    def test_it_holds_the_gpus_like_a_booking_until_it_expires(self, site, entry, offer):
        assert (offer.window.start, offer.expires_at) == (NOW, EXPIRES)
        asked = request(4, NOW, 3 + 23 / 60, node="gpu-01")
        with pytest.raises(Conflict) as refused:
            reserve(site, actor(CHEN), asked, now=NOW)
        (held,) = refused.value.blockers
        assert (held.owner, held.held_until, held.booking) == (BOB, EXPIRES, None)
        check_promises(site)

    def test_it_is_told_in_the_channel_and_directly_once(self, site, offer):
        assert sorted(told(site, "offer")) == ["C0VISION", BOB]
        assert actions(site)[-1] == "offered"

    def test_it_expires_sooner_when_its_window_begins_sooner(self, site, taken):
        entry = wait(site, asked=wish(earliest=TONIGHT))
        now = TONIGHT - 10 * MINUTE
        free(site, taken, now)
        assert offer_of(site, entry).expires_at == TONIGHT

    def test_accepting_books_from_now_on_and_twice_is_once(self, site, entry, offer):
        now = NOW + 10 * MINUTE
        booking = accept_offer(site, actor(BOB), offer.id, now=now)
        assert (booking.window.start, booking.window.end) == (now, offer.window.end)
        assert accept_offer(site, actor(BOB), offer.id, now=now + MINUTE) == booking
        assert look_waiting.get_entry(site, entry.id).state is EntryState.BOOKED
        assert look_waiting.get_entry(site, entry.id).booking == booking.id
        assert look_waiting.get_offer(site, offer.id).answered_by == BOB
        assert actions(site).count("offer_accepted") == 1
        check_promises(site)

    @pytest.mark.parametrize("late", [0 * SECOND, 5 * SECOND, HOUR])
    def test_it_cannot_be_accepted_once_it_has_expired(self, site, offer, late):
        with pytest.raises(WrongState, match="expired"):
            accept_offer(site, actor(BOB), offer.id, now=EXPIRES + late)
        assert look.bookings_of(site, BOB, now=NOW) == ()

    def test_in_its_last_second_it_can(self, site, offer):
        assert accept_offer(site, actor(BOB), offer.id, now=EXPIRES - SECOND).owner == BOB

    @pytest.mark.parametrize("answer", [accept_offer, decline_offer])
    @pytest.mark.parametrize("user", [CHEN, DANA, "U0STRANGER"])
    def test_strangers_do_not_answer_for_others(self, site, offer, answer, user):
        with pytest.raises(NotAllowed):
            answer(site, actor(user), offer.id, now=NOW)
        assert look_waiting.get_offer(site, offer.id) == offer

    def test_a_lead_accepts_for_the_owner_who_is_then_the_one_who_books(self, site, offer):
        assert accept_offer(site, actor(ALICE), offer.id, now=NOW).owner == BOB
        assert look_waiting.get_offer(site, offer.id).answered_by == ALICE

    @pytest.mark.parametrize("how", ["decline", "leave", "leave the list", "expire"])
    def test_what_one_does_not_take_goes_to_the_next_in_the_same_transaction(
        self, site, taken, how
    ):
        asked = wish(hours=8, earliest=TONIGHT, latest=TONIGHT + 8 * HOUR)
        first, second = wait(site, BOB, asked), wait(site, CHEN, asked)
        free(site, taken)
        deliver(site, NOW)
        offer, owner = offer_of(site, first), actor(BOB)
        assert offer_of(site, second) is None
        {
            "decline": lambda: decline_offer(site, owner, offer.id, now=NOW),
            "leave": lambda: decline_offer(site, owner, offer.id, leave=True, now=NOW),
            "leave the list": lambda: leave_waitlist(site, owner, first.id, now=NOW),
            "expire": lambda: expire_offers(site, now=EXPIRES),
        }[how]()
        assert offer_of(site, second).window == offer.window
        assert offer_of(site, first) is None
        check_promises(site)

    def test_what_one_declined_is_not_offered_again_nor_anything_before(self, site, entry, offer):
        decline_offer(site, actor(BOB), offer.id, now=NOW)
        assert look_waiting.get_entry(site, entry.id).not_before == offer.window.end
        assert offer_of(site, entry).window.start == offer.window.end

    def test_declining_twice_is_declining_once(self, site, entry, offer):
        first = decline_offer(site, actor(BOB), offer.id, now=NOW)
        assert decline_offer(site, actor(BOB), offer.id, now=NOW) == first
        assert actions(site).count("offer_declined") == 1

    def test_one_can_turn_it_down_and_stop_waiting(self, site, entry, offer):
        decline_offer(site, actor(BOB), offer.id, leave=True, now=NOW)
        assert look_waiting.get_entry(site, entry.id).state is EntryState.LEFT
        check_promises(site)

    @pytest.mark.parametrize(
        ("first", "second", "says"),
        [
            (accept_offer, decline_offer, "was served"),
            (decline_offer, accept_offer, "declined"),
        ],
    )
    def test_the_first_answer_counts(self, site, offer, first, second, says):
        first(site, actor(BOB), offer.id, now=NOW)
        with pytest.raises(WrongState, match=says):
            second(site, actor(BOB), offer.id, now=NOW)

    def test_a_quota_reached_meanwhile_refuses_and_the_offer_stays(self, open_site):
        site = open_site(cluster(user_quota=Quota(open_bookings=1)))
        taken = reserve(site, actor(ALICE), request(4, NOW, 27 + 23 / 60, node="gpu-01"), now=NOW)
        entry = wait(site)
        free(site, taken)
        reserve(site, actor(BOB), request(1, node="gpu-02"), now=NOW)
        with pytest.raises(QuotaExceeded):
            accept_offer(site, actor(BOB), offer_of(site, entry).id, now=NOW)
        assert offer_of(site, entry).is_open(NOW)

    def test_an_offer_that_was_never_made_is_unknown(self, site):
        with pytest.raises(NotFound):
            accept_offer(site, actor(BOB), 99, now=NOW)


class TestExpiry:
    def test_not_a_second_too_soon(self, site, offer):
        tick(site, EXPIRES - SECOND)
        assert look_waiting.get_offer(site, offer.id).state is OfferState.OPEN
        tick(site, EXPIRES)
        assert look_waiting.get_offer(site, offer.id).state is OfferState.EXPIRED

    def test_ticking_twice_passes_it_on_once(self, site, offer):
        assert [expire_offers(site, now=EXPIRES) for _ in range(2)] == [1, 0]
        assert actions(site).count("offer_expired") == 1

    def test_after_two_without_an_answer_one_waits_no_longer_and_is_told(self, site, entry, offer):
        tick(site, EXPIRES)
        again = offer_of(site, entry)
        assert again.window.start >= offer.window.end
        mark = last_row(site)
        tick(site, EXPIRES + 15 * MINUTE)
        assert look_waiting.get_entry(site, entry.id).state is EntryState.LEFT
        assert told(site, "entry", mark) == [BOB]
        assert look_waiting.get_offer(site, again.id).state is OfferState.EXPIRED
        check_promises(site)

    def test_an_answer_in_between_begins_the_count_anew(self, site, entry, offer):
        tick(site, EXPIRES)
        decline_offer(site, actor(BOB), offer_of(site, entry).id, now=EXPIRES)
        assert look_waiting.get_entry(site, entry.id).unanswered == 0

    def test_what_nobody_could_read_does_not_expire(self, site, taken, entry):
        free(site, taken)
        first = offer_of(site, entry)
        now = EXPIRES
        for _ in range(3):
            expire_offers(site, now=now)
            found = look_waiting.get_offer(site, first.id)
            assert (found.state, found.expires_at) == (OfferState.OPEN, now + 15 * MINUTE)
            now = found.expires_at
        deliver(site, now - 5 * MINUTE)
        expire_offers(site, now=now)
        assert look_waiting.get_offer(site, first.id).expires_at == now + 10 * MINUTE
        expire_offers(site, now=now + 10 * MINUTE)
        assert look_waiting.get_offer(site, first.id).state is OfferState.EXPIRED

    def test_nor_what_would_have_begun_long_ago(self, site, taken):
        """A window that begins sooner than an offer lasts is no longer held for it."""
        entry = wait(site, asked=wish(earliest=TONIGHT))
        now = TONIGHT - 10 * MINUTE
        free(site, taken, now)
        found = offer_of(site, entry)
        deliver(site, now)
        expire_offers(site, now=TONIGHT)
        assert look_waiting.get_offer(site, found.id).state is OfferState.EXPIRED

    def test_a_clock_that_jumps_back_expires_nothing(self, site, offer):
        assert keep_time(site, now=NOW - HOUR) == 0
        assert look_waiting.get_offer(site, offer.id) == offer


class TestTheEndOfAWish:
    def test_when_no_window_can_end_in_time_it_expires_with_a_word(self, site, taken, entry):
        tick(site, entry.latest - entry.length + 5 * MINUTE)
        assert look_waiting.get_entry(site, entry.id).state is EntryState.WAITING
        mark = last_row(site)
        tick(site, entry.latest - entry.length + 6 * MINUTE)
        assert look_waiting.get_entry(site, entry.id).state is EntryState.EXPIRED
        assert (told(site, "entry", mark), actions(site)[-1]) == ([BOB], "wait_expired")

    def test_leaving_gives_up_the_offer_and_twice_is_once(self, site, entry, offer):
        left = leave_waitlist(site, actor(BOB), entry.id, now=NOW)
        assert leave_waitlist(site, actor(BOB), entry.id, now=NOW) == left
        assert look_waiting.get_offer(site, offer.id).state is OfferState.WITHDRAWN
        assert (
            reserve(site, actor(CHEN), request(4, NOW, 3 + 23 / 60, node="gpu-01"), now=NOW).owner
            == CHEN
        )
        with pytest.raises(WrongState):
            accept_offer(site, actor(BOB), offer.id, now=NOW)

    def test_strangers_do_not_leave_for_others(self, site, entry):
        with pytest.raises(NotAllowed):
            leave_waitlist(site, actor(CHEN), entry.id, now=NOW)

    def test_what_was_served_cannot_be_left(self, site, entry, offer):
        accept_offer(site, actor(BOB), offer.id, now=NOW)
        with pytest.raises(WrongState, match="served already"):
            leave_waitlist(site, actor(BOB), entry.id, now=NOW)


class TestChanging:
    def test_a_wish_keeps_its_place(self, site, taken, entry):
        second = wait(site, CHEN)
        after = change_entry(site, actor(BOB), entry.id, wish(2), now=NOW + MINUTE)
        assert (after.shape.gpus, after.created_at) == (2, NOW)
        assert look_waiting.position(site, after) == (1, 2)
        assert look_waiting.position(site, second) == (2, 2)

    def test_what_is_free_then_is_said_so_and_it_stays_as_it_was(self, site, taken, entry):
        with pytest.raises(FreeAlready):
            change_entry(site, actor(BOB), entry.id, wish(node="gpu-02"), now=NOW)
        assert look_waiting.get_entry(site, entry.id) == entry

    def test_what_was_on_offer_goes_to_the_next(self, site, taken, entry):
        asked = wish(hours=8, earliest=TONIGHT, latest=TONIGHT + 8 * HOUR)
        change_entry(site, actor(BOB), entry.id, asked, now=NOW)
        second = wait(site, CHEN, asked)
        free(site, taken)
        assert offer_of(site, second) is None
        busy = request(4, TONIGHT + 8 * HOUR, 20, node="gpu-01")
        reserve(site, actor(ALICE), busy, now=NOW)
        other = wish(hours=8, earliest=TONIGHT + 8 * HOUR, latest=TONIGHT + 16 * HOUR)
        change_entry(site, actor(BOB), entry.id, other, now=NOW)
        assert offer_of(site, entry) is None
        assert offer_of(site, second).window.start == TONIGHT
        check_promises(site)

    def test_what_was_on_offer_is_offered_anew_to_whoever_wants_less_of_it(self, site, taken):
        asked = wish(hours=8, earliest=TONIGHT, latest=TONIGHT + 8 * HOUR)
        entry = wait(site, BOB, asked)
        free(site, taken)
        offer = offer_of(site, entry)
        less = replace(asked, shape=replace(asked.shape, gpus=2))
        change_entry(site, actor(BOB), entry.id, less, now=NOW)
        assert look_waiting.get_offer(site, offer.id).state is OfferState.WITHDRAWN
        assert offer_of(site, entry).placement.gpus == 2
        check_promises(site)

    def test_strangers_do_not_change_it(self, site, entry):
        with pytest.raises(NotAllowed):
            change_entry(site, actor(CHEN), entry.id, wish(2), now=NOW)


def test_who_was_served_waits_no_longer(site, entry, offer):
    assert look_waiting.waitlist_of(site, BOB) == (look_waiting.get_entry(site, entry.id),)
    accept_offer(site, actor(BOB), offer.id, now=NOW)
    assert look_waiting.waitlist_of(site, BOB) == ()
    assert look_waiting.position(site, look_waiting.get_entry(site, entry.id)) == (0, 0)


def test_a_question_about_gpus_knows_how_many_others_wait(site, taken):
    for user in (BOB, CHEN, BOB):
        wait(site, user)
    wait(site, ALICE)
    with pytest.raises(FreeAlready):
        wait(site, DANA, wish(node="gpu-02"))
    assert look_waiting.waiting_for(site, taken) == 2

"""Cancel, release, extend, move: what they give back, what they take, and who may."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, DANA, NOW, TONIGHT, actor, cluster, request, window
from sqlalchemy import text

from bot.domain.booking import BookingState, Priority, Share
from bot.domain.conflict import Conflict
from bot.domain.errors import (
    BadCount,
    BadLength,
    NotAllowed,
    NotFound,
    ReasonNeeded,
    TooLong,
    WrongState,
)
from bot.services import look
from bot.services.cancel import cancel
from bot.services.extend import ExtendConflict, extend
from bot.services.move import move
from bot.services.release import release, without
from bot.services.reserve import reserve

HOUR = timedelta(hours=1)
RUNNING = TONIGHT + 3 * HOUR


def free(site, node, *, at=TONIGHT, now=NOW):
    return next(s.free for s in look.status(site, at=at, now=now) if s.node.name == node)


@pytest.fixture
def booking(site):
    """Bob's booking of all of gpu-01, tonight for eight hours."""
    return reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)


class TestCancel:
    def test_the_gpus_are_free_again(self, site, booking):
        assert free(site, "gpu-01") == 0
        assert cancel(site, actor(BOB), booking.id, now=NOW).state is BookingState.CANCELLED
        assert free(site, "gpu-01") == 4

    def test_the_same_press_twice_is_one_cancellation(self, site, booking):
        cancel(site, actor(BOB), booking.id, now=NOW, key="press")
        again = cancel(site, actor(BOB), booking.id, now=NOW, key="press")
        assert again.state is BookingState.CANCELLED
        assert [r.action for r in look.history(site, booking.id)] == ["reserved", "cancelled"]

    def test_cancelling_again_says_that_it_is_cancelled_already(self, site, booking):
        cancel(site, actor(BOB), booking.id, now=NOW)
        with pytest.raises(WrongState, match="cancelled already"):
            cancel(site, actor(BOB), booking.id, now=NOW)

    def test_a_running_booking_is_released_not_cancelled(self, site, booking):
        with pytest.raises(WrongState, match="/gpu release B"):
            cancel(site, actor(BOB), booking.id, now=RUNNING)

    @pytest.mark.parametrize("user", [CHEN, DANA])
    def test_people_of_other_teams_may_not(self, site, booking, user):
        with pytest.raises(NotAllowed):
            cancel(site, actor(user), booking.id, reason="mine now", now=NOW)
        assert free(site, "gpu-01") == 0

    @pytest.mark.parametrize("user", [ALICE, ADMIN])
    def test_a_lead_or_admin_needs_a_reason_and_the_owner_hears_it(self, site, booking, user):
        with pytest.raises(ReasonNeeded):
            cancel(site, actor(user), booking.id, now=NOW)
        cancel(site, actor(user), booking.id, reason="maintenance", now=NOW)
        with site.database.snapshot() as connection:
            notice = connection.execute(
                text("SELECT recipient FROM outbox WHERE topic = 'notice'")
            ).scalar_one()
        assert notice == BOB
        assert look.history(site, booking.id)[-1].reason == "maintenance"

    def test_an_unknown_booking_is_said_to_be_unknown(self, site):
        with pytest.raises(NotFound, match="B999"):
            cancel(site, actor(BOB), 999, now=NOW)


class TestRelease:
    def test_all_gpus_are_given_back_from_now_on(self, site, booking):
        after = release(site, actor(BOB), booking.id, now=RUNNING)
        assert (after.state, after.window.end) == (BookingState.ENDED, RUNNING)
        assert free(site, "gpu-01", at=RUNNING, now=RUNNING) == 4

    def test_the_rest_of_an_early_release_can_be_booked_from_now(self, site, booking):
        release(site, actor(BOB), booking.id, now=RUNNING)
        rest = request(4, RUNNING, 5, node="gpu-01")
        assert reserve(site, actor(CHEN), rest, now=RUNNING).window == window(RUNNING, 5)

    def test_some_gpus_are_given_back_and_the_booking_goes_on(self, site, booking):
        after = release(site, actor(BOB), booking.id, gpus=3, now=RUNNING)
        assert (after.gpus, after.shares, after.state.is_live) == (1, (Share("gpu-01", 1),), True)
        assert free(site, "gpu-01", at=RUNNING, now=RUNNING) == 3
        done = release(site, actor(BOB), booking.id, now=RUNNING + HOUR)
        assert done.state is BookingState.ENDED
        assert free(site, "gpu-01", at=RUNNING + HOUR, now=RUNNING + HOUR) == 4

    def test_released_in_the_second_of_its_start_it_holds_nothing(self, site, booking):
        release(site, actor(BOB), booking.id, now=TONIGHT)
        assert free(site, "gpu-01", at=TONIGHT, now=TONIGHT) == 4

    @pytest.mark.parametrize("gpus", [0, -1, 5])
    def test_a_count_it_does_not_have_is_refused(self, site, booking, gpus):
        with pytest.raises(BadCount):
            release(site, actor(BOB), booking.id, gpus=gpus, now=RUNNING)

    def test_before_the_start_it_is_cancelled_not_released(self, site, booking):
        with pytest.raises(WrongState, match="/gpu cancel B"):
            release(site, actor(BOB), booking.id, now=NOW)

    def test_after_the_end_there_is_nothing_to_release(self, site, booking):
        with pytest.raises(WrongState, match="over"):
            release(site, actor(BOB), booking.id, now=booking.window.end)

    @pytest.mark.parametrize(
        ("shares", "gpus", "left"),
        [
            ([("a", 4)], 1, [("a", 3)]),
            ([("a", 4), ("b", 4)], 4, [("b", 4)]),
            ([("a", 4), ("b", 1)], 2, [("a", 3)]),
            ([("a", 2), ("b", 2)], 3, [("b", 1)]),
        ],
    )
    def test_the_smallest_shares_are_emptied_first(self, shares, gpus, left):
        assert without(tuple(Share(*s) for s in shares), gpus) == tuple(Share(*s) for s in left)


class TestExtend:
    def test_the_end_moves_and_the_gpus_stay(self, site, booking):
        after = extend(site, actor(BOB), booking.id, 4 * HOUR, now=RUNNING)
        assert (after.window, after.shares) == (window(TONIGHT, 12), booking.shares)
        assert free(site, "gpu-01", at=TONIGHT + 11 * HOUR) == 0
        assert free(site, "gpu-01", at=TONIGHT + 12 * HOUR) == 4

    def test_a_length_off_the_grid_is_rounded_up(self, site, booking):
        after = extend(site, actor(BOB), booking.id, timedelta(minutes=30), now=NOW)
        assert after.window == window(TONIGHT, 10)

    @pytest.mark.parametrize("minutes", [1, 5, 6])
    def test_a_few_minutes_are_a_slot_too(self, site, booking, minutes):
        after = extend(site, actor(BOB), booking.id, timedelta(minutes=minutes), now=NOW)
        assert after.window == window(TONIGHT, 10)

    def test_an_extended_booking_is_one_holder_and_one_entry(self, site, booking):
        for _ in range(3):
            extend(site, actor(BOB), booking.id, 2 * HOUR, now=NOW)
        later = reserve(site, actor(CHEN), request(1, TONIGHT + 14 * HOUR, node="gpu-01"), now=NOW)
        at = TONIGHT - HOUR
        (status,) = (s for s in look.status(site, at=at, now=NOW) if s.node.name == "gpu-01")
        assert [b.id for b in status.upcoming] == [booking.id, later.id]
        with pytest.raises(Conflict) as refused:
            reserve(site, actor(CHEN), request(4, hours=20, node="gpu-01"), now=NOW)
        assert [b.booking for b in refused.value.blockers] == [booking.id, later.id]

    def test_it_never_takes_what_is_promised_to_somebody_else(self, site, booking):
        next_one = reserve(
            site, actor(CHEN), request(4, TONIGHT + 12 * HOUR, node="gpu-01"), now=NOW
        )
        with pytest.raises(ExtendConflict) as refused:
            extend(site, actor(BOB), booking.id, 8 * HOUR, now=RUNNING)
        assert refused.value.longest == 4 * HOUR
        assert [b.booking for b in refused.value.blockers] == [next_one.id]
        assert look.get_booking(site, booking.id) == booking

    def test_before_its_start_a_booking_may_change_the_node_to_grow(self, site):
        first = reserve(site, actor(BOB), request(4, model="V100"), now=NOW)
        reserve(site, actor(CHEN), request(4, TONIGHT + 8 * HOUR, node=first.nodes[0]), now=NOW)
        after = extend(site, actor(BOB), first.id, 4 * HOUR, now=NOW)
        assert after.nodes == ("gpu-02",)
        assert free(site, "gpu-01") == 4

    def test_the_longest_length_holds_for_extensions_too(self, site, booking):
        with pytest.raises(TooLong):
            extend(site, actor(BOB), booking.id, timedelta(days=7) - 6 * HOUR, now=NOW)
        week = extend(site, actor(BOB), booking.id, timedelta(days=7) - 8 * HOUR, now=NOW)
        assert week.window.length == timedelta(days=7)

    @pytest.mark.parametrize("length", [timedelta(0), -HOUR])
    def test_nothing_is_extended_by_nothing(self, site, booking, length):
        with pytest.raises(BadLength):
            extend(site, actor(BOB), booking.id, length, now=NOW)

    def test_what_is_over_cannot_be_extended(self, site, booking):
        with pytest.raises(WrongState):
            extend(site, actor(BOB), booking.id, HOUR, now=booking.window.end)

    def test_extend_then_partial_release_then_release_leaves_nothing_taken(self, site, booking):
        extend(site, actor(BOB), booking.id, 4 * HOUR, now=RUNNING)
        release(site, actor(BOB), booking.id, gpus=1, now=RUNNING + HOUR)
        release(site, actor(BOB), booking.id, now=RUNNING + 2 * HOUR)
        later = RUNNING + 2 * HOUR
        assert free(site, "gpu-01", at=later, now=later) == 4
        assert free(site, "gpu-01", at=TONIGHT + 10 * HOUR, now=later) == 4


class TestMove:
    def test_it_may_overlap_where_it_was(self, site, booking):
        after = move(site, actor(BOB), booking.id, TONIGHT + 2 * HOUR, now=NOW)
        assert after.window == window(TONIGHT + 2 * HOUR)
        assert free(site, "gpu-01") == 4

    def test_where_it_does_not_fit_it_stays_and_alternatives_are_offered(self, site, booking):
        later = TONIGHT + 24 * HOUR
        reserve(site, actor(CHEN), request(4, later, node="gpu-01"), now=NOW)
        with pytest.raises(Conflict) as refused:
            move(site, actor(BOB), booking.id, later, now=NOW)
        assert refused.value.alternatives
        assert look.get_booking(site, booking.id) == booking
        assert free(site, "gpu-01") == 0

    def test_it_is_not_in_its_own_way(self, site, booking):
        other = reserve(site, actor(CHEN), request(4, TONIGHT + 10 * HOUR, node="gpu-01"), now=NOW)
        with pytest.raises(Conflict) as refused:
            move(site, actor(BOB), booking.id, TONIGHT + 4 * HOUR, now=NOW)
        assert [b.booking for b in refused.value.blockers] == [other.id]
        starts = [a.parts[0].window.start for a in refused.value.alternatives]
        assert TONIGHT + 2 * HOUR in starts

    def test_to_where_it_is_nothing_happens(self, site, booking):
        with pytest.raises(WrongState, match="already"):
            move(site, actor(BOB), booking.id, TONIGHT, now=NOW)

    def test_over_clock_changes_and_back_it_keeps_its_length(self, open_site):
        berlin = replace(cluster(), zone=ZoneInfo("Europe/Berlin"), zone_name="Europe/Berlin")
        site = open_site(berlin)
        now = datetime(2027, 3, 20, 12, tzinfo=UTC)
        plain = datetime(2027, 3, 26, 21, tzinfo=UTC)  # 22:00 in Berlin
        booking = reserve(site, actor(BOB), request(1, plain), now=now)
        changing = datetime(2027, 3, 27, 21, tzinfo=UTC)  # the night in which clocks go forward
        for start in (changing, plain, changing, plain):
            booking = move(site, actor(BOB), booking.id, start, now=now)
        assert booking.window == window(plain)

    def test_to_now(self, site, booking):
        after = move(site, actor(BOB), booking.id, None, now=NOW)
        assert after.window.start == NOW
        assert site.cluster.grid.is_on(after.window.end)

    def test_a_running_booking_cannot_move(self, site, booking):
        with pytest.raises(WrongState):
            move(site, actor(BOB), booking.id, TONIGHT + 24 * HOUR, now=RUNNING)


def test_a_key_is_one_persons_key_for_one_act(site, booking):
    other = reserve(site, actor(CHEN), request(1), now=NOW, key="k")
    assert reserve(site, actor(DANA), request(1), now=NOW, key="k").owner == DANA
    with pytest.raises(NotAllowed):
        cancel(site, actor(DANA), booking.id, now=NOW, key="k")
    assert cancel(site, actor(CHEN), other.id, now=NOW, key="k").state is BookingState.CANCELLED
    assert extend(site, actor(BOB), booking.id, 2 * HOUR, now=NOW, key="k").window.length


def test_reasons_are_kept_on_one_line_without_control_characters(site, booking):
    cancel(site, actor(ALICE), booking.id, reason="node\u202e\n\x00needed\ud800", now=NOW)
    assert look.history(site, booking.id)[-1].reason == "node needed"


def test_p0_work_grows_only_while_its_owner_may_hold_it(open_site):
    site = open_site(cluster())
    urgent = reserve(site, actor(ALICE), request(1, priority=Priority.P0), now=NOW)
    later = open_site(replace(cluster(), urgent=frozenset()))
    with pytest.raises(NotAllowed):
        extend(later, actor(ALICE), urgent.id, 2 * HOUR, now=NOW)
    with pytest.raises(NotAllowed):
        move(later, actor(ALICE), urgent.id, TONIGHT + 2 * HOUR, now=NOW)


def test_a_quota_counts_a_changed_booking_once(open_site):
    from bot.domain.cluster import Quota

    site = open_site(cluster(user_quota=Quota(concurrent_gpus=4, open_bookings=1)))
    booking = reserve(site, actor(BOB), request(4), now=NOW)
    extend(site, actor(BOB), booking.id, 2 * HOUR, now=NOW)
    assert move(site, actor(BOB), booking.id, TONIGHT + 2 * HOUR, now=NOW).gpus == 4

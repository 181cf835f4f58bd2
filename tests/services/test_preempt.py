"""Urgent work takes GPUs from preemptible work: who goes, what they are told, what is kept."""

from datetime import timedelta

import pytest
from builders import (
    ALICE,
    BOB,
    CHEN,
    DANA,
    NODES,
    NOW,
    TONIGHT,
    actor,
    cluster,
    request,
    window,
)
from delivering import last_row, tick, told
from promises import check_promises
from wanting import GONE, HOUR, LATER, MINUTE, SECOND, actions, take, urgent, wish

from bot.domain.booking import BookingState, Priority
from bot.domain.cluster import Notify
from bot.domain.errors import NotAllowed, ReasonNeeded, WrongState
from bot.domain.preemption_notice import PreemptionState
from bot.domain.transfer import TransferState
from bot.services import look, look_waiting
from bot.services.activity import saw_use
from bot.services.answer_transfer import accept_transfer
from bot.services.cancel import cancel
from bot.services.extend import ExtendConflict, extend
from bot.services.join_waitlist import join_waitlist
from bot.services.move import move
from bot.services.preempt import CannotPreempt, PlanChanged, preview_preemption
from bot.services.reserve import reserve
from bot.services.transfer import offer_transfer
from bot.store import queries

A100 = {"node": "gpu-03"}
SMALL = NODES[:1]


@pytest.fixture
def running(site):
    """Bob runs on all of gpu-03, from tonight on for eight hours."""
    booking = reserve(site, actor(BOB), request(8, node="gpu-03"), now=NOW)
    tick(site, TONIGHT)
    return look.get_booking(site, booking.id)


@pytest.fixture
def planned(site):
    """Bob's night on gpu-03 has not begun."""
    return reserve(site, actor(BOB), request(8, TONIGHT + 4 * HOUR, node="gpu-03"), now=NOW)


class TestWhoMay:
    def test_only_people_with_the_urgent_role(self, site, running):
        with pytest.raises(NotAllowed, match="urgent role"):
            preview_preemption(site, actor(BOB), urgent(**A100), now=LATER)
        with pytest.raises(NotAllowed, match="urgent role"):
            take(site, urgent(**A100), user=CHEN)
        assert look.get_booking(site, running.id) == running

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_only_with_a_reason(self, site, running, reason):
        with pytest.raises(ReasonNeeded):
            take(site, urgent(**A100), reason=reason)
        assert look.get_booking(site, running.id) == running

    @pytest.mark.parametrize(
        "firm",
        [
            request(8, node="gpu-03", priority=Priority.P1),
            request(8, node="gpu-03", priority=Priority.P0),
        ],
    )
    def test_never_over_firm_work_which_is_named_with_alternatives(self, site, firm):
        owner = ALICE if firm.priority is Priority.P0 else BOB
        kept = reserve(site, actor(owner), firm, now=NOW)
        with pytest.raises(CannotPreempt) as refused:
            take(site, urgent(**A100))
        assert [blocker.booking for blocker in refused.value.blockers] == [kept.id]
        assert refused.value.alternatives

    @pytest.mark.parametrize("wait", [0 * HOUR, 5 * HOUR])
    def test_whoever_is_warned_gives_way_no_further(self, site, running, wait):
        start = LATER + wait
        first = take(site, urgent(8, start, **A100))
        known = look.get_booking(site, running.id)
        with pytest.raises(CannotPreempt) as refused:
            take(site, urgent(8, LATER + MINUTE, 3 - 1 / 60, **A100), now=LATER + MINUTE)
        named = [blocker.booking for blocker in refused.value.blockers]
        assert {first.booking.id, running.id} & set(named)
        assert look.get_booking(site, running.id) == known


class TestPreview:
    def test_it_shows_whose_work_would_go_since_when_and_the_earliest_start(self, site, running):
        preview = preview_preemption(site, actor(ALICE), urgent(**A100), now=LATER)
        (loss,) = preview.losses
        assert (loss.booking, loss.running, loss.gpu_hours) == (running, True, 8.0)
        assert (preview.starts_at, preview.reclaim_at, loss.moves_to) == (GONE, GONE, None)

    def test_it_shows_where_work_that_has_not_begun_would_move(self, site, planned):
        asked = urgent(start=TONIGHT + 4 * HOUR, **A100)
        preview = preview_preemption(site, actor(ALICE), asked, now=NOW)
        (loss,) = preview.losses
        assert (loss.running, loss.gpu_hours) == (False, 0.0)
        assert loss.moves_to.window.start == asked.window.end
        assert (preview.starts_at, preview.reclaim_at) == (asked.window.start, None)

    def test_it_changes_nothing(self, site, running):
        done, mark = actions(site), last_row(site)
        preview_preemption(site, actor(ALICE), urgent(**A100), now=LATER)
        assert (actions(site), last_row(site)) == (done, mark)
        assert look.get_booking(site, running.id) == running
        check_promises(site)

    def test_what_is_free_costs_nobody_anything(self, site, running):
        preview = preview_preemption(site, actor(ALICE), urgent(), now=LATER)
        assert (preview.losses, preview.starts_at) == ((), LATER)


class TestRunningWork:
    def test_it_is_warned_half_an_hour_ahead_in_the_channel_and_directly(self, site, running):
        mark = last_row(site)
        done = take(site, urgent(**A100))
        (preemption,) = done.preemptions
        assert (preemption.state, preemption.reclaim_at) == (PreemptionState.WARNED, GONE)
        assert look.get_booking(site, running.id).window == window(TONIGHT, 1.5)
        assert done.booking.window.start == GONE
        assert sorted(told(site, "warning", mark)) == ["C0VISION", BOB]
        assert told(site, "notice", mark) == []
        assert actions(site)[-2:] == ["took", "warned"]
        check_promises(site)

    @pytest.mark.parametrize(
        ("notify", "recipients"),
        [
            (Notify.BOTH, ["C0VISION", BOB]),
            (Notify.CHANNEL, ["C0VISION"]),
            (Notify.DIRECT, [BOB]),
        ],
    )
    def test_where_warnings_go_is_policy(self, open_site, notify, recipients):
        site = open_site(cluster(notify=notify))
        reserve(site, actor(BOB), request(8, TONIGHT, node="gpu-03"), now=NOW)
        take(site, urgent(**A100))
        assert sorted(told(site, "warning")) == recipients

    @pytest.mark.parametrize(
        ("start", "reclaim_at"),
        [
            (LATER, GONE),
            (TONIGHT + 2 * HOUR, TONIGHT + 2 * HOUR),
            (TONIGHT + 6 * HOUR, TONIGHT + 6 * HOUR),
        ],
    )
    def test_it_keeps_its_gpus_until_they_are_asked_for(self, site, running, start, reclaim_at):
        (preemption,) = take(site, urgent(start=start, **A100)).preemptions
        assert preemption.reclaim_at == reclaim_at
        assert look.get_booking(site, running.id).window.end == reclaim_at

    def test_the_end_of_a_warning_is_a_full_minute(self, site, running):
        now = LATER + 7 * SECOND
        (preemption,) = take(site, urgent(**A100), now=now).preemptions
        assert preemption.reclaim_at == GONE + MINUTE

    def test_at_the_promised_instant_the_gpus_pass_on_and_not_sooner(self, site, running):
        done = take(site, urgent(8, **A100))
        tick(site, GONE - SECOND)
        assert look.get_booking(site, running.id).state is BookingState.ACTIVE
        tick(site, GONE)
        assert look.get_booking(site, running.id).state is BookingState.PREEMPTED
        begun = look.get_booking(site, done.booking.id)
        assert (begun.state, begun.gpu_ids) == (
            BookingState.ACTIVE,
            (("gpu-03", tuple(range(8))),),
        )
        assert actions(site)[-2:] == ["reclaimed", "started"]

    def test_it_cannot_be_extended_into_the_preemption_and_hears_who_takes(self, site, running):
        done = take(site, urgent(**A100))
        with pytest.raises(ExtendConflict) as refused:
            extend(site, actor(BOB), running.id, 2 * HOUR, now=LATER)
        assert done.booking.id in [blocker.booking for blocker in refused.value.blockers]
        assert refused.value.longest == timedelta(0)
        assert "its GPUs are reclaimed for urgent work" in str(refused.value)

    def test_whoever_it_is_handed_to_gets_the_warning(self, site, running):
        transfer = offer_transfer(site, actor(BOB), running.id, DANA, now=LATER)
        take(site, urgent(**A100))
        mark = last_row(site)
        accept_transfer(site, actor(DANA), transfer.id, now=LATER + MINUTE)
        assert sorted(told(site, "warning", mark)) == ["C0NLP", "C0VISION", BOB, DANA]
        tick(site, GONE)
        assert look.get_booking(site, running.id).state is BookingState.PREEMPTED

    def test_whole_nodes_warn_everybody_on_them(self, site):
        for node in ("gpu-01", "gpu-02"):
            reserve(site, actor(BOB), request(4, node=node), now=NOW)
        tick(site, TONIGHT)
        done = take(site, urgent(8, model="V100"))
        assert {p.state for p in done.preemptions} == {PreemptionState.WARNED}
        assert (len(done.preemptions), done.booking.nodes) == (2, ("gpu-01", "gpu-02"))


class TestWorkThatHasNotBegun:
    START = TONIGHT + 4 * HOUR

    def test_it_goes_before_running_work(self, site):
        ran = reserve(site, actor(BOB), request(4, node="gpu-01", hours=8), now=NOW)
        other = reserve(
            site, actor(CHEN), request(4, TONIGHT + 2 * HOUR, 6, node="gpu-02"), now=NOW
        )
        tick(site, TONIGHT)
        done = take(site, urgent(start=TONIGHT + 2 * HOUR, hours=2, model="V100"))
        assert [p.preemptee for p in done.preemptions] == [other.id]
        assert look.get_booking(site, ran.id).window.end == TONIGHT + 8 * HOUR

    def test_it_keeps_its_time_where_another_node_has_room(self, site):
        planned = reserve(site, actor(BOB), request(4, model="V100"), now=NOW)
        done = take(site, urgent(4, TONIGHT, 2, node=planned.nodes[0]), now=NOW)
        after = look.get_booking(site, planned.id)
        assert (after.window, after.nodes) == (planned.window, ("gpu-02",))
        assert done.booking.nodes == planned.nodes

    def test_else_it_moves_to_the_next_window_and_is_told_once(self, site, planned):
        mark = last_row(site)
        asked = urgent(start=self.START, hours=2, **A100)
        (preemption,) = take(site, asked, now=NOW).preemptions
        after = look.get_booking(site, planned.id)
        assert after.window == window(self.START + 2 * HOUR, 8) == preemption.new_window
        assert preemption.state is PreemptionState.MOVED
        assert sorted(told(site, "moved", mark)) == ["C0VISION", BOB]
        assert told(site, "notice", mark) == told(site, "warning", mark) == []
        check_promises(site)

    @pytest.mark.parametrize(("minutes", "moves"), [(30, True), (29, False)])
    def test_or_to_the_last_earlier_one_that_leaves_time_for_a_warning(
        self, open_site, minutes, moves
    ):
        site = open_site(cluster(nodes=SMALL, horizon=6 * HOUR))
        earlier = self.START - 2 * HOUR
        now = earlier - minutes * MINUTE
        planned = reserve(site, actor(BOB), request(4, self.START, 2), now=now)
        firm = request(4, self.START + 2 * HOUR, 20, priority=Priority.P1)
        reserve(site, actor(CHEN), firm, now=now)
        take(site, urgent(start=self.START), now=now)
        after = look.get_booking(site, planned.id)
        assert (after.window.start == earlier) is moves
        assert after.state is (BookingState.RESERVED if moves else BookingState.PREEMPTED)

    def test_where_nothing_is_left_it_is_lost_and_told_so(self, open_site):
        site = open_site(cluster(nodes=SMALL, horizon=4 * HOUR))
        planned = reserve(site, actor(BOB), request(4, self.START, 2), now=TONIGHT)
        for start in (TONIGHT, self.START + 2 * HOUR):
            firm = request(4, start, 4, priority=Priority.P1)
            reserve(site, actor(CHEN), firm, now=start - 4 * HOUR)
        transfer = offer_transfer(site, actor(BOB), planned.id, ALICE, now=TONIGHT)
        (preemption,) = take(site, urgent(start=self.START, hours=2), now=TONIGHT).preemptions
        assert preemption.state is PreemptionState.LOST
        assert look.get_booking(site, planned.id).state is BookingState.PREEMPTED
        assert sorted(told(site, "moved")) == ["C0VISION", BOB]
        assert actions(site)[-3:] == ["took", "lost_to_urgent", "transfer_withdrawn"]
        assert look.get_transfer(site, transfer.id).state is TransferState.WITHDRAWN

    def test_two_that_give_way_do_not_get_the_same_window(self, site):
        bookings = [
            reserve(site, actor(user), request(8, self.START + wait, 2, node="gpu-03"), now=NOW)
            for user, wait in ((BOB, 0 * HOUR), (CHEN, 2 * HOUR))
        ]
        take(site, urgent(8, self.START, 4, node="gpu-03"), now=NOW)
        check_promises(site)
        moved = [look.get_booking(site, booking.id).window.start for booking in bookings]
        assert moved == [self.START + 4 * HOUR, self.START + 6 * HOUR]


class TestWhatChangedMeanwhile:
    def test_somebody_else_than_agreed_needs_another_look(self, site, running):
        with pytest.raises(PlanChanged) as changed:
            take(site, urgent(**A100), expected=set())
        assert [loss.booking.id for loss in changed.value.preview.losses] == [running.id]
        assert look.get_booking(site, running.id) == running
        with site.database.snapshot() as connection:
            assert queries.preemptions_of(connection, preemptee=running.id) == []

    def test_fewer_than_agreed_need_no_other_look(self, site, running):
        other = reserve(site, actor(CHEN), request(4, node="gpu-01"), now=NOW)
        done = take(site, urgent(**A100), expected={running.id, other.id})
        assert [p.preemptee for p in done.preemptions] == [running.id]

    def test_what_has_just_ended_is_simply_booked(self, site, running):
        asked = urgent(8, running.window.end - 2 * HOUR, 6, **A100)
        preview = preview_preemption(site, actor(ALICE), asked, now=asked.window.start)
        assert [loss.booking.id for loss in preview.losses] == [running.id]
        now = running.window.end
        done = take(site, asked, now=now, expected={running.id})
        assert (done.preemptions, done.booking.window.start) == ((), now)
        assert actions(site, done.booking.id) == ["reserved"]

    def test_others_who_came_after_it_are_not_taken_without_a_look(self, site, planned):
        asked = urgent(8, TONIGHT + 4 * HOUR, 2, **A100)
        cancel(site, actor(BOB), planned.id, now=NOW)
        other = reserve(site, actor(CHEN), request(8, TONIGHT + 4 * HOUR, node="gpu-03"), now=NOW)
        with pytest.raises(PlanChanged) as changed:
            take(site, asked, now=NOW, expected={planned.id})
        assert [loss.booking.id for loss in changed.value.preview.losses] == [other.id]

    def test_the_same_press_twice_is_one_preemption(self, site, running):
        first = take(site, urgent(**A100), key="press")
        again = take(site, urgent(**A100), key="press", now=LATER + MINUTE)
        assert again.booking.id == first.booking.id
        assert again.preemptions == first.preemptions
        assert actions(site).count("took") == 1

    def test_a_preemptor_is_not_moved_away_from_what_it_takes(self, site, running):
        done = take(site, urgent(start=TONIGHT + 4 * HOUR, **A100))
        with pytest.raises(WrongState, match="takes GPUs from others"):
            move(site, actor(ALICE), done.booking.id, TONIGHT + 6 * HOUR, now=LATER)


class TestWhatIsKept:
    def test_the_waitlist_cannot_have_what_a_holder_would_get_back(self, site, running):
        take(site, urgent(4, **A100))
        entry = join_waitlist(
            site, actor(CHEN), wish(4, 2, node="gpu-03", latest=TONIGHT + 6 * HOUR), now=LATER
        )
        tick(site, GONE - SECOND)
        assert look_waiting.open_offer_of(site, entry.id) is None
        tick(site, GONE)
        offer = look_waiting.open_offer_of(site, entry.id)
        assert (offer.shares[0].node, offer.window.start) == ("gpu-03", GONE)

    def test_nobody_can_book_it_either_and_a_refusal_says_for_whom_it_is_kept(self, site, running):
        done = take(site, urgent(4, **A100))
        with pytest.raises(Exception, match="not free") as refused:
            reserve(site, actor(CHEN), request(8, TONIGHT + 2 * HOUR, 4, node="gpu-03"), now=LATER)
        kept = [b for b in refused.value.blockers if b.booking != done.booking.id]
        assert [(b.owner, b.held_until) for b in kept] == [(BOB, GONE)]


def test_urgent_work_ends_an_overrun_like_any_other_work(open_site):
    site = open_site(cluster(nodes=SMALL))
    firm = reserve(site, actor(BOB), request(4, hours=8, priority=Priority.P1), now=NOW)
    tick(site, TONIGHT)
    end = firm.window.end
    saw_use(site, firm.id, now=end - MINUTE)
    tick(site, end)
    done = take(site, urgent(4, end, 4), now=end + MINUTE, expected=set())
    assert done.booking.window.start == end + 31 * MINUTE
    assert look.get_booking(site, firm.id).window.end == end + 31 * MINUTE

"""When urgent work comes to nothing, everybody who gave way has everything back and is told."""

import pytest
from builders import (
    ADMIN,
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
from wanting import GONE, HOUR, LATER, MINUTE, actions, short, take, urgent, wish

from bot.domain.booking import BookingState, Priority
from bot.domain.conflict import Conflict
from bot.domain.errors import WrongState
from bot.domain.preemption_notice import PreemptionState
from bot.domain.window import Window
from bot.services import look, look_waiting
from bot.services.answer_transfer import accept_transfer
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.extend import ExtendConflict, extend
from bot.services.join_waitlist import join_queue, join_waitlist
from bot.services.move import move
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
START = TONIGHT + 4 * HOUR
SOON = LATER + MINUTE


def call_off(site, done, now=SOON):
    cancel(site, actor(ALICE), done.booking.id, now=now)
    check_promises(site)


def preemption(site, done):
    return look_waiting.get_preemption(site, done.preemptions[0].id)


class TestRunning:
    @pytest.fixture
    def running(self, site):
        booking = reserve(site, actor(BOB), request(8, node="gpu-03"), now=NOW)
        tick(site, TONIGHT)
        return look.get_booking(site, booking.id)

    @pytest.fixture
    def done(self, site, running):
        return take(site, urgent(4, **A100))

    def test_it_runs_on_to_its_old_end_on_the_same_gpus(self, site, running, done):
        mark = last_row(site)
        call_off(site, done)
        after = look.get_booking(site, running.id)
        assert (after.window, after.gpu_ids) == (running.window, running.gpu_ids)
        assert preemption(site, done).state is PreemptionState.WITHDRAWN
        assert actions(site)[-2:] == ["cancelled", "restored"]
        assert sorted(told(site, "warning", mark)) == ["C0VISION", BOB]
        assert told(site, "notice", mark) == []
        assert tick(site, GONE) == 1  # the reminder of no end: only the question about its use
        assert look.get_booking(site, running.id).state is BookingState.ACTIVE

    def test_also_after_extra_time(self, site, running, done):
        grant_extra_time(site, actor(BOB), done.preemptions[0].id, now=LATER)
        call_off(site, done)
        assert look.get_booking(site, running.id).window == running.window

    def test_with_the_gpus_that_it_has_left(self, site, running, done):
        release(site, actor(BOB), running.id, gpus=3, now=LATER)
        call_off(site, done)
        after = look.get_booking(site, running.id)
        assert (after.gpus, after.window) == (5, running.window)

    def test_what_was_booked_again_instead_is_cancelled(self, site, running, done):
        again = book_again(site, actor(BOB), done.preemptions[0].id, now=LATER)
        call_off(site, done)
        assert look.get_booking(site, again.id).state is BookingState.CANCELLED
        assert look.get_booking(site, running.id).window == running.window
        assert preemption(site, done).again is None

    @pytest.mark.parametrize("which", ["again", "running"])
    def test_unless_either_was_given_to_somebody_else_who_keeps_it(
        self, site, running, done, which
    ):
        again = book_again(site, actor(BOB), done.preemptions[0].id, now=LATER)
        given = {"again": again, "running": running}[which]
        transfer = offer_transfer(site, actor(BOB), given.id, DANA, now=LATER)
        accept_transfer(site, actor(DANA), transfer.id, now=LATER)
        call_off(site, done)
        theirs = look.get_booking(site, again.id)
        assert (theirs.state, theirs.window) == (BookingState.RESERVED, again.window)
        after = look.get_booking(site, running.id)
        assert after.window == Window(running.window.start, again.window.start)
        assert look.get_booking(site, given.id).owner == DANA
        assert preemption(site, done).state is PreemptionState.WITHDRAWN

    def test_who_gave_away_what_lies_elsewhere_has_all_of_their_time(self, site, running, done):
        again = book_again(site, actor(BOB), done.preemptions[0].id, now=LATER)
        move(site, actor(BOB), again.id, running.window.end + 2 * HOUR, now=LATER)
        transfer = offer_transfer(site, actor(BOB), again.id, DANA, now=LATER)
        accept_transfer(site, actor(DANA), transfer.id, now=LATER)
        call_off(site, done)
        assert look.get_booking(site, again.id).state is BookingState.RESERVED
        assert look.get_booking(site, running.id).window == running.window

    def test_who_released_early_gets_a_new_booking_for_the_rest(self, site, running, done):
        release_for_preemptor(site, actor(BOB), done.preemptions[0].id, now=LATER)
        assert look.get_booking(site, done.booking.id).window.start == LATER
        with pytest.raises(WrongState, match="running"):
            call_off(site, done)
        release(site, actor(ALICE), done.booking.id, now=SOON)
        check_promises(site)
        fresh = look.get_booking(site, preemption(site, done).again)
        assert (fresh.owner, fresh.gpus, fresh.window) == (
            BOB,
            8,
            window(SOON, (running.window.end - SOON) / HOUR),
        )

    def test_from_when_its_gpus_are_free_again(self, site, running):
        """Somebody's short work has them until then."""
        other = reserve(site, actor(CHEN), request(4, LATER, 7, node="gpu-01"), now=LATER)
        assert other.window.start == LATER
        done = take(site, urgent(8, TONIGHT + 2 * HOUR, **A100))
        release_for_preemptor(site, actor(BOB), done.preemptions[0].id, now=LATER)
        join_queue(site, actor(CHEN), short(8, 50, node="gpu-03"), now=LATER)
        call_off(site, done)
        fresh = look.get_booking(site, preemption(site, done).again)
        assert fresh.window == window(TONIGHT + 2 * HOUR, 6)

    def test_the_waitlist_gets_nothing_of_it(self, site, running, done):
        asked = wish(4, 2, node="gpu-03", latest=TONIGHT + 6 * HOUR)
        entry = join_waitlist(site, actor(CHEN), asked, now=LATER)
        call_off(site, done)
        assert look_waiting.open_offer_of(site, entry.id) is None

    def test_urgent_work_that_finds_other_gpus_needs_theirs_no_more(self, site, running):
        """The node goes out of service: who runs there runs on to the end they were promised."""
        firm = [
            reserve(
                site, actor(CHEN), request(4, LATER, 3, node=node, priority=Priority.P1), now=LATER
            )
            for node in ("gpu-01", "gpu-02")
        ]
        done = take(site, urgent(4))
        release(site, actor(CHEN), firm[0].id, now=SOON)
        drained = drain(site, actor(ADMIN), "gpu-03", until=None, reason="fan", now=SOON)
        assert [booking.id for booking in drained.moved] == [done.booking.id]
        assert look.get_booking(site, running.id).window == running.window
        assert preemption(site, done).state is PreemptionState.WITHDRAWN

    def test_it_runs_on_though_nothing_was_kept_for_it_on_a_node_out_of_service(
        self, site, running, done
    ):
        drained = drain(site, actor(ADMIN), "gpu-03", until=None, reason="fan", now=SOON)
        assert [booking.id for booking in drained.stranded] == [done.booking.id]
        grant_extra_time(site, actor(BOB), done.preemptions[0].id, now=SOON)
        call_off(site, done)
        assert look.get_booking(site, running.id).window == running.window
        with pytest.raises(Conflict):
            reserve(site, actor(CHEN), request(1, running.window.end, **A100), now=SOON)

    def test_urgent_work_given_up_in_the_second_it_begins_gives_all_back(self, site, running, done):
        release(site, actor(ALICE), done.booking.id, now=GONE)
        assert look.get_booking(site, running.id).window == running.window
        check_promises(site)

    def test_once_begun_nothing_comes_back(self, site, running, done):
        tick(site, GONE)
        release(site, actor(ALICE), done.booking.id, now=GONE + MINUTE)
        assert look.get_booking(site, running.id).state is BookingState.PREEMPTED
        assert preemption(site, done).state is PreemptionState.RECLAIMED


class TestMoved:
    @pytest.fixture
    def planned(self, site):
        return reserve(site, actor(BOB), request(8, START, node="gpu-03"), now=NOW)

    @pytest.fixture
    def done(self, site, planned):
        return take(site, urgent(8, START, **A100), now=NOW)

    def test_it_goes_back_to_its_old_time_and_is_told(self, site, planned, done):
        mark = last_row(site)
        call_off(site, done, NOW)
        after = look.get_booking(site, planned.id)
        assert (after.window, after.shares) == (planned.window, planned.shares)
        assert preemption(site, done).state is PreemptionState.WITHDRAWN
        assert sorted(told(site, "moved", mark)) == ["C0VISION", BOB]

    @pytest.mark.parametrize(
        ("do", "start"),
        [
            ("keep", START + 2 * HOUR),
            ("move", START + 6 * HOUR),
            ("extend", START + 2 * HOUR),
        ],
    )
    def test_unless_its_owner_chose_another_time_since(self, site, planned, done, do, start):
        owner, warned = actor(BOB), done.preemptions[0]
        {
            "keep": lambda: keep_new_time(site, owner, warned.id, now=NOW),
            "move": lambda: move(site, owner, planned.id, start, now=NOW),
            "extend": lambda: extend(site, owner, planned.id, 2 * HOUR, now=NOW),
        }[do]()
        chosen = look.get_booking(site, planned.id)
        call_off(site, done, NOW)
        assert look.get_booking(site, planned.id) == chosen
        assert chosen.window.start == start

    def test_its_owner_may_move_it_to_what_is_kept_for_it(self, site):
        planned = reserve(site, actor(BOB), request(4, START, 4, node="gpu-01"), now=NOW)
        firm = request(4, START + 4 * HOUR, 2, node="gpu-01", priority=Priority.P1)
        later = reserve(site, actor(CHEN), firm, now=NOW)
        done = take(site, urgent(4, START, 2, node="gpu-01"), now=NOW)
        cancel(site, actor(CHEN), later.id, now=NOW)
        with pytest.raises(Conflict) as refused:
            move(site, actor(BOB), planned.id, START, now=NOW)
        assert [blocker.booking for blocker in refused.value.blockers] == [done.booking.id]
        after = move(site, actor(BOB), planned.id, START + 2 * HOUR, now=NOW)
        assert after.window == window(START + 2 * HOUR, 4)
        assert preemption(site, done).state is PreemptionState.OVERTAKEN
        check_promises(site)

    def test_its_owner_may_extend_it_into_what_is_kept_for_it(self, open_site):
        site, now = open_site(cluster(nodes=NODES[:1], horizon=9 * HOUR)), TONIGHT - 3 * HOUR
        planned = reserve(site, actor(BOB), request(4, START, 4), now=now)
        firm = request(4, START - 2 * HOUR, 2, priority=Priority.P1)
        before = reserve(site, actor(CHEN), firm, now=now)
        done = take(site, urgent(4, START + 2 * HOUR, 2), now=now)
        assert look.get_booking(site, planned.id).window == window(START - 6 * HOUR, 4)
        cancel(site, actor(CHEN), before.id, now=now)
        with pytest.raises(ExtendConflict) as refused:
            extend(site, actor(BOB), planned.id, 6 * HOUR, now=now)
        assert refused.value.longest == 4 * HOUR
        assert [blocker.booking for blocker in refused.value.blockers] == [done.booking.id]
        after = extend(site, actor(BOB), planned.id, 4 * HOUR, now=now)
        assert after.window == window(START - 6 * HOUR, 8)
        assert preemption(site, done).state is PreemptionState.OVERTAKEN
        check_promises(site)

    def test_whoever_took_it_over_keeps_the_time_that_they_accepted(self, site, planned, done):
        transfer = offer_transfer(site, actor(BOB), planned.id, DANA, now=NOW)
        accepted = accept_transfer(site, actor(DANA), transfer.id, now=NOW)
        assert preemption(site, done).state is PreemptionState.OVERTAKEN
        call_off(site, done, NOW)
        assert look.get_booking(site, planned.id) == accepted

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_also_after_it_had_to_give_way_once_more(self, site, order):
        """Whichever urgent work is called off first."""
        planned = reserve(site, actor(BOB), request(8, START, 2, node="gpu-03"), now=NOW)
        windows, taken = [planned.window], []
        for _ in order:
            taken.append(take(site, urgent(8, windows[-1].start, **A100), now=NOW))
            windows.append(look.get_booking(site, planned.id).window)
        assert windows == [window(START + hours * HOUR, 2) for hours in (0, 2, 4)]
        for number in order:
            call_off(site, taken[number], NOW)
            back = min(number, order[0])
            assert look.get_booking(site, planned.id).window == windows[back]
        # What stood when it went back to its first time has nothing to give back any more.
        last = PreemptionState.OVERTAKEN if order[0] == 0 else PreemptionState.WITHDRAWN
        states = [preemption(site, one).state for one in taken]
        assert states == [PreemptionState.WITHDRAWN, last]

    @pytest.fixture
    def twice(self, open_site):
        """It overlaps where it lay before, each time that it had to give way."""
        site = open_site(cluster(nodes=NODES[:1]))
        planned = reserve(site, actor(BOB), request(4, START, 4), now=NOW)
        taken = [take(site, urgent(4, START + hours * HOUR), now=NOW) for hours in (0, 4)]
        assert look.get_booking(site, planned.id).window == window(START + 6 * HOUR, 4)
        return site, planned, *taken

    def test_what_is_kept_of_where_it_lay_in_between_is_not_in_its_way(self, twice):
        site, planned, first, second = twice
        call_off(site, first, NOW)
        assert look.get_booking(site, planned.id).window == planned.window
        assert reserve(site, actor(CHEN), request(4, START + 6 * HOUR, 4), now=NOW)
        call_off(site, second, NOW)
        assert look.get_booking(site, planned.id).window == planned.window

    def test_that_is_still_kept_when_its_old_time_is_not_to_be_had(self, twice):
        site, planned, first, second = twice
        drain(site, actor(ADMIN), "gpu-01", until=START + HOUR, reason="fan", now=NOW)
        call_off(site, first, NOW)
        assert look.get_booking(site, planned.id).window == window(START + 6 * HOUR, 4)
        with pytest.raises(Conflict):
            reserve(site, actor(CHEN), request(4, START + 2 * HOUR, 2), now=NOW)
        call_off(site, second, NOW)
        assert look.get_booking(site, planned.id).window == window(START + 2 * HOUR, 4)

    def test_but_not_when_its_owner_has_moved_it_in_between(self, site, planned, done):
        move(site, actor(BOB), planned.id, START + 6 * HOUR, now=NOW)
        again = take(site, urgent(8, START + 6 * HOUR, **A100), now=NOW)
        chosen = look.get_booking(site, planned.id)
        call_off(site, done, NOW)
        assert look.get_booking(site, planned.id) == chosen
        assert preemption(site, again).state is PreemptionState.MOVED

    def test_what_its_owner_cancelled_stays_cancelled(self, site, planned, done):
        cancel(site, actor(BOB), planned.id, now=NOW)
        call_off(site, done, NOW)
        assert look.get_booking(site, planned.id).state is BookingState.CANCELLED
        assert preemption(site, done).state is PreemptionState.OVERTAKEN

    def test_what_was_kept_for_it_is_free_once_the_urgent_work_begins(self, site, planned):
        take(site, urgent(4, START, **A100), now=NOW)
        asked = request(4, START, 2, node="gpu-03")
        with pytest.raises(Conflict):
            reserve(site, actor(CHEN), asked, now=START - MINUTE)
        tick(site, START)
        assert reserve(site, actor(CHEN), asked, now=START).gpus == 4
        check_promises(site)

    def test_nothing_is_kept_beside_what_it_would_give_up_for_it(self, site):
        planned = reserve(site, actor(BOB), request(4, START, node="gpu-03"), now=NOW)
        reserve(site, actor(CHEN), request(4, START, 2, node="gpu-03"), now=NOW)
        take(site, urgent(8, START, **A100), now=NOW, expected=range(100))
        assert look.get_booking(site, planned.id).window == window(START + 2 * HOUR)
        after = request(4, START + 4 * HOUR, 4, node="gpu-03")
        assert reserve(site, actor(CHEN), after, now=NOW).nodes == ("gpu-03",)
        check_promises(site)

    def test_when_its_old_node_is_gone_it_stays_where_it_was_moved(self, site, planned, done):
        moved = look.get_booking(site, planned.id)
        drained = drain(site, actor(ADMIN), "gpu-03", until=START + HOUR, reason="fan", now=NOW)
        assert drained.stranded
        call_off(site, done, NOW)
        assert look.get_booking(site, planned.id).window == moved.window


def test_what_was_lost_is_there_again(open_site):
    site = open_site(cluster(nodes=NODES[:1], horizon=4 * HOUR))
    planned = reserve(site, actor(BOB), request(4, START, 2), now=TONIGHT)
    for start in (TONIGHT, START + 2 * HOUR):
        firm = request(4, start, 4, priority=Priority.P1)
        reserve(site, actor(CHEN), firm, now=start - 4 * HOUR)
    done = take(site, urgent(4, START), now=TONIGHT)
    assert look.get_booking(site, planned.id).state is BookingState.PREEMPTED
    call_off(site, done, TONIGHT)
    after = look.get_booking(site, planned.id)
    assert (after.state, after.window) == (BookingState.RESERVED, planned.window)
    assert preemption(site, done).state is PreemptionState.WITHDRAWN


def test_what_was_moved_and_then_lost_is_where_it_was_first(open_site):
    site = open_site(cluster(nodes=NODES[:1], horizon=6 * HOUR))
    planned = reserve(site, actor(BOB), request(4, START, 2), now=TONIGHT)
    firm = request(4, TONIGHT, 4, priority=Priority.P1)
    reserve(site, actor(CHEN), firm, now=TONIGHT)
    first = take(site, urgent(4, START), now=TONIGHT)
    assert look.get_booking(site, planned.id).window == window(START + 2 * HOUR, 2)
    second = take(site, urgent(4, START + 2 * HOUR), now=TONIGHT)
    assert look.get_booking(site, planned.id).state is BookingState.PREEMPTED
    call_off(site, first, TONIGHT)
    after = look.get_booking(site, planned.id)
    assert (after.state, after.window) == (BookingState.RESERVED, planned.window)
    call_off(site, second, TONIGHT)
    assert look.get_booking(site, planned.id) == after
    assert preemption(site, first).state is PreemptionState.WITHDRAWN
    assert preemption(site, second).state is PreemptionState.OVERTAKEN


def test_who_cannot_have_it_back_keeps_what_they_booked_instead(site):
    holders = [
        reserve(site, actor(user), request(4, node="gpu-03"), now=NOW) for user in (BOB, CHEN)
    ]
    tick(site, TONIGHT)
    done = take(site, urgent(8, **A100))
    (warned,) = (p for p in done.preemptions if p.preemptee == holders[0].id)
    again = book_again(site, actor(BOB), warned.id, now=LATER)
    release_for_preemptor(site, actor(BOB), warned.id, now=LATER)
    drain(site, actor(ADMIN), "gpu-03", until=again.window.start, reason="fan", now=LATER)
    call_off(site, done)
    assert look.get_booking(site, again.id).state is BookingState.RESERVED
    assert look_waiting.get_preemption(site, warned.id).again == again.id
    assert look.get_booking(site, holders[1].id).window == holders[1].window


def test_everybody_gets_back_what_was_theirs_when_several_gave_way(site):
    first = reserve(site, actor(BOB), request(4, node="gpu-03"), now=NOW)
    tick(site, TONIGHT)
    later = reserve(site, actor(CHEN), request(4, TONIGHT + 2 * HOUR, node="gpu-03"), now=LATER)
    done = take(site, urgent(8, **A100))
    assert {p.state for p in done.preemptions} == {PreemptionState.WARNED, PreemptionState.MOVED}
    for warned in done.preemptions:
        if warned.state is PreemptionState.WARNED:
            book_again(site, actor(BOB), warned.id, now=LATER)
    call_off(site, done)
    assert look.get_booking(site, first.id).window == first.window
    after = look.get_booking(site, later.id)
    assert (after.window, after.shares) == (later.window, later.shares)

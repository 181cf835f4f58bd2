"""From its start to its end a booking has GPUs of its own, by their indices."""

from datetime import timedelta

import pytest
from builders import BOB, CHEN, DANA, NODES, NOW, TONIGHT, actor, cluster, request
from delivering import tick
from promises import check_promises
from wanting import HOUR, MINUTE, actions, take, urgent

from bot.domain.booking import BookingState
from bot.services import look
from bot.services.activity import saw_use
from bot.services.extend import extend
from bot.services.keep_time import Step, keep_time
from bot.services.release import release
from bot.services.remind import remind
from bot.services.reserve import reserve

END = TONIGHT + 8 * HOUR


def book(site, gpus, start=TONIGHT, hours=8, user=BOB, node="gpu-03"):
    return reserve(site, actor(user), request(gpus, start, hours, node=node), now=NOW)


def ids(site, booking):
    """Its indices, by node."""
    return dict(look.get_booking(site, booking.id).gpu_ids)


def test_indices_are_settled_when_it_begins(site):
    booking = book(site, 4)
    tick(site, TONIGHT - timedelta(seconds=1))
    assert ids(site, booking) == {}
    tick(site, TONIGHT)
    assert ids(site, booking) == {"gpu-03": (0, 1, 2, 3)}


def test_those_that_run_together_have_different_ones(site):
    bookings = [book(site, gpus, user=user) for gpus, user in ((3, BOB), (1, CHEN), (4, DANA))]
    tick(site, TONIGHT)
    found = [ids(site, booking)["gpu-03"] for booking in bookings]
    assert [len(numbers) for numbers in found] == [3, 1, 4]
    assert sorted(n for numbers in found for n in numbers) == list(range(8))


def test_on_several_nodes_it_has_some_of_each(site):
    booking = reserve(site, actor(BOB), request(8, model="V100"), now=NOW)
    tick(site, TONIGHT)
    assert ids(site, booking) == {"gpu-01": (0, 1, 2, 3), "gpu-02": (0, 1, 2, 3)}


def test_back_to_back_the_same_gpus_pass_on_in_one_instant(site):
    first, second = book(site, 8), book(site, 8, END, user=CHEN)
    tick(site, TONIGHT)
    tick(site, END)
    assert look.get_booking(site, first.id).state is BookingState.ENDED
    assert look.get_booking(site, second.id).state is BookingState.ACTIVE
    assert ids(site, second) == {"gpu-03": tuple(range(8))}
    changes = [(r.booking, r.action) for r in look.history(site)][-2:]
    assert changes == [(first.id, "ended"), (second.id, "started")]


def test_a_start_in_between_takes_what_is_free_and_nobody_moves(site):
    left, middle, right = (book(site, gpus) for gpus in (3, 2, 3))
    tick(site, TONIGHT)
    before = ids(site, left), ids(site, right)
    release(site, actor(BOB), middle.id, now=TONIGHT + HOUR)
    late = reserve(
        site, actor(CHEN), request(2, TONIGHT + HOUR, 3, node="gpu-03"), now=TONIGHT + HOUR
    )
    tick(site, TONIGHT + HOUR)
    assert ids(site, late) == ids(site, middle)
    assert (ids(site, left), ids(site, right)) == before


def test_what_is_given_back_in_part_is_what_others_get(site):
    booking = book(site, 8)
    tick(site, TONIGHT)
    now = TONIGHT + HOUR
    release(site, actor(BOB), booking.id, gpus=3, now=now)
    assert ids(site, booking) == {"gpu-03": (0, 1, 2, 3, 4)}
    other = reserve(site, actor(CHEN), request(3, now, 3, node="gpu-03"), now=now)
    tick(site, now)
    assert ids(site, other) == {"gpu-03": (5, 6, 7)}


@pytest.mark.parametrize("how", ["extended", "overrun"])
def test_who_goes_on_keeps_the_same_ones(site, how):
    booking = book(site, 4)
    tick(site, TONIGHT)
    before = ids(site, booking)
    if how == "extended":
        extend(site, actor(BOB), booking.id, 2 * HOUR, now=END - HOUR)
    saw_use(site, booking.id, now=END - MINUTE)
    other = reserve(site, actor(CHEN), request(4, END, 4, node="gpu-03"), now=END - MINUTE)
    tick(site, END)
    assert ids(site, booking) == before
    assert set(ids(site, other)["gpu-03"]).isdisjoint(before["gpu-03"])
    assert look.get_booking(site, booking.id).state is BookingState.ACTIVE


def test_no_gpu_has_two_owners_at_any_moment_of_a_busy_night(open_site):
    site = open_site(cluster(nodes=NODES[2:]))
    for start in range(0, 12, 2):
        for user in (BOB, CHEN, DANA):
            for gpus, hours in ((1, 2), (2, 4), (3, 2)):
                window = request(gpus, TONIGHT + start * HOUR, hours, node="gpu-03")
                if look_free(site, window):
                    reserve(site, actor(user), window, now=NOW)
    for minutes in range(0, 16 * 60, 30):
        now = TONIGHT + minutes * MINUTE
        tick(site, now)
        if minutes == 60:
            take(site, urgent(4, now, 3, node="gpu-03"), now=now)
        active = [
            booking
            for user in (BOB, CHEN, DANA, "U0ALICE")
            for booking in look.bookings_of(site, user, now=now)
            if booking.state is BookingState.ACTIVE
        ]
        numbers = [n for booking in active for n in ids(site, booking)["gpu-03"]]
        assert len(numbers) == len(set(numbers)) == sum(booking.gpus for booking in active)
        check_promises(site)


def look_free(site, asked):
    with site.database.snapshot() as connection:
        calendar = site.calendars.fresh(connection, NOW).calendar
    return calendar.free("gpu-03", asked.window) >= asked.shape.gpus


def test_keeping_time_twice_is_keeping_it_once(site):
    book(site, 8)
    take_at = TONIGHT + HOUR
    tick(site, TONIGHT)
    take(site, urgent(8, take_at, 3, node="gpu-03"), now=take_at)
    for now in (take_at + 30 * MINUTE, END, END + HOUR):
        tick(site, now)
        done = actions(site)
        assert keep_time(site, now=now) == 0
        assert actions(site) == done


def test_what_is_due_in_a_long_absence_is_done_in_its_order(site):
    first, second = book(site, 8), book(site, 8, END, user=CHEN)
    keep_time(site, now=END + 9 * HOUR)
    assert [look.get_booking(site, b.id).state for b in (first, second)] == [
        BookingState.ENDED,
        BookingState.ENDED,
    ]


def test_a_step_that_fails_holds_up_no_other(site, monkeypatch):
    import sys

    booking = book(site, 8)
    module = sys.modules["bot.services.keep_time"]

    def fails(site, *, now):
        raise RuntimeError("disk full")

    monkeypatch.setattr(module, "STEPS", (Step(lambda *_: True, fails), *module.STEPS))
    with pytest.raises(RuntimeError, match="disk full"):
        keep_time(site, now=TONIGHT)
    assert look.get_booking(site, booking.id).state is BookingState.ACTIVE


def test_a_question_that_fails_holds_up_no_other_step(site, monkeypatch):
    import sys

    booking = book(site, 8)
    module = sys.modules["bot.services.keep_time"]

    def fails(*_):
        raise RuntimeError("no such column")

    monkeypatch.setattr(module, "STEPS", (Step(fails, remind), *module.STEPS))
    with pytest.raises(RuntimeError, match="no such column"):
        keep_time(site, now=TONIGHT)
    assert look.get_booking(site, booking.id).state is BookingState.ACTIVE


def test_a_clock_that_jumps_back_ends_and_begins_nothing(site):
    booking = book(site, 8)
    tick(site, TONIGHT)
    done = actions(site)
    for now in (NOW, TONIGHT - HOUR, TONIGHT):
        tick(site, now)
    assert actions(site) == done
    assert look.get_booking(site, booking.id).state is BookingState.ACTIVE

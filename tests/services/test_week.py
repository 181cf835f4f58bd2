"""A team's week in figures, each worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, actor, request
from delivering import deliver
from wanting import wish

from bot.domain.actor import GPUBOT
from bot.domain.booking import Booking, BookingState
from bot.services.activity import saw_use
from bot.services.answer_offer import accept_offer
from bot.services.answer_transfer import accept_transfer
from bot.services.cancel import cancel
from bot.services.changing import changing
from bot.services.extend import extend
from bot.services.join_waitlist import join_waitlist
from bot.services.keep_time import keep_time
from bot.services.look_waiting import open_offer_of
from bot.services.record import record_booking
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.rows import update_booking
from bot.services.site import Site
from bot.services.transfer import offer_transfer
from bot.services.turn_over import turn_over
from bot.services.week import Thanks, Week, week_of

#: Monday 23 and Monday 30 November 2026, 00:00 in Shanghai.
BEGIN = datetime(2026, 11, 22, 16, tzinfo=UTC)
END = BEGIN + timedelta(days=7)
MONDAY = date(2026, 11, 30)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    """So many hours after the week's beginning."""
    return BEGIN + timedelta(hours=hours)


def booked(site: Site, user: str, gpus: int, start: float, hours: float, node: str) -> Booking:
    """A booking made a day before the week, which begins at `start` hours into it."""
    wanted = request(gpus, at(start), hours, node=node)
    return reserve(site, actor(user), wanted, now=BEGIN - timedelta(days=1))


def week(site: Site, team: str = "vision") -> Week:
    found = site.cluster.team(team)
    assert found is not None
    return week_of(site, found, MONDAY)


def test_the_week_lasts_from_monday_to_monday_on_the_clusters_clock(site: Site) -> None:
    found = week(site)
    assert (found.window.start, found.window.end) == (BEGIN, END)
    assert found.is_empty


def test_what_ran_to_its_end_was_booked_and_used(site: Site) -> None:
    booked(site, BOB, 4, 10, 8, "gpu-01")
    turn_over(site, now=at(10))
    turn_over(site, now=at(18))
    assert (week(site).booked, week(site).used) == (32.0, 32.0)


def test_released_early_it_was_booked_whole_and_used_until_then(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    turn_over(site, now=at(10))
    release(site, actor(BOB), booking.id, now=at(13))
    # 4 GPUs for 8 h; 4 GPUs for 3 h; 4 GPUs for the 5 h that were left.
    assert (week(site).booked, week(site).used) == (32.0, 12.0)
    assert week(site).thanks == (Thanks(BOB, 20.0),)


def test_a_part_given_back_counts_from_then_on(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    turn_over(site, now=at(10))
    release(site, actor(BOB), booking.id, gpus=1, now=at(12))
    release(site, actor(BOB), booking.id, gpus=2, now=at(15))
    turn_over(site, now=at(18))
    # 4 × 2 h + 3 × 3 h + 1 × 3 h; given back 1 × 6 h + 2 × 3 h.
    assert (week(site).booked, week(site).used) == (32.0, 20.0)
    assert week(site).thanks == (Thanks(BOB, 12.0),)


def test_extended_it_was_used_longer_than_it_was_booked_when_it_began(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    turn_over(site, now=at(10))
    extend(site, actor(BOB), booking.id, 2 * HOUR, now=at(12))
    turn_over(site, now=at(20))
    assert (week(site).booked, week(site).used) == (32.0, 40.0)


def test_only_the_part_of_a_window_that_lies_in_the_week_counts(site: Site) -> None:
    booked(site, BOB, 2, -4, 10, "gpu-01")
    turn_over(site, now=at(-4))
    turn_over(site, now=at(6))
    booked(site, BOB, 1, 7 * 24 - 2, 20, "gpu-01")
    turn_over(site, now=at(7 * 24 - 2))
    # 2 GPUs for the 6 h after its beginning, 1 GPU for the 2 h before its end.
    assert (week(site).booked, week(site).used) == (14.0, 14.0)


def test_what_was_released_before_the_week_is_no_part_of_it(site: Site) -> None:
    booking = booked(site, BOB, 2, -4, 10, "gpu-01")
    turn_over(site, now=at(-4))
    release(site, actor(BOB), booking.id, now=at(-1))
    assert week(site).is_empty


def test_a_no_show_was_booked_but_not_used(site: Site) -> None:
    booked(site, BOB, 4, 10, 8, "gpu-01")
    for minutes in (0, 30, 60):
        keep_time(site, now=at(10 + minutes / 60))
        deliver(site, at(10 + minutes / 60))
    found = week(site)
    assert (found.booked, found.used, found.no_shows) == (32.0, 0.0, 1)
    assert found.thanks == ()


def test_a_wish_that_came_true_was_served(site: Site) -> None:
    taken = booked(site, CHEN, 4, 10, 8, "gpu-01")
    wanted = wish(earliest=at(10), latest=at(18))
    entry = join_waitlist(site, actor(BOB), wanted, now=at(0))
    assert week(site).served == 0
    cancel(site, actor(CHEN), taken.id, now=at(1))
    offer = open_offer_of(site, entry.id)
    assert offer is not None
    accept_offer(site, actor(BOB), offer.id, now=at(1))
    assert (week(site).served, week(site, "nlp").served) == (1, 0)


def test_what_was_cancelled_was_neither_booked_nor_used(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    cancel(site, actor(BOB), booking.id, now=at(1))
    found = week(site)
    assert (found.booked, found.used, found.cancelled) == (0.0, 0.0, 1)


def test_what_was_released_before_anybody_saw_it_begin_counts_as_it_stood(site: Site) -> None:
    booking = reserve(site, actor(BOB), request(4, at(10), 8, node="gpu-01"), now=at(10))
    release(site, actor(BOB), booking.id, now=at(10.5))
    assert (week(site).booked, week(site).used) == (32.0, 2.0)


def test_an_overrun_is_used_and_not_booked(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 10, "gpu-01")
    turn_over(site, now=at(10))
    saw_use(site, booking.id, now=at(19.9))
    turn_over(site, now=at(20))
    turn_over(site, now=at(21))
    # A tenth of 10 h more.
    assert (week(site).booked, week(site).used) == (40.0, 44.0)


def test_each_team_has_its_own_figures(site: Site) -> None:
    booked(site, BOB, 4, 10, 8, "gpu-01")
    booked(site, CHEN, 2, 10, 4, "gpu-02")
    turn_over(site, now=at(10))
    for now in (14, 18):
        turn_over(site, now=at(now))
    assert (week(site).used, week(site, "nlp").used) == (32.0, 8.0)


def test_a_booking_that_was_handed_over_counts_for_the_team_that_has_it(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    transfer = offer_transfer(site, actor(BOB), booking.id, CHEN, now=at(1))
    accept_transfer(site, actor(CHEN), transfer.id, now=at(2))
    turn_over(site, now=at(10))
    turn_over(site, now=at(18))
    assert (week(site).used, week(site, "nlp").used) == (0.0, 32.0)


def test_what_others_took_away_is_no_gift(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    turn_over(site, now=at(10))
    release(site, actor(ADMIN), booking.id, reason="broken fan", now=at(11))
    assert week(site).thanks == ()


def test_the_three_who_gave_back_most_are_thanked_the_most_first(site: Site) -> None:
    gifts = [(BOB, 1, 6.0), (ALICE, 3, 2.0), (BOB, 1, 2.0)]
    for number, (user, gpus, left) in enumerate(gifts):
        start = 10 + 10 * number
        booking = booked(site, user, gpus, start, 8, "gpu-01")
        turn_over(site, now=at(start))
        release(site, actor(user), booking.id, now=at(start + 8 - left))
    # bob: 1 × 6 h + 1 × 2 h; alice: 3 × 2 h.
    assert week(site).thanks == (Thanks(BOB, 8.0), Thanks(ALICE, 6.0))


@pytest.mark.parametrize("minutes", [1, 5])
def test_a_few_minutes_are_not_worth_a_word(site: Site, minutes: int) -> None:
    booking = booked(site, BOB, 1, 10, 8, "gpu-01")
    turn_over(site, now=at(10))
    release(site, actor(BOB), booking.id, now=at(18 - minutes / 60))
    assert week(site).thanks == ()


def test_what_gpubot_called_off_itself_was_cancelled_by_nobody(site: Site) -> None:
    booking = booked(site, BOB, 4, 10, 8, "gpu-01")
    with changing(site, at(1)) as change:
        change.give_back("booking", booking.id)
        after = update_booking(change, booking, state=BookingState.CANCELLED)
        record_booking(change, GPUBOT, "cancelled", before=booking, after=after, reason="a rule")
    assert week(site).cancelled == 0

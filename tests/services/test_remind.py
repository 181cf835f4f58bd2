"""Reminders before a start and before an end: once each, and again when the end has changed."""

import pytest
from builders import BOB, CHEN, NOW, TONIGHT, actor, request
from delivering import last_row, tick, told
from wanting import HOUR, MINUTE, SECOND, short, take, urgent

from bot.services.answer_transfer import accept_transfer
from bot.services.cancel import cancel
from bot.services.extend import extend
from bot.services.join_waitlist import join_queue
from bot.services.move import move
from bot.services.no_show import still_needed
from bot.services.remind import remind
from bot.services.reserve import reserve
from bot.services.transfer import offer_transfer

END = TONIGHT + 8 * HOUR
AHEAD = 30 * MINUTE


@pytest.fixture
def booking(site):
    """Tonight; Bob needs it for sure, so no question about its use is mixed in."""
    booking = reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    still_needed(site, actor(BOB), booking.id, now=NOW)
    return booking


def reminded(site, *instants):
    """Who was reminded at each instant."""
    found = []
    for now in instants:
        mark = last_row(site)
        remind(site, now=now)
        found.append(told(site, "reminder", mark))
    return found


def test_half_an_hour_before_its_start_once(site, booking):
    at = TONIGHT - AHEAD
    assert reminded(site, at - SECOND, at, at, at + MINUTE) == [[], [BOB], [], []]


def test_half_an_hour_before_its_end_once(site, booking):
    tick(site, TONIGHT)
    at = END - AHEAD
    assert reminded(site, at - SECOND, at, at, at + MINUTE) == [[], [BOB], [], []]


def test_late_is_better_than_never_but_not_after_the_fact(site, booking):
    assert reminded(site, TONIGHT - SECOND) == [[BOB]]
    assert reminded(site, TONIGHT, TONIGHT + MINUTE) == [[], []]


def test_whoever_booked_it_just_now_knows(site):
    reserve(site, actor(BOB), request(1), now=TONIGHT - 5 * MINUTE)
    assert reminded(site, TONIGHT - 4 * MINUTE) == [[]]


def test_a_new_end_is_announced_anew(site, booking):
    tick(site, TONIGHT)
    assert reminded(site, END - AHEAD) == [[BOB]]
    extend(site, actor(BOB), booking.id, 2 * HOUR, now=END - 20 * MINUTE)
    assert reminded(site, END - 10 * MINUTE) == [[]]
    assert reminded(site, END + 2 * HOUR - AHEAD) == [[BOB]]


def test_a_new_start_is_announced_anew(site, booking):
    assert reminded(site, TONIGHT - AHEAD) == [[BOB]]
    later = TONIGHT + 4 * HOUR
    move(site, actor(BOB), booking.id, later, now=TONIGHT - 20 * MINUTE)
    assert reminded(site, TONIGHT, later - AHEAD, later - AHEAD) == [[], [BOB], []]


def test_the_new_owner_is_the_one_who_is_reminded(site, booking):
    transfer = offer_transfer(site, actor(BOB), booking.id, CHEN, now=NOW)
    accept_transfer(site, actor(CHEN), transfer.id, now=NOW)
    assert reminded(site, TONIGHT - AHEAD) == [[CHEN]]


def test_of_what_is_cancelled_nobody_is_reminded(site, booking):
    cancel(site, actor(BOB), booking.id, now=NOW)
    assert reminded(site, TONIGHT - AHEAD) == [[]]


def test_a_warning_says_it_all(site, booking):
    tick(site, TONIGHT)
    now = TONIGHT + HOUR
    take(site, urgent(4, node="gpu-01"), now=now)
    for found in reminded(site, now + MINUTE, now + 20 * MINUTE):
        assert BOB not in found


def test_nobody_is_reminded_of_the_end_of_short_work(site):
    run = join_queue(site, actor(BOB), short(), now=NOW).booking
    tick(site, NOW)
    assert reminded(site, run.window.end - MINUTE) == [[]]


def test_a_clock_that_jumps_back_reminds_nobody_twice(site, booking):
    at = TONIGHT - AHEAD
    assert reminded(site, at + 20 * MINUTE, at, at + 10 * MINUTE) == [[BOB], [], []]


def test_an_end_that_is_back_where_it_was_is_no_news(site, booking):
    """Urgent work wanted the GPUs sooner than that and was called off."""
    tick(site, TONIGHT)
    now = END - AHEAD
    assert reminded(site, now) == [[BOB]]
    with site.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE booking SET reminded_end = start_at")
    assert reminded(site, now + MINUTE) == [[]]

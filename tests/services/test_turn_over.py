"""Bookings begin and end by the clock; cards show it, and nobody is disturbed."""

from datetime import timedelta

from builders import ALICE, BOB, CHEN, NOW, TONIGHT, actor, request
from sqlalchemy import text

from bot.domain.booking import BookingState
from bot.domain.transfer import TransferState
from bot.services import look
from bot.services.audit import verify
from bot.services.cancel import cancel
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.transfer import offer_transfer
from bot.services.turn_over import turn_over

SECOND = timedelta(seconds=1)
END = TONIGHT + timedelta(hours=8)


def topics(site):
    with site.database.snapshot() as connection:
        return [row.topic for row in connection.execute(text("SELECT topic FROM outbox"))]


def test_a_booking_begins_and_ends_once_each_at_its_time(site):
    booking = reserve(site, actor(BOB), request(4), now=NOW)
    assert turn_over(site, now=TONIGHT - SECOND) == 0
    assert [turn_over(site, now=TONIGHT) for _ in range(2)] == [1, 0]
    assert look.get_booking(site, booking.id).state is BookingState.ACTIVE
    assert turn_over(site, now=END - SECOND) == 0
    assert [turn_over(site, now=END) for _ in range(2)] == [1, 0]
    assert look.get_booking(site, booking.id).state is BookingState.ENDED
    assert [r.action for r in look.history(site)] == ["reserved", "started", "ended"]
    assert topics(site) == ["card"] * 3
    assert verify(site).ok


def test_what_passed_while_nobody_looked_ends_at_once(site):
    booking = reserve(site, actor(BOB), request(4), now=NOW)
    assert turn_over(site, now=END + timedelta(days=2)) == 1
    assert look.get_booking(site, booking.id).state is BookingState.ENDED


def test_at_one_instant_ends_come_before_starts(site):
    first = reserve(site, actor(BOB), request(4, node="gpu-01"), now=NOW)
    second = reserve(site, actor(CHEN), request(4, END, node="gpu-01"), now=NOW)
    turn_over(site, now=TONIGHT)
    turn_over(site, now=END)
    changes = [(r.booking, r.action) for r in look.history(site)][-2:]
    assert changes == [(first.id, "ended"), (second.id, "started")]


def test_what_was_cancelled_or_released_is_left_alone(site):
    cancelled = reserve(site, actor(BOB), request(1), now=NOW)
    released = reserve(site, actor(BOB), request(1), now=NOW)
    cancel(site, actor(BOB), cancelled.id, now=NOW)
    turn_over(site, now=TONIGHT)
    release(site, actor(BOB), released.id, now=TONIGHT + SECOND)
    assert turn_over(site, now=END) == 0


def test_an_offer_to_hand_over_ends_with_its_booking(site):
    booking = reserve(site, actor(BOB), request(1), now=NOW)
    transfer = offer_transfer(site, actor(BOB), booking.id, ALICE, now=NOW)
    turn_over(site, now=TONIGHT)
    turn_over(site, now=END)
    assert look.get_transfer(site, transfer.id).state is TransferState.WITHDRAWN

"""How long a run may go on after its end, and which runs seem to be alive."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.booking import Booking, BookingState, Priority, Shape, Share
from bot.domain.overrun import allowance, seems_alive
from bot.domain.window import Window

END = datetime(2026, 11, 26, 6, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("hours", "fraction", "allowed"),
    [
        (2, 0.1, 12),
        (8, 0.1, 48),
        (20, 0.1, 120),
        (168, 0.1, 120),
        (1, 0.1, 10),
        (1, 0.01, 10),
        (2, 0.5, 60),
        (8, 0.0, 0),
        (8, -1.0, 0),
    ],
)
def test_a_part_of_the_length_from_ten_minutes_to_two_hours(hours, fraction, allowed):
    assert allowance(timedelta(hours=hours), fraction) == minutes(allowed)


@pytest.mark.parametrize(
    ("used", "alive"), [(None, False), (31, False), (30, True), (1, True), (0, True)]
)
def test_a_run_is_alive_that_was_heard_of_in_the_last_half_hour(used, alive):
    booking = Booking(
        id=1,
        owner="U0BOB",
        team="vision",
        window=Window(END - timedelta(hours=8), END),
        shares=(Share("gpu-01", 4),),
        shape=Shape(4),
        priority=Priority.P2,
        preemptible=True,
        purpose="",
        state=BookingState.ACTIVE,
        created_at=END - timedelta(days=1),
        created_by="U0BOB",
        used_at=None if used is None else END - minutes(used),
    )
    assert seems_alive(booking, END) is alive

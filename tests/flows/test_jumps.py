"""When the demo's clock jumps, what was due on the way happens in order and at its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from people import ALICE, VISION, Lab
from sqlmodel import col

from bot.store import models, queries

#: When the lab starts, on the demo's clock.
START = datetime(2026, 11, 25, 2, 37, tzinfo=UTC)


def at(text: str) -> datetime:
    """That time of day in Shanghai, on the day on which the lab starts."""
    return datetime.fromisoformat(f"2026-11-25 {text}+08:00").astimezone(UTC)


def history(lab: Lab, label: str) -> list[tuple[str, datetime]]:
    """What was done to a booking, and when."""
    table = models.Audit
    statement = queries.columns(table).where(col(table.booking) == int(label[1:]))
    with lab.site.database.snapshot() as connection:
        rows = connection.execute(statement.order_by(col(table.seq)))
        return [(row.action, row.at) for row in rows]


def told_at(message: Any) -> datetime:
    """When a message was posted, by the demo's clock."""
    return datetime.fromtimestamp(int(float(message.ts)), UTC)


def test_a_booking_that_nobody_uses_is_asked_about_before_it_is_released(
    lab_over_http: Lab,
) -> None:
    lab = lab_over_http
    label, _ = lab.books(ALICE, "1 V100 14:00 8h")
    lab.demo.clock.shift(timedelta(days=1))
    assert history(lab, label) == [
        ("reserved", START),
        ("started", at("14:00")),
        ("asked_idle", at("14:30")),
        ("no_show", at("15:00")),
    ]


def test_messages_leave_at_the_time_of_what_they_tell(lab_over_http: Lab) -> None:
    lab = lab_over_http
    label, _ = lab.books(ALICE, "1 V100 14:00 8h")
    lab.demo.clock.shift(timedelta(days=1))
    told = [m for m in lab.slack.direct_messages(ALICE) if label in m.text]
    assert [told_at(message) for message in told] == [at("13:30"), at("14:30")]


def test_what_has_happened_already_is_told_before_time_goes_on(lab_over_http: Lab) -> None:
    lab = lab_over_http
    label, _ = lab.books(ALICE, "1 V100 14:00 8h")
    lab.demo.clock.shift(timedelta(days=1))
    (card,) = [m for m in lab.slack.messages(VISION, ALICE) if label in m.text and not m.ephemeral]
    assert told_at(card) == START

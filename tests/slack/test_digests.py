"""The digests in a team's channel, as they are read there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import builders
import pytest
from talk import words
from told import Row

from bot.domain.actor import Person
from bot.sandbox.blocks import checked_blocks
from bot.services.cancel import cancel
from bot.services.people import remember_person
from bot.services.release import release
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.slack.announcements import render
from bot.slack.context import Message

HOUR = timedelta(hours=1)
#: 09:00 in Shanghai on Thursday 26 and on Monday 30 November 2026.
THURSDAY = datetime(2026, 11, 26, 1, tzinfo=UTC)
MONDAY = datetime(2026, 11, 30, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def known(site: Site) -> None:
    """Alice and bob have names."""
    for user, name in ((builders.ALICE, "Alice Martin"), (builders.BOB, "Bob *Keller*")):
        remember_person(site, Person(user, name, "UTC", "en-US", None, builders.NOW))


def shown(site: Site, topic: str, now: datetime, day: str, team: str = "vision") -> Message | None:
    row = Row("C0VISION", f"{topic}:{team}", {"day": day})
    message = render(topic, row, site, now)
    if message is not None:
        checked_blocks(list(message.blocks))
        assert not message.living
    return message


def text(site: Site, topic: str, now: datetime) -> str:
    day = {THURSDAY: "2026-11-26", MONDAY: "2026-11-30"}[now]
    message = shown(site, topic, now, day)
    assert message is not None
    return words(message)


def book(site: Site, user: str, *arguments: Any, **more: Any) -> int:
    request = builders.request(*arguments, **more)
    return reserve(site, builders.actor(user), request, now=builders.NOW).id


def test_it_names_the_day_and_each_booking_with_its_owner_and_purpose(site: Site) -> None:
    book(site, builders.ALICE, 4, builders.TONIGHT, 20, purpose="ImageNet <b>")
    told = text(site, "digest", THURSDAY)
    assert "*Team vision, Thu 26 Nov*" in told
    assert "• *B1* · Alice Martin · 4 × V100 on gpu-01, <!date^" in told
    assert "“ImageNet &lt;b&gt;”" in told
    assert "Since yesterday" not in told


def test_nobody_is_called(site: Site) -> None:
    book(site, builders.BOB, 4, builders.TONIGHT, 20)
    cancelled = book(site, builders.ALICE, 1, builders.TONIGHT, 2)
    cancel(site, builders.actor(builders.ALICE), cancelled, now=builders.NOW)
    told = text(site, "digest", THURSDAY)
    assert "<@" not in told
    assert "Bob ∗Keller∗" in told


def test_it_tells_what_changed_since_yesterday(site: Site) -> None:
    book(site, builders.ALICE, 1, builders.TONIGHT, 2)
    cancel(site, builders.actor(builders.ALICE), 1, reason="data is late", now=builders.NOW)
    told = text(site, "digest", THURSDAY)
    assert "Nothing is booked for today." in told
    assert "*Since yesterday*" in told
    assert "*B1*: Alice Martin cancelled it: “data is late”" in told


def test_long_lists_end_with_how_many_more_there_are(site: Site) -> None:
    for _ in range(16):
        book(site, builders.BOB, 1, builders.TONIGHT, 20)
    for number in range(12):
        start = builders.TONIGHT + timedelta(days=2 + number)
        booking = book(site, builders.ALICE, 1, start, 2)
        cancel(site, builders.actor(builders.ALICE), booking, now=builders.NOW)
    told = text(site, "digest", THURSDAY)
    assert told.count("Bob") == 15
    assert "… and 1 more" in told
    assert told.count("cancelled it") == 10
    assert "… and 2 more\n• <!date" in told
    assert "*B28*: Alice Martin cancelled it" in told
    assert "*B18*: Alice Martin cancelled it" not in told


@pytest.mark.parametrize("topic", ["digest", "weekly"])
def test_one_that_comes_on_another_day_is_skipped(site: Site, topic: str) -> None:
    book(site, builders.ALICE, 4, builders.TONIGHT, 80)
    # Until Shanghai's midnight, and after it.
    assert shown(site, topic, MONDAY + 14.9 * HOUR, "2026-11-30") is not None
    assert shown(site, topic, MONDAY + 15 * HOUR, "2026-11-30") is None


@pytest.mark.parametrize("topic", ["digest", "weekly"])
def test_a_team_that_is_gone_hears_nothing(site: Site, topic: str) -> None:
    assert shown(site, topic, MONDAY, "2026-11-30", team="gone") is None


def test_the_week_is_told_in_figures_and_with_thanks(site: Site) -> None:
    book(site, builders.BOB, 4, builders.TONIGHT, 8)
    book(site, builders.ALICE, 2, builders.TONIGHT, 4)
    for user in (builders.BOB, builders.ALICE):
        cancel(
            site,
            builders.actor(user),
            book(site, user, 1, builders.TONIGHT + 24 * HOUR, 2),
            now=builders.NOW,
        )
    turn_over(site, now=builders.TONIGHT)
    release(site, builders.actor(builders.BOB), 1, now=builders.TONIGHT + 5 * HOUR)
    release(site, builders.actor(builders.ALICE), 2, now=builders.TONIGHT + 1.5 * HOUR)
    told = text(site, "weekly", MONDAY)
    assert "*Team vision, the week of Mon 23 Nov – Sun 29 Nov*" in told
    # 4 × 8 h + 2 × 4 h; 4 × 5 h + 2 × 1.5 h.
    assert "• 40 GPU-hours were booked, 23 were used (58 %)." in told
    assert "• 2 bookings were cancelled before they started." in told
    assert "nobody used" not in told
    assert "waitlist" not in told
    # 4 × 3 h; 2 × 2.5 h.
    thanks = "Bob ∗Keller∗ (12 GPU-hours), Alice Martin (5 GPU-hours)"
    assert f"Thank you for giving back early: {thanks}." in told
    assert "Asia/Shanghai" in told


def test_a_week_without_gifts_thanks_nobody(site: Site) -> None:
    book(site, builders.BOB, 4, builders.TONIGHT, 8)
    turn_over(site, now=builders.TONIGHT)
    turn_over(site, now=builders.TONIGHT + 8 * HOUR)
    told = text(site, "weekly", MONDAY)
    assert "• 32 GPU-hours were booked, 32 were used (100 %)." in told
    assert "Thank" not in told

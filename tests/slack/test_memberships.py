"""What leads read about those who left, operators about directories, and everybody in the audit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import builders
import pytest
from builders import ALICE, NOW
from chinese import chinese_site, chinese_talk, english, pressed_together
from talk import Talk, captions, words
from told import last, told

from bot.domain.cluster import Cluster
from bot.domain.membership import Configured, Grant, Group, Member, Role, Source
from bot.services import directory
from bot.services.audit import verify
from bot.services.cancel import cancel
from bot.services.reserve import reserve
from bot.services.site import Site

HOUR = timedelta(hours=1)
ZOE, YAN = "U0ZOE", "U0YAN"
GRANTS = (
    Grant(Source.USERGROUPS, "S0VISION", Role.MEMBER, "vision"),
    Grant(Source.LDAP, "cn=admins", Role.ADMIN),
)


def say(site: Site, *users: str, source: Source = Source.USERGROUPS) -> None:
    """The directory says that these are in."""
    name = "S0VISION" if source is Source.USERGROUPS else "cn=admins"
    group = Group(name, tuple(Member(user) for user in users))
    configured = Configured(builders.cluster(), GRANTS)
    directory.keep_reading(site, configured, source, [group], now=NOW)


@pytest.fixture
def left(site: Site) -> list[int]:
    """Zoe was in team vision, booked twice, and left; the bookings' ids."""
    say(site, ZOE, YAN)
    booked = [
        reserve(site, builders.actor(ZOE), builders.request(2, hours=2, purpose=why), now=NOW)
        for why in ("first", "second <!channel>")
    ]
    say(site, YAN)
    return [one.id for one in booked]


def test_the_lead_reads_what_is_left_and_can_transfer_or_cancel_it(
    site: Site, alice: Talk, left: list[int]
) -> None:
    message = last(site, alice, "left_team", ALICE)
    said = words(message)
    assert said.startswith(f"<@{ZOE}> is in no team any more and has left 2 bookings for team")
    assert "“first”" in said
    assert "<!channel>" not in said
    assert captions(message) == ["Transfer…", "Cancel…"] * 2
    alice.presses(message, "Cancel…")
    assert alice.window is not None
    alice.submits(reason="Zoe has left")
    message = last(site, alice, "left_team", ALICE)
    assert words(message).count("*B") == 1
    alice.presses(message, "Transfer…")
    assert alice.window is not None


def test_nothing_is_listed_for_whoever_is_back_before_it_is_read(
    site: Site, alice: Talk, left: list[int]
) -> None:
    say(site, ZOE, YAN)
    assert [m for topic, _, m in told(site, alice) if topic == "left_team"] == [None]


def test_nothing_is_listed_once_nothing_is_left(site: Site, alice: Talk, left: list[int]) -> None:
    for booking in left:
        cancel(site, builders.actor(ZOE), booking, now=NOW)
    assert [m for topic, _, m in told(site, alice) if topic == "left_team"] == [None]


def test_very_many_bookings_are_counted_and_fit_one_message(site: Site, alice: Talk) -> None:
    say(site, ZOE)
    for number in range(24):
        start = builders.TONIGHT + 2 * number * HOUR
        reserve(site, builders.actor(ZOE), builders.request(1, start, hours=2), now=NOW)
    say(site)
    message = last(site, alice, "left_team", ALICE)
    assert "has left 24 bookings" in words(message)
    assert words(message).endswith("… and 4 more.")
    assert len(captions(message)) == 40


def test_operators_see_an_outage_begin_and_end_in_one_message(site: Site, alice: Talk) -> None:
    say(site, ZOE)
    problem = "ldap://lab cannot be reached: <!channel>"
    directory.keep_problem(site, Source.LDAP, problem, now=NOW)
    message = last(site, alice, "directory", "C0OPS")
    assert message.living
    assert "LDAP cannot be read since" in words(message)
    assert "ldap://lab cannot be reached: &lt;!channel&gt;" in words(message)
    assert "Nobody's rights change meanwhile." in words(message)
    say(site, source=Source.LDAP)
    assert "LDAP can be read again; it could not since" in words(
        last(site, alice, "directory", "C0OPS")
    )


def test_a_message_about_an_outage_that_is_over_does_not_tell_of_the_next_one(
    site: Site, alice: Talk
) -> None:
    directory.keep_problem(site, Source.USERGROUPS, "gone", now=NOW)
    say(site, ZOE)
    directory.keep_problem(site, Source.USERGROUPS, "slow", now=NOW + HOUR)
    first, *_, second = [words(m) for topic, _, m in told(site, alice) if topic == "directory"]
    assert first.startswith("User groups in Slack can be read again")
    assert second.startswith(":warning: User groups in Slack cannot be read")
    assert "was read last" in second


def test_the_audit_says_who_joined_left_and_got_roles(site: Site, alice: Talk) -> None:
    say(site, ZOE, YAN, *(f"U0X{number}" for number in range(5)))
    say(site, YAN)
    say(site, ZOE, source=Source.LDAP)
    say(site, source=Source.LDAP)
    said = words(alice.types("audit"))
    assert "2 more joined team vision" in said
    assert f"<@{ZOE}> left team vision" in said
    assert f"<@{ZOE}> became admin" in said
    assert f"<@{ZOE}> stopped being admin" in said
    assert verify(site).ok


def test_in_chinese_nothing_is_left_in_english(open_site: Callable[[Cluster], Site]) -> None:
    site = chinese_site(open_site)
    alice = chinese_talk(site, ALICE)
    directory.keep_problem(site, Source.LDAP, "`problem`", now=NOW)
    directory.keep_problem(site, Source.USERGROUPS, "`problem`", now=NOW)
    say(site, ZOE, YAN)
    say(site, ZOE, source=Source.LDAP)
    for number in range(22):
        start = builders.TONIGHT + 2 * number * HOUR
        reserve(site, builders.actor(ZOE), builders.request(1, start, hours=2), now=NOW)
    say(site, YAN)
    say(site, source=Source.LDAP)
    topics = set()
    for topic, recipient, message in told(site, alice):
        if topic in ("left_team", "directory"):
            assert message is not None
            topics.add(topic)
            assert english(message) == [], f"{topic} to {recipient}: {message.text}"
            assert pressed_together(message) == []
    assert topics == {"left_team", "directory"}
    history = alice.types("audit")
    assert english(history) == []

"""People's profiles: read from Slack, kept a day, done without when need be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import builders
import pytest
from patience import PATIENCE_S

from bot.config.settings import Settings
from bot.domain.actor import Person
from bot.sandbox import Sandbox, SandboxUser
from bot.services.people import remember_person
from bot.services.site import Site
from bot.slack.clients import interactive_client
from bot.slack.profiles import FRESH, LEAVE_ALONE_S, Profiles

MANIFEST = Path(__file__).parents[2] / "manifest.yml"


class Times:
    """The bot's clock and the real seconds, which move only when a test says so."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 25, 2, 37, tzinfo=UTC)
        self.seconds = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def slack() -> Iterator[Sandbox]:
    users = [
        SandboxUser(builders.ALICE, "alice", "Alice Martin", tz="Europe/Paris", locale="fr-FR"),
        SandboxUser(builders.BOB, "bob", "Bob Keller", tz="America/New_York"),
    ]
    made = Sandbox(manifest=MANIFEST, users=users, channels=[], ack_timeout=PATIENCE_S)
    with made.start() as workspace:
        yield workspace


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def profiles(site: Site, slack: Sandbox, times: Times) -> Profiles:
    settings = Settings(bot_token=slack.bot_token, slack_api_url=slack.api_url)
    return Profiles(site, interactive_client(settings), times, times.monotonic)


def test_a_profile_gives_zone_language_and_name(profiles: Profiles) -> None:
    reader = profiles.reader(builders.ALICE)
    assert (reader.zone_name, reader.locale, reader.known) == ("Europe/Paris", "fr-FR", True)
    assert reader.month_first is False
    assert profiles.name_of(builders.ALICE) == "Alice Martin"


def test_a_profile_is_asked_for_once_a_day(
    profiles: Profiles, slack: Sandbox, times: Times
) -> None:
    profiles.reader(builders.ALICE)
    times.at += FRESH - timedelta(seconds=1)
    profiles.reader(builders.ALICE)
    assert len(slack.calls("users.info")) == 1
    times.at += timedelta(seconds=1)
    profiles.reader(builders.ALICE)
    assert len(slack.calls("users.info")) == 2


def test_without_a_profile_the_clusters_zone_holds_and_the_reader_is_not_known(
    profiles: Profiles,
) -> None:
    reader = profiles.reader(builders.STRANGER)
    assert (reader.zone_name, reader.known) == ("Asia/Shanghai", False)
    assert reader.user == builders.STRANGER


def test_in_a_zone_that_is_not_known_here_the_clusters_holds_and_that_is_told(
    profiles: Profiles, site: Site, times: Times
) -> None:
    person = Person(builders.DANA, "Dana", "Mars/Olympus", "fr-FR", None, times.at)
    remember_person(site, person)
    reader = profiles.reader(builders.DANA)
    assert (reader.zone_name, reader.locale, reader.known) == ("Asia/Shanghai", "fr-FR", False)
    assert reader.zone == site.cluster.zone


def test_a_profile_that_cannot_be_read_is_left_alone_for_a_minute(
    profiles: Profiles, slack: Sandbox, times: Times
) -> None:
    slack.faults.add(method="users.info", kind="http_500", times=1)
    assert profiles.reader(builders.ALICE).known is False
    times.seconds += LEAVE_ALONE_S - 1
    assert profiles.reader(builders.ALICE).known is False
    times.seconds += 1
    assert profiles.reader(builders.ALICE).known is True


def test_an_old_profile_does_when_slack_is_away(
    profiles: Profiles, slack: Sandbox, times: Times
) -> None:
    profiles.reader(builders.ALICE)
    times.at += timedelta(days=30)
    slack.faults.add(method="users.info", kind="drop_connection", times=1)
    reader = profiles.reader(builders.ALICE)
    assert (reader.zone_name, reader.known) == ("Europe/Paris", True)


def test_names_of_people_who_never_wrote_are_read_ahead_of_need(
    profiles: Profiles, slack: Sandbox
) -> None:
    everybody = frozenset({builders.ALICE, builders.BOB})
    assert profiles.name_of(builders.BOB) == builders.BOB
    assert profiles.refresh(everybody, limit=1) == 1
    assert profiles.refresh(everybody, limit=5) == 1
    assert profiles.refresh(everybody, limit=5) == 0
    assert profiles.name_of(builders.BOB) == "Bob Keller"


def test_reading_ahead_stops_where_slack_does_not_answer(
    profiles: Profiles, slack: Sandbox
) -> None:
    slack.faults.add(method="users.info", kind="http_500", times=1)
    assert profiles.refresh(frozenset({builders.ALICE, builders.BOB}), limit=5) == 0
    assert len(slack.calls("users.info")) == 1

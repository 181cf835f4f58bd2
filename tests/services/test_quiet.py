"""Which messages wait until their reader's quiet hours are over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

import builders
import pytest
from sqlmodel import col

from bot.domain.actor import Person
from bot.domain.cluster import Cluster
from bot.services import delivery
from bot.services.changing import changing
from bot.services.people import remember_person
from bot.services.quiet import held_until
from bot.services.record import post
from bot.services.site import Site
from bot.store import models, queries

NIGHT = (time(22), time(7))
#: Wednesday 22:00 and Thursday 07:00 in Shanghai.
EVENING = builders.TONIGHT
MORNING = EVENING + timedelta(hours=9)
LEASE = timedelta(minutes=1)


@pytest.fixture
def site(open_site: Callable[[Cluster], Site]) -> Site:
    return open_site(builders.cluster(quiet_hours=NIGHT))


def remember(site: Site, user: str, zone_name: str) -> None:
    remember_person(site, Person(user, user, zone_name, "en-US", None, builders.NOW))


def hold(site: Site, recipient: str, now: datetime = EVENING) -> datetime | None:
    with changing(site, now) as change:
        return held_until(change, recipient)


def write(site: Site, topic: str, recipient: str, key: str, now: datetime = EVENING) -> Any:
    with changing(site, now) as change:
        post(change, topic, recipient, f"booking:{key}", key)
    with site.database.snapshot() as connection:
        statement = queries.columns(models.Outbox).where(col(models.Outbox.dedupe_key) == key)
        return connection.execute(statement).one()


def claimed(site: Site, recipient: str, now: datetime) -> str | None:
    found = delivery.claim(site, recipient, now=now, wall=now, lease=LEASE)
    return None if found is None else found.subject


def test_somebody_unknown_sleeps_by_the_clusters_clock(site: Site) -> None:
    assert hold(site, builders.ALICE) == MORNING
    assert hold(site, builders.ALICE, EVENING - timedelta(seconds=1)) is None


def test_somebody_known_sleeps_by_their_own_clock(site: Site) -> None:
    remember(site, builders.ALICE, "America/New_York")
    remember(site, builders.BOB, "Asia/Tokyo")
    assert hold(site, builders.ALICE) is None
    assert hold(site, builders.BOB) == MORNING - timedelta(hours=1)


@pytest.mark.parametrize("zone_name", ["", "Nowhere/Atlantis"])
def test_a_profile_without_a_usable_zone_counts_as_the_clusters(site: Site, zone_name: str) -> None:
    remember(site, builders.ALICE, zone_name)
    assert hold(site, builders.ALICE) == MORNING


def test_channels_are_never_quiet(site: Site) -> None:
    assert hold(site, "C0VISION") is None


def test_without_the_policy_nobody_is_quiet(open_site: Callable[[Cluster], Site]) -> None:
    assert hold(open_site(builders.cluster()), builders.ALICE) is None


@pytest.mark.parametrize("topic", ["notice", "entry"])
def test_what_can_wait_is_written_with_the_end_of_the_quiet_hours(site: Site, topic: str) -> None:
    assert write(site, topic, builders.ALICE, "1").held_until == MORNING


@pytest.mark.parametrize("topic", ["warning", "moved", "offer", "reminder", "idle"])
def test_what_is_urgent_goes_out_at_night(site: Site, topic: str) -> None:
    assert write(site, topic, builders.ALICE, "1").held_until is None


def test_a_held_row_is_nobodys_head_until_the_morning(site: Site) -> None:
    write(site, "notice", builders.ALICE, "1")
    before = MORNING - timedelta(seconds=1)
    assert delivery.heads(site, now=before) == {}
    assert claimed(site, builders.ALICE, before) is None
    assert delivery.heads(site, now=MORNING) == {builders.ALICE: None}
    assert claimed(site, builders.ALICE, MORNING) == "booking:1"


def test_a_held_row_blocks_no_later_one_to_the_same_person(site: Site) -> None:
    write(site, "notice", builders.ALICE, "1")
    write(site, "warning", builders.ALICE, "2")
    assert delivery.heads(site, now=EVENING) == {builders.ALICE: None}
    assert claimed(site, builders.ALICE, EVENING) == "booking:2"


def test_in_the_morning_rows_leave_in_the_order_they_were_written(site: Site) -> None:
    write(site, "notice", builders.ALICE, "1")
    write(site, "notice", builders.ALICE, "2")
    write(site, "warning", builders.ALICE, "3", MORNING)
    left = []
    for _ in range(3):
        found = delivery.claim(site, builders.ALICE, now=MORNING, wall=MORNING, lease=LEASE)
        assert found is not None
        delivery.settle(site, found, delivery.Outcome.SENT, now=MORNING)
        left.append(found.subject)
    assert left == ["booking:1", "booking:2", "booking:3"]


@pytest.mark.parametrize(
    ("outcome", "is_settled"),
    [
        (delivery.Outcome.SENT, True),
        (delivery.Outcome.FAILED, True),
        (delivery.Outcome.SKIPPED, False),
    ],
)
def test_a_row_keeps_when_it_was_sent_or_refused(
    site: Site, outcome: delivery.Outcome, is_settled: bool
) -> None:
    write(site, "warning", builders.ALICE, "1")
    found = delivery.claim(site, builders.ALICE, now=EVENING, wall=EVENING, lease=LEASE)
    assert found is not None
    delivery.settle(site, found, outcome, now=MORNING)
    with site.database.snapshot() as connection:
        row = connection.execute(queries.columns(models.Outbox)).one()
    assert row.state == outcome.value
    assert row.settled_at == (MORNING if is_settled else None)

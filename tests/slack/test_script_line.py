"""`show` tells those who may change a booking how a script asks about it."""

from __future__ import annotations

from datetime import timedelta

import builders
import pytest
from talk import Talk, words

from bot.services.notice import notice_token
from bot.services.site import Site


@pytest.fixture
def reachable(site: Site) -> Site:
    """The site, with an address for its web side, and bob's booking B1."""
    found = Site.open(site.database, site.cluster, lambda: "https://gpu.lab")
    Talk(found, builders.BOB).types("reserve 1 tonight 8h")
    return found


@pytest.mark.parametrize("user", [builders.BOB, builders.ALICE, builders.ADMIN])
def test_whoever_may_change_it_reads_the_command_with_its_token(reachable: Site, user: str) -> None:
    told = words(Talk(reachable, user).types("show B1"))
    token = notice_token(reachable, 1)
    address = "https://gpu.lab/api/v1/bookings/B1/notice"
    assert f"`curl -sH 'Authorization: Bearer {token}' {address}`" in told


@pytest.mark.parametrize("user", [builders.CHEN, builders.STRANGER])
def test_nobody_else_reads_the_token(reachable: Site, user: str) -> None:
    told = words(Talk(reachable, user).types("show B1"))
    assert "B1" in told
    assert notice_token(reachable, 1) not in told


def test_a_booking_that_is_over_needs_no_script(reachable: Site) -> None:
    later = builders.TONIGHT + timedelta(days=1)
    assert "curl" not in words(Talk(reachable, builders.BOB, later).types("show B1"))


def test_without_an_address_there_is_nothing_to_ask(site: Site) -> None:
    bob = Talk(site, builders.BOB)
    bob.types("reserve 1 tonight 8h")
    assert "curl" not in words(bob.types("show B1"))

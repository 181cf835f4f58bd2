"""Buttons that are pressed long after they were shown."""

from __future__ import annotations

from datetime import timedelta

import builders
import pytest
from talk import Talk, captions, words

from bot.services.look import bookings_of, get_booking
from bot.services.site import Site
from bot.slack.context import Reply
from bot.slack.home import home_view


def test_a_window_that_has_passed_is_answered_with_fresh_ones_of_the_same_length(
    alice: Talk, bob: Talk, site: Site
) -> None:
    bob.types("reserve 8 now 4h model A100")
    offer = alice.types("reserve 8 now 4h model A100 p1")
    assert captions(offer)[0] == "Book 8 × A100 at Wed 25 Nov 16:00"
    alice.now += timedelta(hours=6)
    fresh = alice.presses(offer, "Book 8 × A100 at")
    assert fresh is not None
    assert fresh.replace
    assert "That time has passed" in words(fresh)
    assert "4 h or longer" in words(fresh)
    assert bookings_of(site, builders.ALICE, now=alice.now) == ()
    alice.presses(fresh, "Book 8 × A100 now")
    (booking,) = bookings_of(site, builders.ALICE, now=alice.now)
    assert (booking.gpus, booking.priority.name) == (8, "P1")
    assert booking.window.start == alice.now
    assert booking.window.length >= timedelta(hours=4)


def test_where_nothing_fits_any_more_the_form_is_offered(alice: Talk, admin: Talk) -> None:
    alice.types("reserve 8 now 4h model A100")
    offer = alice.types("reserve 8 now 4h model A100")
    admin.types("node drain gpu-03 broken")
    alice.now += timedelta(hours=6)
    fresh = alice.presses(offer, "Book 8 × A100 at")
    assert fresh is not None
    assert "No window for 8 × A100" in words(fresh)
    assert captions(fresh) == ["Join waitlist", "Change…"]


@pytest.mark.parametrize("hours", [1, 5, 30])
def test_book_now_on_an_old_home_books_from_now_for_as_long(
    alice: Talk, site: Site, hours: int
) -> None:
    view = {**home_view(site, alice.call().reader, alice.now), "id": "V0"}
    alice.now += timedelta(hours=hours)
    assert alice.presses(view, "Book 1 × A100 now") is None
    assert alice.window is not None
    assert alice.window["title"]["text"] == "Booked"
    booking = get_booking(site, 1)
    assert booking.window.start == alice.now
    assert timedelta(hours=2) <= booking.window.length < timedelta(hours=4)


def test_book_now_that_is_taken_meanwhile_says_by_whom_and_offers_others(
    alice: Talk, bob: Talk
) -> None:
    offer = alice.types("free 8 4h model A100")
    bob.now = alice.now = alice.now + timedelta(hours=1)
    bob.types("reserve 8 now 4h model A100")
    reply = alice.presses(offer, "Book 8 × A100 now")
    assert reply is not None
    assert f"<@{builders.BOB}>" in words(reply)
    assert captions(reply)[0].startswith("Book 8 × A100 at")


def test_an_altered_button_for_an_endless_past_window_is_refused(alice: Talk) -> None:
    reply = alice.acts(Reply("x"), "book", '{"n":1,"w":[[0,4102444800]]}')
    assert reply is not None
    assert "is too long" in words(reply)


def test_an_old_page_of_the_status_shows_what_is_now(alice: Talk) -> None:
    page = alice.types("status tomorrow 22:00")
    alice.now += timedelta(days=3)
    fresh = alice.presses(page, "Refresh")
    assert fresh is not None
    assert "are free now" in words(fresh)

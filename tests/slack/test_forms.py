"""Forms: when they open, what they begin with, and where their outcome is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import builders
import pytest
from talk import Talk, captions, state, words

from bot.domain.booking import BookingState
from bot.services.look import bookings_of, get_booking
from bot.services.site import Site
from bot.slack.context import FormErrors, FormUpdate, Reply
from bot.slack.home import home_view

FORMS = ["extend", "move", "transfer", "give_up_form"]


def values(view: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The window as Slack sends it with a press: what its fields hold, and its blocks."""
    return {**view, "state": {"values": state(view, fields)}}


def field(view: dict[str, Any], block_id: str) -> Any:
    """What that field holds."""
    (value,) = state(view, {})[block_id].values()
    return value.get("value") or value.get("selected_date_time") or value.get("selected_option")


@pytest.mark.parametrize("form", FORMS)
def test_a_form_does_not_open_for_somebody_who_may_not_use_it(
    alice: Talk, site: Site, form: str
) -> None:
    alice.types("reserve 4 tonight 8h")
    dana = Talk(site, builders.DANA)
    reply = dana.acts(Reply("card"), form, "1")
    assert reply is not None
    assert "Only its owner" in words(reply)
    assert dana.window is None


@pytest.mark.parametrize("form", FORMS)
def test_a_form_does_not_open_for_a_booking_that_is_over(alice: Talk, form: str) -> None:
    alice.types("reserve 4 tonight 8h")
    alice.types("cancel B1")
    reply = alice.acts(Reply("card"), form, "1")
    assert reply is not None
    assert words(reply) == "B1 is cancelled already; nothing was changed."
    assert alice.window is None


def test_the_form_to_move_does_not_open_for_a_running_booking(alice: Talk) -> None:
    alice.types("reserve 4 now 8h")
    reply = alice.types("move B1")
    assert "B1 is running and cannot be moved. You can release or extend it." in words(reply)


def test_the_form_to_drain_opens_for_admins_only(alice: Talk, admin: Talk) -> None:
    reply = alice.acts(Reply("nodes"), "drain", "gpu-01")
    assert reply is not None
    assert "Only admins" in words(reply)
    unknown = admin.acts(Reply("nodes"), "drain", "gpu-99")
    assert unknown is not None
    assert "no node called “gpu-99”" in words(unknown)


def test_a_menu_of_several_bookings_chooses_none_by_itself(alice: Talk, site: Site) -> None:
    alice.types("reserve 1 tonight 4h")
    alice.types("reserve 1 tomorrow 22:00 4h")
    alice.opens("cancel")
    answer = alice.submits()
    assert isinstance(answer, FormErrors)
    assert list(answer.errors) == ["booking"]
    assert len(bookings_of(site, builders.ALICE, now=alice.now)) == 2
    alice.submits(booking="2")
    assert get_booking(site, 2).state is BookingState.CANCELLED


def test_a_menu_that_cannot_hold_all_bookings_says_so(
    alice: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.slack.blocks.inputs.OPTIONS", 2)
    alice.types("reserve 1 tonight 4h")
    alice.types("reserve 1 tonight 4h")
    assert "hint" not in alice.opens("extend")["blocks"][0]
    alice.types("reserve 1 tonight 4h")
    menu = alice.opens("extend")["blocks"][0]
    assert len(menu["element"]["options"]) == 2
    assert "next 2 are listed" in menu["hint"]["text"]


def test_a_change_reported_after_a_conflict_leaves_the_conflict_and_its_buttons(
    alice: Talk,
) -> None:
    alice.types("reserve 8 now 8h model A100")
    alice.opens("reserve")
    answer = alice.submits(gpus=8, length="4h", model="=A100")
    assert isinstance(answer, FormUpdate)
    assert alice.window is not None
    before = alice.window["blocks"][:2]
    assert captions(alice.window)
    alice.acts(values(alice.window), "reserve_field", "4h")
    assert alice.window["blocks"][:2] == before


def test_a_change_reported_after_a_refusal_leaves_what_was_said(site: Site) -> None:
    stranger = Talk(site, builders.STRANGER)
    stranger.opens("reserve")
    assert isinstance(stranger.submits(), FormUpdate)
    assert stranger.window is not None
    stranger.acts(values(stranger.window), "reserve_field", "1")
    assert "not in any team" in words(stranger.window)
    stranger.submits()
    assert words(stranger.window).count("not in any team") == 1


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"gpus": 2}, ":large_green_circle: Free"),
        ({"gpus": None}, ":white_circle: How many GPUs?"),
        ({"length": "soon"}, ":warning: I did not understand “soon”."),
    ],
)
def test_every_availability_line_begins_with_a_sign(
    alice: Talk, fields: dict[str, Any], line: str
) -> None:
    form = alice.opens("reserve")
    alice.acts(values(form, **fields), "reserve_field", "")
    assert alice.window is not None
    assert words(alice.window).startswith(line)


def test_the_form_says_next_to_the_priority_what_it_means_for_eviction(alice: Talk) -> None:
    blocks = alice.opens("reserve")["blocks"]
    ids = [block["block_id"] for block in blocks]
    place = ids.index("preemptible")
    assert ids[place - 1] == "priority"
    assert "P2 may be evicted, P1 and P0 may not" in blocks[place]["hint"]["text"]


def test_the_form_begins_with_what_was_understood_of_the_words(alice: Talk) -> None:
    reply = alice.types('reserve 3 tommorow 22:00 20h modl A100 p1 firm "a run"')
    alice.presses(reply, "Use the form…")
    assert alice.window is not None
    assert field(alice.window, "gpus") == "3"
    assert field(alice.window, "length") == "20h"
    assert field(alice.window, "model") == {"value": "=A100"}
    assert field(alice.window, "priority") == {"value": "1"}
    assert field(alice.window, "preemptible") == {"value": "=no"}
    assert field(alice.window, "purpose") == "a run"
    assert datetime.fromtimestamp(field(alice.window, "start"), UTC) == builders.TONIGHT


@pytest.mark.parametrize(
    ("text", "field_id", "value"),
    [
        ("reserve 4 tomorrow 8h", "start", int(datetime(2026, 11, 25, 16, tzinfo=UTC).timestamp())),
        ("reserve 4 yesterday 22:00 8h", "start", None),
        ("reserve 4 8h on nowhere", "node", {"value": "="}),
        ("reserve 4 tonight until friday", "length", "2h"),
        ("reserve 4 xyz tonight until fri 8:00", "length", "36h"),
        ("reserve 4 tonight -8h", "gpus", "4"),
    ],
)
def test_what_cannot_be_used_is_left_open_in_the_form(
    alice: Talk, text: str, field_id: str, value: object
) -> None:
    alice.presses(alice.types(text), "Use the form…")
    assert alice.window is not None
    assert field(alice.window, field_id) == value


def test_words_too_long_for_a_button_lead_to_an_empty_form(alice: Talk) -> None:
    alice.presses(alice.types(f"reserve 4 {'x' * 2500}"), "Use the form…")
    assert alice.window is not None
    assert field(alice.window, "gpus") == "1"


def test_booking_by_a_button_in_the_form_is_told_in_the_conversation_it_came_from(
    alice: Talk,
) -> None:
    alice.types("reserve 8 now 8h model A100")
    alice.opens("reserve")
    alice.submits(gpus=8, length="4h", model="=A100")
    assert alice.window is not None
    told = alice.presses(alice.window, "Book 8 × A100 at")
    assert told is not None
    assert "*B2* 8 × A100 on gpu-03" in words(told)
    assert "Extend…" in captions(told)
    assert alice.window["title"]["text"] == "Booked"
    assert words(alice.window) == ":white_check_mark: Booked B2."


@pytest.mark.parametrize(
    ("caption", "title"), [("Status", "Status"), ("What is free", "Free GPUs"),
                           ("My bookings", "My bookings")]
)  # fmt: skip
def test_a_window_is_called_by_what_it_shows(
    alice: Talk, site: Site, caption: str, title: str
) -> None:
    view = {**home_view(site, alice.call().reader, alice.now), "id": "V0"}
    assert alice.presses(view, caption) is None
    assert alice.window is not None
    assert alice.window["title"]["text"] == title


def test_a_refusal_on_the_home_is_a_window_of_its_own(alice: Talk, site: Site) -> None:
    alice.types("reserve 1 tonight 4h")
    view = {**home_view(site, alice.call().reader, alice.now), "id": "V0"}
    alice.now += timedelta(days=2)
    alice.presses(view, "Cancel…")
    assert alice.window is not None
    assert alice.window["title"]["text"] == "Not possible"
    assert "B1 is over already" in words(alice.window)

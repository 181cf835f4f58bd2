"""Booking by words, by form and by button."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import builders
import pytest
from talk import Talk, captions, reader, state, words

from bot.domain.actor import Person
from bot.domain.cluster import Cluster
from bot.services.look import bookings_of, get_booking, history
from bot.services.site import Site
from bot.slack.context import FormErrors, FormUpdate, Reply
from bot.slack.reader import Reader


def booked(site: Site, user: str = builders.ALICE) -> list[tuple[int, int]]:
    """Ids and GPUs of somebody's bookings."""
    return [(b.id, b.gpus) for b in bookings_of(site, user, now=builders.NOW)]


def test_words_book_and_the_confirmation_says_what_and_offers_what_comes_next(
    alice: Talk,
) -> None:
    reply = alice.types('reserve 4 tomorrow 22:00 20h "train *it*"')
    assert "*B1* 4 × V100 on gpu-01" in words(reply)
    assert "(20 h)" in words(reply)
    assert "“train ∗it∗”" in words(reply)
    assert captions(reply) == ["Extend…", "Transfer…", "Cancel…"]


def test_the_same_command_delivered_twice_books_once(alice: Talk, site: Site) -> None:
    first = alice.types("reserve 2 tonight 8h", key="command:1")
    again = alice.types("reserve 2 tonight 8h", key="command:1")
    assert words(first) == words(again)
    assert len(booked(site)) == 1


def test_a_conflict_names_the_holder_and_offers_windows_that_can_be_booked(
    alice: Talk, bob: Talk, site: Site
) -> None:
    bob.types("reserve 8 tonight 8h model A100 p1")
    reply = alice.types("reserve 8 tonight 8h model A100")
    assert "*8 × A100 are not free*" in words(reply)
    one = alice.types("reserve 1 tonight 8h model A100")
    assert "*1 × A100 is not free*" in words(one)
    assert f"gpu-03: *B1* <@{builders.BOB}> (team vision) has 8 GPUs until" in words(reply)
    assert ", P1" in words(reply)
    done = alice.presses(reply, "Book 8 × A100 at")
    assert done is not None
    assert "Booked" in words(done)
    assert done.replace
    assert booked(site) == [(2, 8)]


def test_a_conflict_says_how_the_time_was_rounded(alice: Talk) -> None:
    alice.types("reserve 8 tonight 8h model A100")
    reply = alice.types("reserve 8 today 22:30 3h model A100")
    assert "not free" in words(reply)
    assert "the beginning of the slot, and rounded to 4 h" in words(reply)


def test_more_than_one_model_has_can_be_taken_from_any_nodes_by_a_click(
    alice: Talk, site: Site
) -> None:
    reply = alice.types("reserve 12 tonight 8h")
    assert "ask for 1 to 8, or add `spread`" in words(reply)
    alice.presses(reply, "Book 12 GPUs from any nodes")
    assert booked(site) == [(1, 12)]


def test_more_than_there_are_is_refused_with_the_bound_that_the_form_has(alice: Talk) -> None:
    assert "ask for 1 to 16." in words(alice.types("reserve 17 tonight 8h"))
    form = alice.opens("reserve")
    (gpus,) = [block for block in form["blocks"] if block.get("block_id") == "gpus"]
    assert gpus["element"]["max_value"] == "16"


def test_alternatives_are_of_different_kinds(alice: Talk) -> None:
    alice.types("reserve 2 tonight 8h on gpu-01")
    reply = alice.types("reserve 4 tonight 8h on gpu-01")
    offers = captions(reply)
    assert any(caption.startswith("Book 4 × V100 at") for caption in offers)
    assert any(caption.startswith("Book 2 × V100 at") for caption in offers)
    assert offers[-1] == "Change…"


def test_an_alternative_that_is_gone_meanwhile_gives_fresh_ones(alice: Talk, bob: Talk) -> None:
    alice.types("reserve 8 tonight 8h model A100")
    offer = alice.types("reserve 8 tonight 8h model A100")
    caption = captions(offer)[0]
    taken = bob.presses(offer, caption)
    assert taken is not None
    assert "Booked" in words(taken)
    fresh = alice.presses(offer, caption)
    assert fresh is not None
    assert "not free" in words(fresh)
    assert fresh.replace
    assert captions(fresh)[0] != caption


def test_the_same_click_twice_books_once(alice: Talk, site: Site) -> None:
    offer = alice.types("free 2 8h")
    alice.presses(offer, "Book", key="press:1")
    alice.presses(offer, "Book", key="press:1")
    assert len(booked(site)) == 1


def test_less_than_a_slot_is_refused_with_a_button_that_books_the_slot(
    alice: Talk, site: Site
) -> None:
    reply = alice.types("reserve 1 tonight 22:00 30m")
    assert "2 h slots" in words(reply)
    alice.presses(reply, "Book 2 h")
    (booking,) = bookings_of(site, builders.ALICE, now=builders.NOW)
    assert booking.window.length == timedelta(hours=2)


@pytest.mark.parametrize(
    ("caption", "gpus"), [("Book 4 GPUs", 4), ("Book 8 GPUs", 8), ("Book 6 GPUs from any", 6)]
)
def test_a_count_that_fills_no_whole_nodes_can_be_mended_by_a_click(
    alice: Talk, site: Site, caption: str, gpus: int
) -> None:
    reply = alice.types("reserve 6 tonight 8h model V100")
    alice.presses(reply, caption)
    assert booked(site) == [(1, gpus)]


def test_a_time_that_occurs_twice_is_asked_about_with_two_buttons(
    open_site: Callable[[Cluster], Site],
) -> None:
    paris = replace(builders.cluster(), zone=ZoneInfo("Europe/Paris"), zone_name="Europe/Paris")
    talk = Talk(open_site(paris), now=datetime(2026, 10, 24, 12, 0, tzinfo=UTC))
    reply = talk.types("reserve 2 2026-10-25 02:30 4h")
    assert [caption[-11:] for caption in captions(reply)] == ["(UTC+02:00)", "(UTC+01:00)"]
    talk.presses(reply, captions(reply)[1])
    booking = get_booking(talk.site, 1)
    # 02:30 the second time lies in the slot that begins at 02:00 the first time.
    assert datetime(2026, 10, 25, 1, 30, tzinfo=UTC) in booking.window


@pytest.mark.parametrize(
    "text",
    [
        "reserve 4",
        "reserve tomorrow 22:00 8h",
        "reserve 4 tomorrow 22:00",
        "reserve 99999 now 8h",
        "reserve 0 now 8h",
        "reserve 4 yesterday 8h",
        "reserve 4 now 8h on nowhere",
        "reserve 4 now 8h \x07\x1b[31m",
        "reserve 4 now 900h",
        "extend",
        "extend B99 4h",
        "move x",
        "show",
        "show B99",
        "cancel B99",
        "release what",
        "transfer B1",
        "node drain",
        "node resume",
        "node smash gpu-01",
        "status when?",
        "free x y z",
        "audit B99",
        "\u00a0frobnicate\u00a0",
    ],
)
def test_bad_input_gets_a_clear_private_answer_without_an_incident(
    admin: Talk, site: Site, text: str
) -> None:
    reply = admin.types(text)
    assert "went wrong" not in words(reply)
    assert "\x07" not in words(reply)
    assert "\x1b" not in words(reply)
    assert booked(site, builders.ADMIN) == []


def test_the_form_opens_with_sensible_values_and_says_what_is_free(alice: Talk) -> None:
    form = alice.opens("reserve")
    assert "Free: fits on" in words(form)
    fields = [block["block_id"] for block in form["blocks"] if block["type"] == "input"]
    assert fields == [
        "gpus", "start", "length", "model", "node", "spread", "priority", "preemptible", "team",
        "purpose",
    ]  # fmt: skip


def test_the_form_books_what_it_holds(alice: Talk, site: Site) -> None:
    alice.opens("reserve")
    answer = alice.submits(
        gpus=2, start=builders.TONIGHT, length="1d", priority="1", purpose="a run", model="=A100"
    )
    assert isinstance(answer, Reply)
    booking = get_booking(site, 1)
    assert (booking.gpus, booking.nodes, booking.purpose) == (2, ("gpu-03",), "a run")
    assert (booking.window.start, booking.window.length) == (builders.TONIGHT, timedelta(days=1))
    assert not booking.preemptible


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"gpus": 6, "model": "=V100"}, "gpus"),
        ({"gpus": 16}, "gpus"),
        ({"gpus": None}, "gpus"),
        ({"length": "soon"}, "length"),
        ({"length": "30m"}, "length"),
        ({"length": "90d"}, "length"),
        ({"start": builders.NOW - timedelta(hours=3)}, "start"),
        ({"start": builders.NOW + timedelta(days=200)}, "start"),
        ({"gpus": 8, "node": "=gpu-01"}, "gpus"),
    ],
)
def test_an_error_stands_at_the_field_it_belongs_to(
    alice: Talk, site: Site, fields: dict[str, object], wrong: str
) -> None:
    alice.opens("reserve")
    answer = alice.submits(**fields)
    assert isinstance(answer, FormErrors), answer
    assert list(answer.errors) == [wrong]
    assert booked(site) == []


def test_a_conflict_in_the_form_keeps_the_input_and_offers_buttons(alice: Talk, site: Site) -> None:
    alice.types("reserve 8 now 8h model A100")
    alice.opens("reserve")
    answer = alice.submits(gpus=8, length="4h", model="=A100", purpose="mine")
    assert isinstance(answer, FormUpdate)
    assert alice.window is not None
    assert state(alice.window, {})["purpose"]["field"]["value"] == "mine"
    assert state(alice.window, {})["length"]["reserve_field"]["value"] == "4h"
    alice.presses(alice.window, "Book 8 × A100 at")
    assert "Booked" in words(alice.window)
    assert len(booked(site)) == 2


def test_the_availability_line_follows_the_fields(alice: Talk) -> None:
    alice.types("reserve 8 now 8h model A100")
    form = alice.opens("reserve")
    changed = {**form, "state": {"values": state(form, {"gpus": 8, "model": "=A100"})}}
    assert alice.acts(changed, "reserve_field", "8") is None
    assert alice.window is not None
    assert "8 × A100 are not free" in words(alice.window)
    assert f"<@{builders.ALICE}>" in words(alice.window)
    assert captions(alice.window)[0].startswith("Book 8 × A100 at")
    assert state(alice.window, {})["gpus"]["reserve_field"]["value"] == "8"


def test_the_form_of_a_large_cluster_is_within_slacks_limits(
    open_site: Callable[[Cluster], Site],
) -> None:
    talk = Talk(open_site(builders.cluster(nodes=many_nodes())))
    talk.opens("reserve")


def many_nodes() -> tuple[builders.Node, ...]:
    return tuple(builders.Node(f"gpu-{i:03}", 8, "H100") for i in range(128))


def test_lists_of_a_large_and_full_cluster_are_within_slacks_limits(
    open_site: Callable[[Cluster], Site],
) -> None:
    talk = Talk(open_site(builders.cluster(nodes=many_nodes())))
    for i in range(40):
        talk.types(f'reserve {1 + i % 4} now 8h on gpu-{i % 8:03} "{"long purpose " * 20}"')
    page = talk.types("status")
    assert "of 1024 GPUs are free" in words(page)
    for _ in range(7):
        following = talk.presses(page, next(c for c in captions(page) if " of " in c))
        assert following is not None
        page = following
    assert "gpu-127" in words(page)
    for text in ("mine", "node", "audit", "free 3 8h", "help"):
        talk.types(text)


def test_an_unreadable_profile_is_said_with_the_zone_that_was_used(site: Site) -> None:
    unknown = replace(reader(site, builders.ALICE), known=False)
    reply = Talk(site, reader=unknown).types("reserve 2 tonight 8h")
    assert "Asia/Shanghai, because I cannot read your profile" in words(reply)


def test_a_zone_that_is_not_known_here_is_named_as_it_stands_in_the_profile(site: Site) -> None:
    dana = Person(builders.DANA, "Dana", "Mars/<!here>", "en-US", None, builders.NOW)
    reply = Talk(site, reader=Reader.of_person(dana, site.cluster)).types("reserve 2 tonight 8h")
    assert "in Asia/Shanghai, because I do not know Mars/&lt;!here&gt;, the time" in words(reply)
    assert "cannot read your profile" not in words(reply)


def test_pressing_cancel_asks_for_a_reason_and_then_frees_the_gpus(alice: Talk, site: Site) -> None:
    alice.presses(alice.types("reserve 2 tonight 8h"), "Cancel…")
    done = alice.submits(reason="the data is not ready")
    assert isinstance(done, Reply)
    assert "B1 is cancelled" in words(done)
    assert booked(site) == []
    assert history(site, 1)[-1].reason == "the data is not ready"


def test_what_runs_can_be_released_in_part_from_its_confirmation(alice: Talk, site: Site) -> None:
    alice.presses(alice.types("reserve 4 now 8h"), "Release…")
    alice.submits(gpus=3)
    assert booked(site) == [(1, 1)]


def test_invisible_characters_of_a_paste_are_ignored(alice: Talk) -> None:
    assert "Booked" in words(alice.types("reserve \x07 1 tonight 2h \u202e\x07"))


def test_just_after_a_line_a_slot_is_called_by_its_length(site: Site) -> None:
    talk = Talk(site, builders.ALICE, now=builders.TONIGHT + timedelta(minutes=1))
    reply = talk.types("reserve 1 now 1h")
    assert "Book 2 h" in captions(reply)


def test_who_is_no_admin_hears_it_before_anything_else(alice: Talk) -> None:
    for text in ("node drain gpu-01", "node resume"):
        assert "Only admins" in words(alice.types(text))

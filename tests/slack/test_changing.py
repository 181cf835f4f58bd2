"""Changing bookings: by words, by form and by button; and who hears of it."""

from __future__ import annotations

import json
from datetime import timedelta

import builders
import pytest
from talk import Talk, captions, reader, words
from told import last

from bot.domain.booking import BookingState
from bot.sandbox.blocks import checked_view
from bot.services.audit_fault import Fault, acknowledge, keep_fault
from bot.services.look import get_booking, history, open_transfer
from bot.services.site import Site
from bot.slack.blocks.history import SENTENCES
from bot.slack.context import FormErrors, FormUpdate, Reply
from bot.slack.home import home_view


def test_the_card_says_who_what_where_when_and_has_buttons(alice: Talk, site: Site) -> None:
    alice.types('reserve 4 tonight 8h p1 "the <run>"')
    card = last(site, alice, "card", "C0VISION")
    text = words(card)
    for part in (f"<@{builders.ALICE}>", "*4 × V100* on gpu-01", "(8 h)", "reserved", "P1 · firm"):
        assert part in text
    assert "the &lt;run&gt;" in text
    assert card.living
    assert captions(card) == ["Show", "Extend…", "Cancel…"]


def test_the_menu_on_the_card_opens_the_form_it_names(alice: Talk, site: Site) -> None:
    alice.types("reserve 4 tonight 8h")
    alice.acts(Reply("card"), "more", "move:1")
    assert alice.window is not None
    assert alice.window["title"]["text"] == "Move a booking"


def test_a_card_is_struck_down_to_one_line_when_the_booking_is_over(
    alice: Talk, admin: Talk, site: Site
) -> None:
    alice.types("reserve 4 tonight 8h")
    admin.types("cancel B1 fire drill")
    card = last(site, alice, "card", "C0VISION")
    assert card.text.startswith("~B1 · ")
    assert f"<@{builders.ADMIN}> cancelled it: “fire drill”" in card.text
    assert len(card.blocks) == 1


def test_what_happens_stands_in_words_in_the_thread(alice: Talk, site: Site) -> None:
    alice.types("reserve 4 tonight 8h")
    alice.types("extend B1 4h")
    event = last(site, alice, "event", "C0VISION")
    assert f"<@{builders.ALICE}> extended it by 4 h, until" in event.text
    assert event.thread_of == "booking:1"


def test_extending_into_somebody_elses_time_offers_the_longest_that_is_possible(
    alice: Talk, bob: Talk, site: Site
) -> None:
    alice.types("reserve 4 now 4h on gpu-01")
    bob.types("reserve 4 today 18:00 4h on gpu-01")
    reply = alice.types("extend B1 8h")
    assert f"<@{builders.BOB}>" in words(reply)
    done = alice.presses(reply, "Extend by 2 h")
    assert done is not None
    assert "B1 is extended until" in words(done)


def test_extending_by_the_form_keeps_it_open_with_the_longest_as_a_button(
    alice: Talk, bob: Talk
) -> None:
    alice.types("reserve 4 now 4h on gpu-01")
    bob.types("reserve 4 today 18:00 4h on gpu-01")
    alice.opens("extend B1")
    assert isinstance(alice.submits(length="8h"), FormUpdate)
    assert alice.window is not None
    alice.presses(alice.window, "Extend by 2 h")
    assert "B1 is extended until" in words(alice.window)


@pytest.mark.parametrize(
    ("length", "rounded"), [("3h", True), ("30m", True), ("3m", True), ("4h", False)]
)
def test_that_an_extension_was_rounded_is_said(alice: Talk, length: str, rounded: bool) -> None:
    alice.types("reserve 4 tonight 4h")
    by_words = alice.types(f"extend B1 {length}").text
    alice.opens("extend B1")
    by_form = alice.submits(length=length)
    assert isinstance(by_form, Reply)
    for said in (by_words, by_form.text):
        assert ("Rounded to the end of the slot" in said) is rounded


@pytest.mark.parametrize("length", ["100m", "4h", "1.5d"])
def test_the_form_for_a_reason_begins_with_the_length_that_was_typed(
    alice: Talk, bob: Talk, length: str
) -> None:
    bob.types("reserve 4 tonight 4h on gpu-01")
    alice.opens(f"extend B1 {length}")
    answer = alice.submits(reason="it is not done")
    assert isinstance(answer, Reply)
    assert "B1 is extended until" in answer.text


def test_a_form_for_somebody_elses_booking_asks_for_a_reason(alice: Talk, bob: Talk) -> None:
    bob.types("reserve 2 tonight 8h")
    own = bob.opens("extend B1")
    assert "reason" not in [block.get("block_id") for block in own["blocks"]]
    theirs = alice.opens("extend B1 4h")
    (field,) = [block for block in theirs["blocks"] if block.get("block_id") == "reason"]
    assert field["optional"] is False


def test_a_verb_without_an_id_lets_one_choose_among_the_bookings_that_suit(
    alice: Talk, site: Site
) -> None:
    alice.types("reserve 2 now 8h")
    alice.types("reserve 2 tomorrow 22:00 8h")
    form = alice.opens("cancel")
    options = form["blocks"][0]["element"]["options"]
    assert [choice["value"] for choice in options] == ["2"]
    alice.submits()
    assert get_booking(site, 2).state is BookingState.CANCELLED


def test_moving_to_a_taken_time_leaves_the_booking_and_offers_starts(
    alice: Talk, bob: Talk, site: Site
) -> None:
    alice.types("reserve 8 tonight 4h model A100")
    bob.types("reserve 8 tomorrow 20:00 4h model A100")
    before = get_booking(site, 1).window
    reply = alice.types("move B1 tomorrow 20:00")
    assert "it stays where it is" in words(reply)
    assert get_booking(site, 1).window == before
    alice.presses(reply, "Move to")
    assert get_booking(site, 1).window != before


def test_a_start_between_the_lines_of_the_grid_is_rounded_and_the_answer_says_so(
    alice: Talk,
) -> None:
    alice.types("reserve 8 tonight 4h model A100")
    said = words(alice.types("move B1 tomorrow 9am"))
    assert "the beginning of the slot, and rounded to 6 h." in said
    assert "rounded" not in words(alice.types("move B1 tomorrow 20:00"))


def test_releasing_a_part_keeps_the_rest(alice: Talk, site: Site) -> None:
    alice.types("reserve 4 now 8h")
    alice.opens("release")
    alice.window = None
    alice.acts(Reply("card"), "give_up_form", "1")
    reply = alice.submits(gpus=3)
    assert isinstance(reply, Reply)
    assert "B1 keeps 1 GPU." in words(reply)


@pytest.mark.parametrize("count", ["0", "-1", "3"])
def test_giving_back_more_or_less_than_there_is_names_what_there_is(
    alice: Talk, count: str
) -> None:
    alice.types("reserve 2 now 8h")
    assert "B1 has 2 GPUs: release 1 or 2." in words(alice.types(f"release B1 {count}"))


def test_cancelling_what_runs_says_release_with_a_button_for_it(alice: Talk) -> None:
    alice.types("reserve 4 now 8h")
    reply = alice.types("cancel B1")
    alice.presses(reply, "Release…")
    assert alice.window is not None
    assert alice.window["title"]["text"] == "Release GPUs"


def test_words_that_cannot_be_read_lead_to_the_form_by_a_button(alice: Talk) -> None:
    alice.types("reserve 4 tonight 8h")
    alice.presses(alice.types("transfer b1 @bob"), "Use the form…")
    assert alice.window is not None
    assert alice.window["title"]["text"] == "Transfer a booking"


def test_a_transfer_is_offered_accepted_and_told(alice: Talk, bob: Talk, site: Site) -> None:
    alice.types("reserve 4 tonight 8h")
    alice.types(f"transfer B1 <@{builders.BOB}|bob>")
    offer = last(site, bob, "transfer", builders.BOB)
    assert captions(offer) == ["Accept B1", "Decline", "Show"]
    assert f"to <@{builders.BOB}>" in last(site, bob, "event", "C0VISION").text
    transfer = open_transfer(site, 1)
    assert transfer is not None
    reply = bob.acts(Reply("x"), "transfer_accept", str(transfer.id))
    assert reply is not None
    assert "B1 is yours now" in words(reply)
    assert "You accepted" in last(site, bob, "transfer", builders.BOB).text
    notice = last(site, alice, "notice", builders.ALICE)
    assert f"<@{builders.BOB}> accepted it from <@{builders.ALICE}>" in notice.text


def test_a_declined_transfer_tells_the_giver_what_they_can_do(
    alice: Talk, bob: Talk, site: Site
) -> None:
    alice.types("reserve 4 tonight 8h")
    alice.opens("transfer B1")
    alice.submits(receiver=builders.BOB, reason="on leave")
    bob.acts(Reply("x"), "transfer_decline", "1")
    notice = last(site, alice, "notice", builders.ALICE)
    assert "declined to take it over" in notice.text
    assert "Transfer…" in captions(notice)


def test_a_booking_that_changes_team_leaves_a_word_in_the_old_channel(
    alice: Talk, site: Site
) -> None:
    chen = Talk(site, builders.CHEN)
    alice.types("reserve 4 tonight 8h")
    alice.types(f"transfer B1 <@{builders.CHEN}>")
    chen.acts(Reply("x"), "transfer_accept", "1")
    assert "now belongs to team nlp" in last(site, alice, "card", "C0VISION").text
    assert f"<@{builders.CHEN}>" in last(site, alice, "card", "C0NLP").text


def test_only_those_allowed_can_use_the_buttons_of_a_card(alice: Talk, site: Site) -> None:
    dana = Talk(site, builders.DANA)
    alice.types("reserve 4 tonight 8h")
    reply = dana.acts(Reply("card"), "give_up_form", "1")
    assert reply is not None
    assert "Only its owner" in words(reply)
    assert get_booking(site, 1).state.is_live


def test_a_notice_says_who_and_why_and_offers_the_same_again(
    alice: Talk, bob: Talk, site: Site
) -> None:
    bob.types('reserve 4 tonight 8h "mine"')
    alice.opens("cancel B1")
    reply = alice.submits(reason="need the node")
    assert isinstance(reply, Reply)
    notice = last(site, bob, "notice", builders.BOB)
    assert f"<@{builders.ALICE}> cancelled it: “need the node”" in notice.text
    bob.presses(Reply("notice", notice.blocks), "Book again…")
    assert bob.window is not None
    assert bob.window["title"]["text"] == "Reserve GPUs"


def test_draining_a_node_lists_what_it_did_and_tells_the_owners(
    alice: Talk, admin: Talk, site: Site
) -> None:
    alice.types("reserve 4 now 4h on gpu-01")
    alice.types("reserve 4 tomorrow 10:00 4h on gpu-01")
    alice.types("reserve 4 tomorrow 14:00 4h model V100")
    page = admin.types("node")
    admin.presses(page, "Drain…")
    reply = admin.submits(reason="broken fan")
    assert isinstance(reply, Reply)
    assert "Running there until they end" in words(reply)
    assert "No other node is free" in words(reply)
    assert "out of service" in last(site, admin, "node", "C0OPS").text
    assert last(site, alice, "notice", builders.ALICE)
    admin.presses(reply, "Resume")
    assert "back in service" in last(site, admin, "node", "C0OPS").text


def test_a_drain_without_a_reason_is_refused_at_its_field(admin: Talk) -> None:
    admin.presses(admin.types("node"), "Drain…")
    answer = admin.submits(reason=None)
    assert isinstance(answer, FormErrors)
    assert list(answer.errors) == ["reason"]


def test_nodes_are_drained_only_by_those_who_see_the_button(alice: Talk) -> None:
    assert captions(alice.types("node")) == []
    assert "Only admins" in words(alice.types("node drain gpu-01 because"))


def test_show_has_the_whole_booking_and_buttons_only_for_those_who_may(
    alice: Talk, site: Site
) -> None:
    alice.types("reserve 4 tonight 8h")
    alice.types("extend B1 2h")
    shown = alice.types("b1")
    assert "reserved 4 GPUs on gpu-01" in words(shown)
    assert "extended it by 2 h" in words(shown)
    assert "Move…" in captions(shown)
    assert captions(Talk(site, builders.DANA).types("show 1")) == []


def test_every_audit_action_has_a_sentence(alice: Talk, bob: Talk, admin: Talk, site: Site) -> None:
    alice.types("reserve 4 now 8h")
    alice.types("release B1 2")
    alice.types("release B1")
    alice.types("reserve 4 tomorrow 10:00 4h")
    alice.types("move B2 tomorrow 12:00")
    alice.types("extend B2 2h")
    alice.types(f"transfer B2 <@{builders.BOB}>")
    alice.acts(Reply("x"), "transfer_withdraw", "1")
    admin.types("node drain gpu-01 smoke")
    admin.types("node drain gpu-02 smoke")
    admin.types("node resume gpu-01")
    alice.types("cancel B2")
    actions = {record.action for record in history(site, None, limit=100)}
    assert actions <= set(SENTENCES)
    assert "None" not in words(alice.types("audit"))


def test_the_history_says_who_looked_into_the_audit_log(alice: Talk, site: Site) -> None:
    for said, by in (("a <disk>", "carol"), ("a standby took over", "")):
        keep_fault(site, Fault(6, "it is gone", builders.NOW.isoformat()))
        acknowledge(site, said, now=builders.NOW, by=by)
    told = words(alice.types("audit"))
    assert "carol, on the server, looked into the audit log at record 6: a &lt;disk&gt;" in told
    assert "An operator looked into the audit log at record 6: a standby took over" in told


def test_the_home_has_my_bookings_what_is_free_and_my_team(
    alice: Talk, bob: Talk, site: Site
) -> None:
    bob.types("reserve 2 tomorrow 22:00 8h")
    alice.types("reserve 4 now 8h")
    view = home_view(site, reader(site, builders.ALICE), alice.now)
    checked_view(view, ("home",))
    assert "*B2* 4 × V100" in words(view)
    assert "*B1*" in words(view)
    assert captions(view)[0] == "Reserve…"
    assert "Book 1 × A100 now" in captions(view)


def test_an_answer_to_a_press_on_the_home_is_a_window(alice: Talk, site: Site) -> None:
    view = {**home_view(site, reader(site, builders.ALICE), alice.now), "id": "V0"}
    assert alice.acts(view, "run:mine", "mine") is None
    assert alice.window is not None
    assert "You have no bookings" in words(alice.window)


def test_a_form_opened_on_the_home_shows_its_outcome_itself(alice: Talk, site: Site) -> None:
    view = {**home_view(site, reader(site, builders.ALICE), alice.now), "id": "V0"}
    alice.acts(view, "reserve", "")
    answer = alice.submits(gpus=2)
    assert isinstance(answer, FormUpdate)
    assert "Booked" in words(answer.view)


def test_a_form_keeps_the_address_of_the_conversation_it_came_from(alice: Talk) -> None:
    form = alice.opens("reserve")
    assert json.loads(form["private_metadata"])["url"] == "https://hooks.slack.com/actions/1"


@pytest.mark.parametrize("value", ["", "x", "1:x", "9" * 30, "-1", "{}"])
@pytest.mark.parametrize(
    "action",
    ["show", "extend", "extend_by", "move", "move_to", "transfer", "transfer_accept",
     "give_up_form", "book", "status_page", "node_page", "mine_page", "more",
     "of_an_older_version"],
)  # fmt: skip
def test_an_altered_button_gets_an_answer_and_changes_nothing(
    alice: Talk, site: Site, action: str, value: str
) -> None:
    reply = alice.acts(Reply("x"), action, value)
    assert reply is not None
    assert "went wrong" not in words(reply)
    assert history(site, None) == ()


def test_an_unknown_failure_gives_a_number_that_also_stands_in_the_log(
    alice: Talk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("bot.slack.commands.mine.page_of_bookings", broken)
    reply = alice.types("mine")
    number = words(reply).split("`")[1]
    assert len(number) == 8
    assert number in caplog.text
    assert "boom" in caplog.text


def test_a_released_booking_can_be_listed_no_more(alice: Talk, site: Site) -> None:
    alice.types("reserve 4 now 8h")
    alice.now += timedelta(hours=1)
    alice.types("release B1")
    assert "You have no bookings" in words(alice.types("mine"))

"""From what people type to what people read, over real HTTP and WebSocket."""

from __future__ import annotations

from datetime import timedelta

import pytest
from people import ALICE, BOB, CHEN, GRACE, NLP, OPS, VISION, Lab, button, captions

FAR = "in 240h"


def test_a_booking_is_confirmed_privately_and_announced_in_the_teams_channel(lab: Lab) -> None:
    label, answer = lab.books(ALICE, '4 tomorrow 22:00 20h "yolo"')
    assert "Booked" in answer.text
    assert {"Extend…", "Transfer…", "Cancel…"} <= set(captions(answer))
    card = lab.card(label)
    assert (card.user, card.ephemeral) == (lab.slack.bot_user_id, False)
    assert "yolo" in card.text or "yolo" in str(card.blocks)


def test_a_conflict_is_answered_with_windows_that_a_click_books(lab: Lab) -> None:
    lab.books(ALICE, f"4 {FAR} 20h on gpu-01")
    refusal = lab.types(BOB, f"reserve 4 {FAR} 20h on gpu-01")
    assert f"<@{ALICE}>" in refusal.text
    offers = [c for c in captions(refusal) if c.startswith("Book ")]
    assert len(offers) == 3
    before = lab.bookings()
    assert lab.slack.click(BOB, refusal, **button(refusal, "Book ")).ok
    lab.sees(lambda: any("Booked" in m.text for m in lab.answers(BOB)))
    assert lab.bookings() == before + 1


def test_the_same_click_twice_and_duplicated_deliveries_book_once(lab: Lab) -> None:
    lab.books(ALICE, f"4 {FAR} 20h on gpu-01")
    refusal = lab.types(BOB, f"reserve 4 {FAR} 20h on gpu-01")
    before = lab.bookings()
    lab.slack.faults.duplicate_deliveries(2)
    lab.slack.click(BOB, refusal, **button(refusal, "Book "))
    lab.sees(lambda: any("Booked" in m.text for m in lab.answers(BOB)))
    lab.slack.faults.duplicate_deliveries(2)
    lab.types(CHEN, f"reserve 1 {FAR} 4h", NLP)
    assert lab.bookings() == before + 2


def test_an_alternative_that_is_gone_meanwhile_is_replaced_by_fresh_ones(lab: Lab) -> None:
    lab.books(ALICE, f"4 {FAR} 20h on gpu-01")
    refusal = lab.types(BOB, f"reserve 4 {FAR} 20h on gpu-01")
    others = lab.types(CHEN, f"reserve 4 {FAR} 20h on gpu-01", NLP)
    caption = next(c for c in captions(refusal) if c.startswith("Book 4 × V100"))
    for node in ("gpu-01", "gpu-02", "gpu-03", "gpu-04"):
        lab.types(GRACE, f"node drain {node} maintenance", OPS)
    assert lab.slack.click(BOB, refusal, **button(refusal, caption)).ok
    lab.sees(lambda: any("out of service" in m.text for m in lab.answers(BOB)))
    assert all("Booked" not in m.text for m in lab.answers(BOB))
    assert others.ephemeral


def test_the_form_shows_mistakes_at_their_field_and_books(lab: Lab) -> None:
    form = lab.window(ALICE, "reserve")
    before = lab.bookings()
    wrong = lab.slack.submit(ALICE, form, {"gpus": "0"})
    assert not wrong.ok
    assert "gpus" in wrong.errors
    assert lab.bookings() == before
    assert lab.slack.submit(ALICE, form, {"gpus": "2", "length": "4h"}).ok
    lab.sees(lambda: lab.bookings() == before + 1)
    lab.sees(lambda: any("Booked" in m.text for m in lab.answers(ALICE)))


def test_every_change_edits_the_one_card_and_is_told_in_its_thread(lab: Lab) -> None:
    label, _ = lab.books(ALICE, "4 fri 8:00 8h on gpu-04")
    ts = lab.card(label).ts
    lab.types(ALICE, f"extend {label} 4h")
    lab.types(ALICE, f"move {label} sat 8:00")
    lab.types(ALICE, f"cancel {label} the data is not ready")
    lab.sees(lambda: "cancelled" in lab.card(label).text)
    assert lab.card(label).ts == ts
    lab.sees(lambda: len(lab.slack.thread(VISION, ts)) == 4)
    told = [reply.text for reply in lab.slack.thread(VISION, ts)[1:]]
    assert ["extended" in told[0], "moved" in told[1], "cancelled" in told[2]] == [True] * 3
    assert "the data is not ready" in told[2]
    assert lab.notices(ALICE) == []


def test_somebody_elses_change_needs_a_reason_and_reaches_the_owner_directly(lab: Lab) -> None:
    label, _ = lab.books(BOB, f"2 {FAR} 4h")
    # Chen reads Chinese.
    assert "只有预约人" in lab.types(CHEN, f"cancel {label} mine").text
    form = lab.window(ALICE, f"cancel {label}")
    assert "reason" in lab.slack.submit(ALICE, form).errors
    assert lab.slack.submit(ALICE, form, {"reason": "node needed"}).ok
    lab.sees(lambda: any("node needed" in text for text in lab.notices(BOB)))


def test_a_transfer_is_accepted_once_and_only_by_its_receiver(lab: Lab) -> None:
    label, _ = lab.books(BOB, f"2 {FAR} 4h")
    lab.types(BOB, f"transfer {label} @chen")
    (offer,) = lab.sees(lambda: lab.slack.direct_messages(CHEN))
    accept = button(offer, "接受")
    assert lab.slack.click(CHEN, offer, **accept).ok
    lab.sees(lambda: "现归你所有" in lab.slack.direct_messages(CHEN)[0].text)
    assert "chen" in lab.card(label, NLP).text.casefold()
    lab.sees(lambda: "team nlp" in lab.card(label).text)
    assert label in lab.types(CHEN, "mine", NLP).text + str(lab.answers(CHEN, NLP)[-1].blocks)


def test_the_home_is_drawn_and_drawn_again_when_something_changes(lab: Lab) -> None:
    lab.slack.open_home(ALICE)
    lab.sees(lambda: lab.slack.home(ALICE))
    label, _ = lab.books(BOB, f"2 {FAR} 4h")
    lab.sees(lambda: label in str(lab.slack.home(ALICE).blocks))


def test_card_and_home_follow_the_clock(lab_over_http: Lab) -> None:
    lab = lab_over_http
    lab.slack.open_home(ALICE)
    label, _ = lab.books(ALICE, "1 now 2h on gpu-08")
    lab.sees(lambda: label in str(lab.slack.home(ALICE) or {}))
    assert "running" in str(lab.card(label).blocks)
    lab.demo.clock.shift(timedelta(days=1))
    # Whether its owner could be asked in time depends on the machine; it is over either way.
    lab.sees(lambda: f"~{label}" in lab.card(label).text)
    lab.sees(lambda: label not in str(lab.slack.home(ALICE).blocks))


def test_an_outage_of_slack_loses_nothing_and_doubles_nothing(lab: Lab) -> None:
    lab.slack.faults.add(method="chat.postMessage", kind="http_500", times=None)
    first, _ = lab.books(ALICE, f"1 {FAR} 4h")
    second, _ = lab.books(ALICE, f"1 {FAR} 4h")
    lab.sees(
        lambda: len(lab.slack.calls("chat.postMessage")) > len(lab.slack.messages(VISION, BOB))
    )
    lab.slack.faults.clear()
    assert lab.card(first).ts < lab.card(second).ts


def test_a_profile_that_cannot_be_read_is_said_and_the_labs_zone_is_used(
    lab_that_cannot_read_bob: Lab,
) -> None:
    _, answer = lab_that_cannot_read_bob.books(BOB, "1 tomorrow 22:00 4h")
    assert "cannot read your profile" in str(answer.blocks)


@pytest.mark.parametrize(
    "text",
    [
        "resreve 4 tomorrow 22:00 20h",
        "reserve 0 tomorrow 22:00 20h",
        "reserve 10000 tomorrow 22:00 20h",
        "reserve 4 tomorrow 22:00 0h",
        "reserve 4 yesterday 22:00 20h",
        "reserve 4 2020-01-01 10:00 20h",
        "reserve 4 tomorrow 22:00 20h on gpu-99",
        "reserve 4 tomorrow 22:00 20h p0 p1",
        "reserve 4 tomorrow 22:00 1h",
        "reserve 4 in 100d 20h",
        "reserve 4 tomorrow 22:00 8d",
        "reserve 4 \x00\x07 tomorrow",
        "reserve <!channel> <@U0BOB>",
        "cancel B999999",
        "cancel B1",
        "extend nothing 4h",
        "move B1 whenever",
        "transfer B2 @nobody",
        "release B2 99",
        "node drain gpu-01",
        'reserve 1 tomorrow 22:00 4h "' + "x" * 3000 + '"',
        "🚀" * 200,
    ],
)
def test_bad_input_gets_a_private_answer_and_changes_nothing(shared_lab: Lab, text: str) -> None:
    before = shared_lab.bookings()
    answer = shared_lab.types(BOB, text)
    assert answer.text
    assert "incident" not in answer.text.lower()
    assert shared_lab.bookings() == before

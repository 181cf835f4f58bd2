"""The demo as a new user meets it, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Locator, Page, expect

Visit = Callable[..., Page]


def say(page: Page, text: str) -> None:
    composer = page.get_by_test_id("composer")
    composer.fill(text)
    composer.press("Enter")


def private_answer(page: Page) -> Locator:
    """The newest message that only this person sees."""
    return page.locator("[data-testid=message][data-ephemeral=true]").last


def button(scope: Page | Locator, name: str | re.Pattern[str]) -> Locator:
    return scope.get_by_role("button", name=name)


def test_reserve_by_command_book_an_alternative_transfer_and_cancel(visit: Visit) -> None:
    alice, bob = visit("U0ALICE"), visit("U0BOB")

    say(alice, '/gpu reserve 4 in 240h 20h on gpu-01 "yolo night run"')
    expect(private_answer(alice)).to_contain_text("Booked")
    booked = private_answer(alice).inner_text()
    label = re.search(r"B\d+", booked).group()
    card = bob.get_by_test_id("message").filter(has_text="yolo night run")
    expect(card).to_contain_text(label)
    expect(card).to_contain_text("4 × V100")

    say(bob, "/gpu reserve 4 in 240h 20h on gpu-01")
    refusal = private_answer(bob)
    expect(refusal).to_contain_text("not free")
    expect(refusal).to_contain_text("Alice Martin")
    button(refusal, re.compile("^Book 4 × V100")).first.click()
    expect(private_answer(bob)).to_contain_text("Booked")
    expect(private_answer(bob)).not_to_contain_text("not free")

    button(private_answer(alice), re.compile("^Transfer")).click()
    modal = alice.get_by_test_id("modal")
    modal.locator("[data-block-id=receiver][data-action-id]").click()
    alice.get_by_role("option", name=re.compile("Bob Keller")).click()
    alice.get_by_test_id("modal-submit").click()
    expect(modal).to_be_hidden()

    bob.get_by_test_id("channel-gpubot").click()
    bob.get_by_test_id("tab-messages").click()
    offer = bob.get_by_test_id("message").filter(has_text="hand this over")
    button(offer, re.compile("^Accept")).click()
    expect(offer).to_contain_text("yours")
    alices_card = alice.get_by_test_id("message").filter(has_text="yolo night run").last
    expect(alices_card).to_contain_text(re.compile("bob", re.IGNORECASE))

    bob.get_by_test_id("channel-vision").click()
    say(bob, f"/gpu cancel {label} the data is not ready")
    expect(private_answer(bob)).to_contain_text("cancelled")
    expect(alice.get_by_test_id("message").filter(has_text=label).last).to_contain_text("cancelled")


def test_the_form_books_and_shows_mistakes_at_their_field(visit: Visit) -> None:
    page = visit("U0CHEN", "nlp")
    say(page, "/gpu reserve")
    modal = page.get_by_test_id("modal")
    expect(modal).to_be_visible()
    count = modal.locator("[data-block-id=gpus][data-action-id]")
    count.fill("99")
    page.get_by_test_id("modal-submit").click()
    expect(modal).to_contain_text(re.compile("99 块 GPU|less than or equal"))
    count.fill("2")
    page.get_by_test_id("modal-submit").click()
    expect(modal).to_be_hidden()
    expect(private_answer(page)).to_contain_text("预约成功")


def test_home_shows_my_bookings_and_refreshes_when_something_changes(visit: Visit) -> None:
    page, channel = visit("U0ALICE"), visit("U0ALICE")
    page.get_by_test_id("channel-gpubot").click()
    page.get_by_test_id("tab-home").click()
    home = page.get_by_test_id("home")
    expect(home).to_contain_text("ImageNet baseline")
    say(channel, '/gpu reserve 1 tomorrow 22:00 4h "seen at home"')
    expect(home).to_contain_text("seen at home")


def test_what_people_type_never_becomes_markup(visit: Visit) -> None:
    page = visit("U0BOB")
    say(page, '/gpu reserve 1 tomorrow 22:00 4h "<!channel> <b>x</b> *bold* <@U0ALICE> &amp;"')
    expect(private_answer(page)).to_contain_text("Booked")
    expect(private_answer(page).locator("b", has_text=re.compile("^x$"))).to_have_count(0)
    expect(private_answer(page)).to_contain_text("<b>x</b>")


def test_the_clock_moves_and_the_bot_follows_it(visit: Visit) -> None:
    page = visit("U0ALICE")
    shown = page.get_by_test_id("clock-time")
    before = shown.inner_text()
    page.get_by_test_id("clock-plus-1d").click()
    expect(shown).not_to_have_text(before)
    say(page, "/gpu status")
    # A picture follows it, sooner or later.
    private = page.locator("[data-testid=message][data-ephemeral=true]")
    expect(private.filter(has_text="GPUs are free now")).to_be_visible()


def test_escape_closes_a_form_and_its_focus_outlives_refusals_and_updates(visit: Visit) -> None:
    page = visit("U0CHEN", "nlp")
    say(page, "/gpu reserve")
    modal = page.get_by_test_id("modal")
    count = modal.locator("[data-block-id=gpus][data-action-id]")
    count.fill("99")
    count.press("Enter")
    expect(modal).to_contain_text(re.compile("99 块 GPU"))
    expect(count).to_be_focused()
    length = modal.locator("[data-block-id=length][data-action-id]")
    count.fill("1")
    length.fill("4h")
    expect(modal).to_contain_text("5 小时 23 分钟")
    expect(length).to_be_focused()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Escape")
    expect(modal).to_be_hidden()
    expect(page.get_by_test_id("composer")).to_be_focused()


def test_a_submitted_form_reports_no_change_of_a_field_afterwards(visit: Visit) -> None:
    page = visit("U0CHEN", "nlp")
    say(page, "/gpu reserve")
    modal = page.get_by_test_id("modal")
    expect(modal).to_be_visible()
    page.clock.install()
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url.rpartition("/")[2]))
    modal.locator("[data-block-id=length][data-action-id]").fill("6h")
    page.get_by_test_id("modal-submit").click()
    expect(modal).to_be_hidden()
    page.clock.run_for(1000)
    expect(private_answer(page)).to_contain_text("预约成功")
    assert "submit" in sent
    assert "action" not in sent

"""Booking and changing bookings on the calendar page, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from calendar_visits import Visits
from playwright.sync_api import Browser, Locator, Page, expect

from bot.demo import Demo
from bot.domain.booking import Booking, BookingState
from bot.services.look import get_booking

#: The sample bookings of alice: B2 runs, B8 is ahead (three A100 on gpu-06).
RUNNING, AHEAD = 2, 8
TIMES = re.compile(r"Free: (\d+) GPUs? on ([\w-]+), (.*)")

#: Width and height of a node's row without its label.
SIZE_OF_ROW = """node => {
  const labels = [...document.querySelectorAll("#space .label")];
  const row = labels.find((label) => label.title.startsWith(`${node}:`))?.parentElement;
  const tracks = row?.querySelector(".window");
  return tracks?.clientWidth ? [tracks.clientWidth, tracks.clientHeight] : null;
}"""


@pytest.fixture
def visits(browser: Browser, demo: Demo) -> Iterator[Visits]:
    opened = Visits(browser, demo)
    yield opened
    opened.close()
    assert opened.errors == []


def in_store(demo: Demo, number: int) -> Booking:
    assert demo.bot is not None
    return get_booking(demo.bot.site, number)


def sheet(page: Page) -> Locator:
    return page.get_by_role("dialog").and_(page.locator("dialog"))


def field(page: Page, name: str) -> Locator:
    return sheet(page).get_by_label(name, exact=True)


def press(page: Page, name: str) -> None:
    sheet(page).get_by_role("button", name=name, exact=True).click()


def begins_to_book(visits: Visits, user: str, **options: object) -> Page:
    """The calendar as `user` sees it, with the dialog for a new booking open."""
    page = visits.signed_in(user, **options)
    page.get_by_role("button", name="Book…").click()
    return page


def outcome(page: Page) -> Locator:
    return page.locator("#outcome")


def drag(page: Page, node: str, *, lanes: int) -> None:
    """Drag over `lanes` tracks of `node`, in the last third of what is shown."""
    row = page.get_by_role("row", name=re.compile(f"^{node}")).locator(".window")
    # Rows are drawn anew as answers come in; one that was just replaced has no size.
    drawn = page.wait_for_function(SIZE_OF_ROW, arg=node)
    width, height = drawn.json_value()
    x, y, lane = width * 0.7, height / 8, height / 4
    row.hover(position={"x": x, "y": y})
    page.mouse.down()
    row.hover(position={"x": x + 40, "y": y + lane / 2})
    row.hover(position={"x": x + 100, "y": y + lane * (lanes - 1)})
    page.mouse.up()


def test_dragging_over_free_space_books_it_and_tells_the_team(
    visits: Visits, demo: Demo, visit: Callable[..., Page]
) -> None:
    bob = visit("U0BOB")
    page = visits.signed_in("U0ALICE")
    drag(page, "gpu-03", lanes=3)
    expect(sheet(page)).to_contain_text("Free: 3 GPUs on gpu-03")
    expect(field(page, "GPUs")).to_have_value("3")
    expect(field(page, "Where")).to_have_value("node=gpu-03")
    start, length = field(page, "Start").input_value(), field(page, "Length").input_value()
    field(page, "Purpose").fill("dragged on the page")
    press(page, "Book")
    expect(outcome(page)).to_contain_text("Booked B9: 3 GPUs on gpu-03")
    expect(page.get_by_role("gridcell", name=re.compile("^B9,"))).to_be_visible()

    made = in_store(demo, 9)
    assert (made.owner, made.gpus, made.purpose) == ("U0ALICE", 3, "dragged on the page")
    local = datetime.fromisoformat(start) - timedelta(hours=8)
    assert made.window.start == local.replace(tzinfo=UTC)
    assert hours_in(length) == made.window.length / timedelta(hours=1)
    card = bob.get_by_test_id("message").filter(has_text="dragged on the page")
    expect(card).to_contain_text("B9")


def hours_in(words: str) -> int:
    found = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?", words)
    assert found is not None
    return int(found[1] or 0) * 24 + int(found[2] or 0)


def test_the_button_asks_for_any_node(visits: Visits) -> None:
    page = begins_to_book(visits, "U0ALICE")
    expect(field(page, "Where").locator("option:checked")).to_have_text("Any node")


def test_what_is_taken_is_answered_with_who_has_it_and_one_press_books_instead(
    visits: Visits, demo: Demo
) -> None:
    page = begins_to_book(visits, "U0BOB")
    field(page, "GPUs").fill("4")
    field(page, "Where").select_option("node=gpu-05")
    expect(sheet(page)).to_contain_text("B1 of Chen Wei (team nlp) has 4 GPUs until")
    press(page, "Book")
    expect(sheet(page)).to_contain_text("Not free")
    page.locator(".alternative").first.click()
    expect(outcome(page)).to_contain_text("Booked B9: 4 GPUs")
    assert in_store(demo, 9).owner == "U0BOB"


def test_instead_of_booking_one_can_wait_for_what_is_taken(visits: Visits) -> None:
    page = begins_to_book(visits, "U0BOB")
    field(page, "GPUs").fill("4")
    field(page, "Where").select_option("node=gpu-05")
    press(page, "Join the waitlist for what you asked")
    expect(outcome(page)).to_contain_text("on the waitlist as W1")


def test_whoever_thinks_for_a_while_still_waits_or_books_from_now_on(
    visits: Visits, demo: Demo
) -> None:
    page = begins_to_book(visits, "U0ALICE")
    field(page, "Where").select_option("gpu-02 (V100)")
    field(page, "GPUs").fill("4")
    fewer = sheet(page).get_by_role("button", name=re.compile("^Fewer GPUs"))
    expect(fewer).to_contain_text("10:37")
    demo.clock.jump(demo.clock.now() + timedelta(minutes=10))
    fewer.click()
    expect(sheet(page).locator(".wrong:visible")).to_contain_text("10:37 is in the past")
    expect(fewer).to_contain_text("10:47")
    demo.clock.jump(demo.clock.now() + timedelta(minutes=10))
    press(page, "Join the waitlist for what you asked")
    expect(outcome(page)).to_contain_text("You are on the waitlist as W1.")


def test_mistakes_are_said_at_their_field_and_what_was_typed_is_kept(visits: Visits) -> None:
    page = begins_to_book(visits, "U0BOB")
    field(page, "Length").fill("20 parsecs")
    press(page, "Book")
    wrong = sheet(page).locator("[data-field=length] .wrong")
    expect(wrong).to_contain_text("did not understand “20”")
    expect(field(page, "Length")).to_be_focused()
    expect(field(page, "Length")).to_have_attribute("aria-invalid", "true")
    field(page, "Length").fill("20h")
    expect(wrong).to_be_hidden()
    field(page, "Priority").select_option("P0")
    press(page, "Book")
    expect(sheet(page).locator("[data-field=priority] .wrong")).to_contain_text("urgent role")


def open_booking(page: Page, number: int) -> Locator:
    page.get_by_role("gridcell", name=re.compile(f"^B{number},")).first.click()
    return page.locator("#card")


def test_ones_own_booking_is_moved_extended_and_cancelled(visits: Visits, demo: Demo) -> None:
    page = visits.signed_in("U0ALICE")
    before = in_store(demo, AHEAD)

    card = open_booking(page, AHEAD)
    card.get_by_role("button", name="Extend…").click()
    field(page, "How much longer").fill("4h")
    press(page, "Extend")
    expect(outcome(page)).to_contain_text("B8 now ends")
    assert in_store(demo, AHEAD).window.end == before.window.end + timedelta(hours=4)

    card.get_by_role("button", name="Move…").click()
    field(page, "New start").fill("2026-11-28T10:00")
    press(page, "Move")
    expect(outcome(page)).to_contain_text("B8 moved")
    assert in_store(demo, AHEAD).window.start == datetime(2026, 11, 28, 2, tzinfo=UTC)

    card.get_by_role("button", name="Cancel…").click()
    press(page, "Cancel the booking")
    expect(outcome(page)).to_contain_text("B8 is cancelled")
    assert in_store(demo, AHEAD).state is BookingState.CANCELLED
    expect(page.get_by_role("gridcell", name=re.compile("^B8,"))).to_have_count(0)
    expect(card).to_be_hidden()


def test_gpus_of_a_running_booking_are_given_back_by_count(visits: Visits, demo: Demo) -> None:
    page = visits.signed_in("U0ALICE")
    open_booking(page, RUNNING).get_by_role("button", name="Release…").click()
    field(page, "GPUs to give back").fill("3")
    press(page, "Release")
    expect(outcome(page)).to_contain_text("B2 keeps 1 GPU.")
    assert in_store(demo, RUNNING).gpus == 1


def test_what_an_extension_runs_into_is_said_with_what_is_possible(visits: Visits) -> None:
    page = visits.signed_in("U0ALICE")
    open_booking(page, RUNNING).get_by_role("button", name="Extend…").click()
    field(page, "How much longer").fill("2d")
    press(page, "Extend")
    expect(sheet(page)).to_contain_text("B4 of Dana Novak")
    sheet(page).get_by_role("button", name=re.compile("^Extend by")).click()
    expect(outcome(page)).to_contain_text("B2 now ends")


def test_others_bookings_can_be_looked_at_only_and_changed_with_a_reason(
    visits: Visits, demo: Demo
) -> None:
    bob = visits.signed_in("U0BOB")
    card = open_booking(bob, AHEAD)
    expect(card).to_contain_text("Alice Martin")
    expect(card.locator("[data-actions] button")).to_have_count(0)

    admin = visits.signed_in("U0GRACE")
    open_booking(admin, AHEAD).get_by_role("button", name="Cancel…").click()
    press(admin, "Cancel the booking")
    expect(sheet(admin).locator("[data-field=reason] .wrong")).to_contain_text("say why")
    field(admin, "Reason (the owner reads it)").fill("the node is sold")
    press(admin, "Cancel the booking")
    expect(outcome(admin)).to_contain_text("B8 is cancelled")
    assert in_store(demo, AHEAD).state is BookingState.CANCELLED


def test_the_other_browser_sees_a_booking_without_loading_the_page_again(visits: Visits) -> None:
    bob, alice = visits.signed_in("U0BOB"), visits.signed_in("U0ALICE")
    drag(alice, "gpu-04", lanes=2)
    expect(sheet(alice)).to_contain_text("Free:")
    press(alice, "Book")
    expect(bob.get_by_role("gridcell", name=re.compile("^B9,"))).to_be_visible()


def test_by_keyboard_alone_in_chinese_and_on_a_phone(visits: Visits, demo: Demo) -> None:
    page = visits.signed_in("U0CHEN", viewport={"width": 390, "height": 844})
    page.locator("#book").focus()
    page.keyboard.press("Enter")
    expect(sheet(page)).to_be_visible()
    page.keyboard.type("2")
    sheet(page).locator("[data-field=purpose] input").focus()
    page.keyboard.type("评测")
    page.keyboard.press("Enter")
    expect(outcome(page)).to_contain_text("B9")
    assert (in_store(demo, 9).gpus, in_store(demo, 9).purpose) == (2, "评测")
    expect(page.locator("#book")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_dialogs(visits: Visits, theme: str) -> None:
    page = begins_to_book(visits, "U0BOB", color_scheme=theme)
    field(page, "GPUs").fill("4")
    field(page, "Where").select_option("node=gpu-05")
    expect(page.locator(".alternative").first).to_be_visible()
    found = Axe().run(page, "dialog").response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []

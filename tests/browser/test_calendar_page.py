"""The calendar page in a real browser: what it shows, how it moves, that it is up to date."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from calendar_visits import Visits
from playwright.sync_api import Browser, Locator, Page, Route, expect

from bot.demo import Demo
from bot.domain.actor import Actor
from bot.domain.booking import Booking, booking_label
from bot.domain.cluster import Node
from bot.domain.request import parse_reserve
from bot.domain.window import Grid
from bot.services.cancel import cancel
from bot.services.drain import drain
from bot.services.learn_nodes import learn_nodes
from bot.services.look import bookings_of
from bot.services.move import move
from bot.services.reserve import reserve

ALICE, BOB, CHEN, GRACE = "U0ALICE", "U0BOB", "U0CHEN", "U0GRACE"
PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}

#: What the page asks for when it loads a part of the calendar.
CALENDARS = re.compile(r"/api/v1/calendar\?")


@pytest.fixture
def visits(browser: Browser, looked_at: Demo) -> Iterator[Visits]:
    opened = Visits(browser, looked_at)
    yield opened
    opened.close()
    assert opened.errors == []


@pytest.fixture
def changing(browser: Browser, demo: Demo) -> Iterator[Visits]:
    """Visits to a demo of the test's own, which it changes."""
    opened = Visits(browser, demo)
    yield opened
    opened.close()
    assert opened.errors == []


def bar(page: Page, text: str) -> Locator:
    """The bar of the booking whose label says that."""
    return page.locator("#space").get_by_role("gridcell", name=re.compile(text)).first


def card(page: Page) -> Locator:
    return page.locator("#card")


def book(demo: Demo, user: str, text: str) -> Booking:
    assert demo.bot is not None
    now, site = demo.clock.now(), demo.bot.site
    asked = parse_reserve(text, now=now, zone=site.cluster.zone, cluster=site.cluster)
    return reserve(site, Actor(user), asked, now=now)


def own(demo: Demo, user: str, purpose: str) -> Booking:
    """The booking that `user` has for that."""
    assert demo.bot is not None
    found = bookings_of(demo.bot.site, user, now=demo.clock.now())
    return next(booking for booking in found if booking.purpose == purpose)


def look_for(page: Page, text: str) -> None:
    """Type it into the search, and open the first that is found."""
    search = page.get_by_role("searchbox")
    search.fill(text)
    search.press("Enter")


def left(page: Page, locator: Locator) -> float:
    box = locator.bounding_box()
    assert box is not None
    return box["x"]


def wait_until_left(page: Page, locator: Locator, x: float) -> None:
    """Wait until its left edge is there; the page draws when the browser next paints."""
    page.wait_for_function(
        "([bar, x]) => Math.abs(bar.getBoundingClientRect().x - x) < 3",
        arg=[locator.element_handle(), x],
    )


def test_every_gpu_has_its_track_by_model_and_node(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    expect(page.get_by_role("rowheader")).to_have_count(10)
    expect(page.get_by_role("rowheader", name="V100 4 nodes")).to_be_visible()
    tall, low = bar(page, "ImageNet baseline"), bar(page, "label cleaning")
    # Four tracks against one, each with two pixels between it and the next.
    heights = [box["height"] + 2 for box in (tall.bounding_box(), low.bounding_box()) if box]
    assert heights[0] == 4 * heights[1]


def test_what_is_free_now_is_told_only_where_it_is_known(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    node = page.get_by_role("rowheader", name="gpu-01: V100")
    expect(node).to_have_text("gpu-01full")
    for _ in range(3):
        page.keyboard.press("PageDown")
    expect(node).to_have_text("gpu-01")
    expect(page.get_by_role("rowheader", name="V100 4 nodes")).to_have_text("V100 4 nodes")
    page.keyboard.press("t")
    expect(node).to_have_text("gpu-01full")


def test_a_bar_says_everything_to_a_screen_reader(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    name = bar(page, "ImageNet baseline").get_attribute("aria-label")
    assert name is not None
    for word in ("Alice Martin", "vision", "P2", "4 GPUs on gpu-01", "running", "yours"):
        assert word in name
    assert re.match(r"B\d+, ", name)


def test_pointing_at_a_bar_shows_its_card_and_leaving_hides_it(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    bar(page, "pretraining").hover()
    expect(card(page)).to_contain_text("Chen Wei")
    expect(card(page)).to_contain_text("Firm: nobody may preempt it.")
    page.get_by_role("heading", level=2).first.hover()
    expect(card(page)).to_be_hidden()


def test_a_click_opens_the_booking_and_escape_gives_the_focus_back(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    opened = bar(page, "ImageNet baseline")
    opened.click()
    expect(page.get_by_role("dialog", name=re.compile("^B"))).to_be_visible()
    expect(page).to_have_url(re.compile(r"booking=B\d+"))
    page.keyboard.press("Escape")
    expect(card(page)).to_be_hidden()
    expect(opened).to_be_focused()
    expect(page).not_to_have_url(re.compile("booking="))


def test_filters_dim_what_does_not_match_and_stand_in_the_address(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    page.get_by_label("Team").select_option("nlp")
    expect(bar(page, "ImageNet baseline")).to_have_class(re.compile("is-dim"))
    expect(bar(page, "pretraining")).not_to_have_class(re.compile("is-dim"))
    expect(page).to_have_url(re.compile("team=nlp"))
    page.get_by_label("Model").select_option("A100")
    expect(page.get_by_role("rowheader", name=re.compile("^gpu-01"))).to_have_count(0)
    page.get_by_role("button", name="Show everything").click()
    expect(bar(page, "ImageNet baseline")).not_to_have_class(re.compile("is-dim"))
    page.go_back()
    expect(page.get_by_label("Team")).to_have_value("nlp")


def test_the_search_finds_purposes_and_enter_goes_to_the_match(visits: Visits) -> None:
    page = visits.signed_in(ALICE, "/?view=day")
    look_for(page, "evaluation")
    expect(card(page)).to_contain_text("evaluation")
    expect(bar(page, "evaluation")).to_be_in_viewport()


def test_a_link_to_a_booking_opens_it_where_it_lies(changing: Visits, demo: Demo) -> None:
    far = book(demo, BOB, '2 V100 2026-12-20 08:00 1d "far away"')
    page = changing.signed_in(ALICE, f"/?booking={booking_label(far.id)}")
    expect(card(page)).to_contain_text("far away")
    expect(bar(page, "far away")).to_be_in_viewport()


def test_what_is_searched_far_away_is_opened_over_a_slow_line_too(
    changing: Visits, demo: Demo
) -> None:
    book(demo, BOB, '2 V100 2026-12-20 08:00 1d "far away"')
    page = changing.signed_in(ALICE)
    # Longer than the page waits after a movement before it loads what is missing.
    slow = {"offline": False, "latency": 500, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    look_for(page, "far away")
    expect(card(page)).to_contain_text("far away")
    expect(bar(page, "far away")).to_be_in_viewport()


def test_whoever_comes_back_before_all_is_loaded_finds_everything_there(visits: Visits) -> None:
    page = visits.signed_in(ALICE, "/?at=2026-11-26T00:00%2B08:00&view=day")
    page.wait_for_load_state("networkidle")
    page.route(CALENDARS, lambda _: None)  # The answers take until the page has moved twice.
    for button in ("Later", "Earlier"):
        with page.expect_request(CALENDARS) as asked:
            page.get_by_role("button", name=button).click()
    page.unroute(CALENDARS)
    asked.value.response()
    assert "from=2026-11-25T16" in asked.value.url


def test_a_link_to_no_booking_says_so(visits: Visits) -> None:
    page = visits.signed_in(ALICE, "/?booking=B99999")
    expect(page.locator("#state")).to_have_text("There is no booking B99999.")


def test_whoever_looks_for_a_booking_that_was_cancelled_is_told_so(
    changing: Visits, demo: Demo
) -> None:
    gone = book(demo, BOB, "2 V100 2026-12-20 08:00 1d")
    assert demo.bot is not None
    cancel(demo.bot.site, Actor(BOB), gone.id, now=demo.clock.now())
    page = changing.signed_in(ALICE)
    look_for(page, booking_label(gone.id))
    expect(page.locator("#state")).to_have_text(f"{booking_label(gone.id)}: cancelled")


def test_why_a_booking_that_was_cancelled_could_not_be_loaded_stays_to_be_read(
    changing: Visits, demo: Demo
) -> None:
    gone = book(demo, BOB, "1 in 6h 2h on gpu-04")
    assert demo.bot is not None
    cancel(demo.bot.site, Actor(BOB), gone.id, now=demo.clock.now())
    page = changing.signed_in(ALICE)
    page.wait_for_load_state("networkidle")
    page.route(CALENDARS, lambda route: route.fulfill(status=502, json={"detail": "worn out"}))
    look_for(page, booking_label(gone.id))
    expect(page.locator("#state")).to_have_text("The calendar could not be loaded: worn out")


def test_whoever_goes_on_before_a_booking_is_there_is_told_nothing_of_it(
    changing: Visits, demo: Demo
) -> None:
    far = book(demo, BOB, "2 V100 2026-12-20 08:00 1d")
    page = changing.signed_in(ALICE, reduced_motion="reduce")
    page.wait_for_load_state("networkidle")
    held: list[Route] = []  # The first answer never comes.
    page.route(CALENDARS, lambda route: route.continue_() if held else held.append(route))
    search = page.get_by_role("searchbox")
    search.fill(booking_label(far.id))
    with page.expect_request(CALENDARS):
        search.press("Enter")
    page.evaluate("delete document.body.dataset.loaded")
    page.get_by_role("button", name="Today").click()
    expect(page.locator("body")).to_have_attribute("data-loaded", re.compile(r"\d"))
    expect(page.locator("#state")).to_have_text("")


def test_a_link_to_a_window_shows_it_and_moving_rewrites_it(visits: Visits) -> None:
    page = visits.signed_in(ALICE, "/?at=2026-11-26T00:00%2B08:00&view=day")
    expect(page.locator("#shown")).to_have_text("Thu 26 Nov")
    page.get_by_role("button", name="Later").click()
    expect(page.locator("#shown")).to_have_text("Fri 27 Nov")
    expect(page).to_have_url(re.compile(r"at=2026-11-26T16:00Z&view=day"))
    page.go_back()
    expect(page.locator("#shown")).to_have_text("Thu 26 Nov")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "America/Santiago"])
def test_the_page_has_the_same_grid_as_gpubot_where_clocks_change(
    visits: Visits, zone: str
) -> None:
    grids = [Grid(timedelta(hours=hours), ZoneInfo(zone)) for hours in (1, 2, 24)]
    year = (datetime(2026, 1, 1, tzinfo=UTC) + n * timedelta(minutes=45) for n in range(11680))
    asked = [(grid, at) for at in year if changes_near(at, ZoneInfo(zone)) for grid in grids]
    lines = visits.signed_in(ALICE).evaluate(
        """async ([zone, asked]) => {
            const { slotBefore, slotAfter } = await import("/static/time.js");
            const ends = [slotBefore, slotAfter];
            return asked.map(([slot, at]) => ends.map((end) => end(at, slot, zone)));
        }""",
        [zone, [(grid.slot.total_seconds(), at.timestamp()) for grid, at in asked]],
    )
    assert lines == [[grid.floor(at).timestamp(), grid.ceil(at).timestamp()] for grid, at in asked]


def changes_near(at: datetime, zone: tzinfo) -> bool:
    """Whether the clock of the zone changes within two days."""
    around = (at - timedelta(days=2), at, at + timedelta(days=2))
    return len({one.astimezone(zone).utcoffset() for one in around}) > 1


def test_a_page_left_open_overnight_marks_the_new_day(visits: Visits) -> None:
    page = visits.stranger()
    page.clock.install()
    visits.sign_in(page, ALICE)
    marked = page.locator("#axis .is-today")
    expect(marked).to_have_text(["Wed 25 Nov", "Wed 25 Nov"])
    page.clock.fast_forward("14:00:00")
    expect(marked).to_have_text(["Thu 26 Nov"])


def test_day_week_and_month_show_that_much_and_today_comes_back(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    expect(page.locator("#shown")).to_have_text("Wed 25 Nov – 1 Dec 2026")
    page.get_by_role("button", name="Month").click()
    expect(page.locator("#shown")).to_have_text("Wed 25 Nov – 24 Dec 2026")
    page.get_by_role("button", name="Later").click()
    expect(page.locator("#nowline")).to_be_hidden()
    page.get_by_role("button", name="Today").click()
    expect(page.locator("#nowline")).to_be_visible()


def test_the_wheel_with_ctrl_zooms_around_the_pointer_and_across_pans(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    target = bar(page, "ImageNet baseline")
    box = target.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 1, box["y"] + 5)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    expect(page).to_have_url(re.compile("hours="))
    wider = target.bounding_box()
    assert wider is not None
    assert wider["width"] > 1.2 * box["width"]
    assert wider["x"] == pytest.approx(box["x"], abs=3)
    page.mouse.wheel(150, 0)
    wait_until_left(page, target, wider["x"] - 150)


def test_the_axis_is_dragged_to_pan(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    before = left(page, bar(page, "evaluation"))
    axis = page.locator("#axis")
    axis.hover(position={"x": 600, "y": 10})
    page.mouse.down()
    axis.hover(position={"x": 400, "y": 10})
    page.mouse.up()
    wait_until_left(page, bar(page, "evaluation"), before - 200)


def test_arrows_go_from_bar_to_bar_and_the_board_is_one_stop(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    page.locator("#filters summary").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("rowheader", name=re.compile("^gpu-01"))).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(bar(page, "ImageNet baseline")).to_be_focused()
    expect(card(page)).to_contain_text("ImageNet baseline")
    page.keyboard.press("ArrowRight")
    expect(bar(page, "4 tomorrow|grasping")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#space .bar:focus")).to_have_attribute("aria-label", re.compile("gpu-02"))
    page.keyboard.press("Home")
    expect(page.get_by_role("rowheader", name=re.compile("^gpu-02"))).to_be_focused()
    expect(page.locator("#space [tabindex='0']")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("rowheader", name=re.compile("^gpu-02"))).to_be_focused()


def ranges(page: Page) -> list[dict[str, object]]:
    return page.evaluate("window.asked")


def listen(page: Page) -> None:
    page.evaluate(
        """() => {
          window.asked = [];
          document.addEventListener("gpubot:range", (e) => {
            window.asked.push(e.detail);
            e.stopImmediatePropagation();
          }, {capture: true});
        }"""
    )


def test_dragging_over_free_space_asks_for_whole_slots_and_the_gpus_crossed(
    visits: Visits,
) -> None:
    page = visits.signed_in(ALICE, "/?view=day&at=2026-11-26T00:00%2B08:00")
    listen(page)
    window = page.get_by_role("row", name=re.compile("^gpu-03")).locator(".window")
    hour = window.evaluate("window => window.clientWidth / 24")
    window.hover(position={"x": 10.5 * hour, "y": 10})
    page.mouse.down()
    window.hover(position={"x": 13 * hour, "y": 20})
    window.hover(position={"x": 13.2 * hour, "y": 32})
    expect(page.locator(".chosen")).to_contain_text("2 GPUs · 4 h")
    page.mouse.up()
    start = datetime(2026, 11, 26, 2, tzinfo=UTC).timestamp()
    asked = {"node": "gpu-03", "model": "V100", "gpus": 2, "start": start, "end": start + 4 * 3600}
    assert ranges(page) == [asked]


def test_n_asks_to_book_after_the_bar_with_the_focus(visits: Visits, looked_at: Demo) -> None:
    page = visits.signed_in(ALICE)
    listen(page)
    bar(page, "ImageNet baseline").focus()
    page.keyboard.press("n")
    booking = own(looked_at, ALICE, "ImageNet baseline")
    [asked] = ranges(page)
    assert asked["node"] == "gpu-01"
    assert asked["start"] == booking.window.end.timestamp()
    assert asked["end"] == asked["start"] + 7200


def test_what_others_do_appears_without_a_reload(changing: Visits, demo: Demo) -> None:
    page = changing.signed_in(ALICE)
    page.evaluate("window.same = true")
    expect(page.locator("body")).to_have_attribute("data-live", "")
    made = book(demo, BOB, '2 in 6h 8h on gpu-04 "just now"')
    expect(bar(page, "just now")).to_be_visible()
    expect(page.locator("#said")).to_have_text("The calendar changed on gpu-04.")
    assert demo.bot is not None
    cancel(demo.bot.site, Actor(BOB), made.id, now=demo.clock.now())
    expect(bar(page, "just now")).to_have_count(0)
    assert page.evaluate("window.same") is True


def test_what_others_cancel_or_move_leaves_the_list(changing: Visits, demo: Demo) -> None:
    assert demo.bot is not None
    site, now = demo.bot.site, demo.clock.now()
    here, there = book(demo, BOB, "1 in 6h 2h on gpu-04"), book(demo, BOB, "1 in 8h 2h on gpu-04")
    page = changing.signed_in(ALICE)
    page.wait_for_load_state("networkidle")
    page.get_by_role("button", name="List").click()
    rows = page.locator("#table").get_by_role("row")
    named = [rows.filter(has_text=booking_label(one.id)) for one in (here, there)]
    expect(named[0]).to_be_visible()
    expect(named[1]).to_be_visible()
    cancel(site, Actor(BOB), here.id, now=now)
    expect(named[0]).to_have_count(0)
    expect(named[1]).to_be_visible()
    move(site, Actor(BOB), there.id, now + timedelta(days=40), now=now)
    expect(named[1]).to_have_count(0)


def test_a_node_that_is_learnt_appears_without_a_reload(changing: Visits, demo: Demo) -> None:
    page = changing.signed_in(ALICE)
    expect(page.locator("body")).to_have_attribute("data-live", "")
    assert demo.bot is not None
    site = demo.bot.site
    nodes = (*site.cluster.nodes, Node("gpu-09", 8, "H100"))
    learn_nodes(site, nodes, now=demo.clock.now())
    expect(page.get_by_role("rowheader", name="gpu-09: H100")).to_have_count(1)


def test_a_node_out_of_service_is_told_in_words(changing: Visits, demo: Demo) -> None:
    page = changing.signed_in(ALICE)
    assert demo.bot is not None
    now = demo.clock.now()
    until = now + timedelta(days=2)
    drain(demo.bot.site, Actor(GRACE), "gpu-03", until=until, reason="fan", now=now)
    expect(bar(page, "Out of service until .*: fan")).to_be_visible()


def test_without_a_connection_the_page_says_from_when_it_is(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    expect(page.locator("body")).to_have_attribute("data-live", "")
    page.context.set_offline(True)
    expect(page.locator("#state")).to_have_text("Offline, showing 10:37")
    page.context.set_offline(False)
    expect(page.locator("#state")).to_have_text("")
    # The browser itself complains of what it could not ask for in between.
    visits.errors[:] = [error for error in visits.errors if "ERR_INTERNET" not in error]


def test_once_gpubot_answers_again_behind_its_proxy_the_page_is_up_to_date(
    visits: Visits,
) -> None:
    page = visits.stranger()
    page.route("**/api/v1/events", lambda route: route.fulfill(status=502))
    visits.sign_in(page, ALICE)
    expect(page.locator("#state")).to_have_text("Offline, showing 10:37")
    page.unroute("**/api/v1/events")
    expect(page.locator("body")).to_have_attribute("data-live", "")
    expect(page.locator("#state")).to_have_text("")


def test_the_page_asks_again_for_a_stream_when_it_was_told_to(visits: Visits) -> None:
    page = visits.stranger()
    # What it does where it was told nothing, it does at once.
    page.add_init_script("""
        const later = setTimeout;
        globalThis.waits = [];
        globalThis.setTimeout = (call, ms) => {
            waits.push(ms);
            return later(call, ms === 3000 ? 0 : ms);
        };
    """)
    full = {"status": 503, "headers": {"Retry-After": "10"}}
    page.route("**/api/v1/events", lambda route: route.fulfill(**full))
    visits.sign_in(page, ALICE)
    page.wait_for_function("waits.includes(10_000)")


def test_whoever_is_signed_out_over_night_is_asked_to_sign_in(visits: Visits) -> None:
    page = visits.stranger()
    page.route("**/api/v1/events", lambda route: route.fulfill(status=401))
    visits.sign_in(page, ALICE)
    page.context.clear_cookies()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Who has which GPUs, and what is free"
    )


def test_the_list_has_the_same_bookings_as_a_table(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    page.get_by_role("button", name="List").click()
    expect(page).to_have_url(re.compile("show=list"))
    row = page.get_by_role("row").filter(has_text="ImageNet baseline")
    expect(row).to_contain_text("4 GPUs on gpu-01")
    row.get_by_role("button").click()
    opened = page.get_by_role("dialog", name=re.compile("^B"))
    expect(opened).to_contain_text("ImageNet baseline")
    expect(opened).not_to_contain_text("Job")
    boxes = row.bounding_box(), opened.bounding_box()
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"] - 2
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Tracks").click()
    expect(bar(page, "ImageNet baseline")).to_be_visible()


def test_the_list_shows_the_same_time_for_as_long_as_it_is_open(
    changing: Visits, demo: Demo
) -> None:
    page = changing.signed_in(ALICE)
    expect(page.locator("body")).to_have_attribute("data-live", "")
    shown = page.locator("#shown").inner_text()
    page.get_by_role("button", name="List").click()
    book(demo, BOB, '2 in 6h 8h on gpu-04 "just now"')
    expect(page.get_by_role("row").filter(has_text="just now")).to_be_visible()
    expect(page.locator("#shown")).to_have_text(shown)
    page.get_by_role("button", name="Tracks").click()
    expect(bar(page, "just now")).to_be_in_viewport()


def test_the_theme_is_chosen_here_and_remembered(visits: Visits) -> None:
    page = visits.signed_in(ALICE, color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Light or dark").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark


def test_a_phone_shows_it_without_scrolling_sideways_and_swipes_through_time(
    visits: Visits,
) -> None:
    page = visits.signed_in(ALICE, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.locator("#shown")).to_have_text("Wed 25 Nov")
    before = left(page, bar(page, "simulation sweep"))
    client = page.context.new_cdp_session(page)
    at = {"y": 500}
    client.send(
        "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": 300, **at}]}
    )
    for x in (280, 240, 200):
        points = [{"x": x, **at}]
        client.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points})
    expect(page.locator("#shown")).to_have_text(re.compile("Wed 25 Nov – 26 Nov"))
    # While the finger is down: after that it goes on by itself, how far depends on the machine.
    assert left(page, bar(page, "simulation sweep")) < before - 60
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_chinese_people_read_chinese(visits: Visits) -> None:
    page = visits.signed_in(CHEN)
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("#shown")).to_have_text("2026年11月25日周三 – 12月1日")
    expect(page.locator("#axis")).to_contain_text("11月26日周四")


def test_nothing_is_asked_of_another_host(visits: Visits, looked_at: Demo) -> None:
    asked: list[str] = []
    page = visits.stranger()
    page.on("request", lambda request: asked.append(request.url))
    assert looked_at.bot is not None
    page.goto(looked_at.bot.address)
    page = visits.signed_in(ALICE)
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    expect(bar(page, "ImageNet baseline")).to_be_visible()
    assert len(asked) > 20
    assert {url for url in asked if not url.startswith(looked_at.bot.address)} == set()

"""The report in a real browser, on the demo with its weeks of history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from calendar_visits import Visits
from demos import started_demo
from playwright.sync_api import Browser, Page, expect

from bot.demo import Demo
from bot.web.sessions import COOKIE, new_session, seal_session

SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def old_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo on a Wednesday, with four weeks behind it; nobody changes anything."""
    with started_demo(tmp_path_factory.mktemp("demo"), history=True) as demo:
        yield demo


@pytest.fixture
def visits(browser: Browser, old_demo: Demo) -> Iterator[Visits]:
    people = Visits(browser, old_demo)
    yield people
    people.close()
    assert people.errors == []


def report(visits: Visits, demo: Demo, path: str = "/report", **options: object) -> Page:
    """The page as Alice sees it."""
    page = visits.stranger(**options)
    assert demo.bot is not None
    session = new_session("U0ALICE", now=demo.clock.now())
    value = seal_session(demo.bot.site, session)
    page.context.add_cookies([{"name": COOKIE, "value": value, "url": demo.bot.address}])
    page.goto(f"{demo.bot.address}{path}")
    expect(page.get_by_role("heading", name="Report", exact=True)).to_be_visible()
    return page


def test_it_tells_in_words_and_figures_how_the_lab_was_used(visits: Visits, old_demo: Demo) -> None:
    page = report(visits, old_demo)
    expect(page.locator(".reading li").first).to_contain_text("GPUs were held")
    expect(page.locator(".reading li")).not_to_have_count(1)
    expect(page.locator(".heat td[title]")).to_have_count(7 * 24)
    expect(page.get_by_role("columnheader", name="robotics")).to_be_visible()


def test_choosing_a_team_shows_its_map_and_its_sentences(visits: Visits, old_demo: Demo) -> None:
    page = report(visits, old_demo)
    page.locator("select[name=of]").select_option("team:vision")
    expect(page.locator(".reading li").first).to_contain_text("vision booked")
    assert "of=team%3Avision" in page.url
    page.get_by_label("Period").select_option("last week")
    expect(page.locator("select[name=of]")).to_have_value("team:vision")


def test_arrow_keys_walk_through_the_heat_map_and_say_each_hour(
    visits: Visits, old_demo: Demo
) -> None:
    page = report(visits, old_demo)
    page.locator(".heat td[tabindex='0']").focus()
    said = page.locator("#heat-said")
    expect(said).to_contain_text("Mon 00:00–01:00")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(said).to_contain_text("Tue 01:00–02:00")
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    expect(said).to_contain_text("Tue 23:00–24:00")


def test_a_figures_name_opens_what_exactly_it_is(visits: Visits, old_demo: Demo) -> None:
    page = report(visits, old_demo)
    row = page.locator("[data-figure=cancellation_rate]")
    meaning = row.get_by_text("Bookings cancelled, of those cancelled and those begun.")
    expect(meaning).to_be_hidden()
    row.get_by_text("Cancellation rate").click()
    expect(meaning).to_be_visible()


def test_the_table_can_be_downloaded(visits: Visits, old_demo: Demo) -> None:
    page = report(visits, old_demo, "/report?period=last week")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download CSV").click()
    assert waiting.value.suggested_filename == "gpubot-report-2026-11-16.csv"
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    assert text.startswith("figure,scope,name")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_with_disabilities_out(
    visits: Visits, old_demo: Demo, scheme: str
) -> None:
    page = report(visits, old_demo, color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in SERIOUS] == []


def test_a_telephone_shows_it_without_scrolling_sideways(visits: Visits, old_demo: Demo) -> None:
    page = report(visits, old_demo, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

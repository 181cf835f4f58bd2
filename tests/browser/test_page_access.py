"""What axe-core finds on the pages: nothing that keeps somebody out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from calendar_visits import Visits
from playwright.sync_api import Browser, Page, expect

from bot.demo import Demo

ALICE, CHEN = "U0ALICE", "U0CHEN"
PHONE = {"viewport": {"width": 390, "height": 780}}
#: What axe rates so keeps people out.
SERIOUS = {"serious", "critical"}


@pytest.fixture
def visits(browser: Browser, looked_at: Demo) -> Iterator[Visits]:
    opened = Visits(browser, looked_at)
    yield opened
    opened.close()
    assert opened.errors == []


def findings(page: Page) -> list[str]:
    """What is serious, and where."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {node['target']}"
        for one in violations
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/?view=week", "/?view=day&team=nlp"])
def test_the_calendar_is_accessible_light_and_dark(visits: Visits, scheme: str, path: str) -> None:
    page = visits.signed_in(ALICE, path, color_scheme=scheme)
    assert findings(page) == []


def test_the_legend_an_open_card_and_a_phone_are_accessible(visits: Visits) -> None:
    page = visits.signed_in(ALICE, **PHONE)
    page.locator("#space .bar").first.click()
    expect(page.get_by_role("dialog", name=re.compile("^B"))).to_be_visible()
    assert findings(page) == []
    page.keyboard.press("Escape")
    page.get_by_text("Legend").click()
    assert findings(page) == []


def test_the_list_is_accessible_in_chinese(visits: Visits) -> None:
    page = visits.signed_in(CHEN)
    page.locator("[data-show=list]").click()
    expect(page.get_by_role("table")).to_be_visible()
    assert findings(page) == []


def test_the_way_in_is_accessible(visits: Visits, looked_at: Demo) -> None:
    page = visits.stranger()
    assert looked_at.bot is not None
    page.goto(looked_at.bot.address)
    assert findings(page) == []

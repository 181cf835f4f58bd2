"""The API's description in a real Chromium: drawn from this host alone, under the strict policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import BOB
from databases import new_database
from patience import PATIENCE_S
from playwright.sync_api import Browser, Page, expect
from web.api_lab import ApiLab, api_lab

from bot.web.sessions import COOKIE, new_session, seal_session
from bot.web.vendored import missing_files


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ApiLab]:
    if missing_files():
        pytest.skip("installed without npm")
    with api_lab(new_database(tmp_path)) as lab:
        yield lab


@pytest.fixture
def page(lab: ApiLab, browser: Browser) -> Iterator[Page]:
    """The page as bob, who signed in; any error, and any request to another host, fails."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_S * 1000)
    session = seal_session(lab.site, new_session(BOB, now=lab.now))
    context.add_cookies([{"name": COOKIE, "value": session, "url": lab.address}])
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    own = (lab.address, "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(own) else wrong.append(r.url))
    page.goto(f"{lab.address}/api/docs")
    yield page
    context.close()
    assert wrong == []


def test_the_page_shows_every_operation(lab: ApiLab, page: Page) -> None:
    expect(page.locator(".opblock").first).to_be_visible()
    paths = lab.client().get(f"{lab.address}/api/openapi.json").json()["paths"].values()
    expect(page.locator(".opblock")).to_have_count(sum(len(one) for one in paths))


def test_who_signed_in_can_try_a_change_there(lab: ApiLab, page: Page) -> None:
    block = page.locator("#operations-bookings-reserve_api_v1_bookings_post")
    block.locator("button.opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.locator("textarea.body-param__text").fill('{"gpus": 1, "length": "4h"}')
    block.get_by_role("button", name="Execute").click()
    expect(block.locator("tr.response td.response-col_status").first).to_contain_text("201")
    assert lab.by(BOB).get("/bookings/B1").json()["owner"] == BOB

"""How the calendar page loads and moves: what is put off for speed is made up for at rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from calendar_visits import Visits
from demos import started_demo
from playwright.sync_api import Browser, Page, expect

import bot.demo
from bot.demo import Demo

ALICE = "U0ALICE"
#: How far bars that begin in view are from where their time is, in pixels: the furthest of them.
#: Null where there are none, or where one that should be drawn is not.
ASTRAY = """async () => {
  const at = name => new URL(name, document.querySelector('script[src*="calendar.js"]').src);
  const {view, viewEnd} = await import(at('motion.js'));
  const {store} = await import(at('store.js'));
  const {piecesOf} = await import(at('bars.js'));
  const drawn = new Map([...document.querySelectorAll('.lane .bar')].map(
    bar => [bar.piece.key, bar.getBoundingClientRect().left]));
  const board = document.getElementById('board').getBoundingClientRect().left;
  const far = store.nodes.flatMap(piecesOf)
    .filter(({bar}) => bar.s > view.from && bar.s < viewEnd())
    .map(({bar, key}) => Math.abs(
      drawn.get(key) - board - view.left - (bar.s - view.from) * view.pps));
  return far.length && far.every(Number.isFinite) ? Math.max(...far) : null;
}"""


@pytest.fixture
def visits(browser: Browser, looked_at: Demo) -> Iterator[Visits]:
    opened = Visits(browser, looked_at)
    yield opened
    opened.close()
    assert opened.errors == []


def come_to_rest(page: Page, address: str) -> None:
    """Wait until it has moved there, loaded what was missing, and done what it put off."""
    expect(page).to_have_url(re.compile(address))
    expect(page.locator("#board.is-panning")).to_have_count(0)
    page.wait_for_function(
        f"async () => {{ const far = await ({ASTRAY})(); return far !== null && far < 1; }}"
    )


def test_bars_are_stretched_while_it_zooms_and_where_they_belong_at_rest(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    page.get_by_role("button", name="Show less time").click()
    come_to_rest(page, "hours=")
    page.get_by_role("button", name="Month").click()
    come_to_rest(page, "view=month")
    assert page.locator(".lane[style*=scale]").count() == 0


def test_bars_further_on_are_there_once_it_has_moved(visits: Visits) -> None:
    page = visits.signed_in(ALICE, "/?view=day")
    before = page.url
    page.get_by_role("button", name="Later").click()
    expect(page).not_to_have_url(before)
    come_to_rest(page, "view=day")


def test_the_data_that_the_page_names_are_asked_for_once_and_used(visits: Visits) -> None:
    page = visits.signed_in(ALICE)
    named = page.locator("link[rel=preload]").get_attribute("href")
    asked = page.evaluate(
        "performance.getEntriesByType('resource').map(one => one.name)"
        ".filter(name => name.includes('/calendar?'))"
    )
    assert named is not None
    assert asked[0].endswith(named)
    assert [url for url in asked if url.endswith(named)] == asked[:1]
    assert len(asked) <= 2, "then what lies around it, and nothing else"


def test_a_stranger_is_asked_to_sign_in_for_a_booking_further_away(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = bot.demo.cluster()
    public = replace(closed, policy=replace(closed.policy, public_calendar=True))
    monkeypatch.setattr(bot.demo, "cluster", lambda: public)
    with started_demo(tmp_path) as demo:
        visits = Visits(browser, demo)
        page = visits.stranger()
        assert demo.bot is not None
        page.goto(f"{demo.bot.address}/?booking=B99999")
        expect(page.locator("#state")).to_have_text("Sign in to follow this link.")
        visits.close()
        assert visits.errors == []

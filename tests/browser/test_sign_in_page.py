"""Signing in on the calendar page in a real browser: with Slack, by a link, and out again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from calendar_visits import Visits
from demos import started_demo
from playwright.sync_api import Browser, Page, expect

from bot.demo import Demo
from bot.services.links import calendar_link


@pytest.fixture
def visits(browser: Browser, demo: Demo) -> Iterator[Visits]:
    opened = Visits(browser, demo)
    yield opened
    opened.close()


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[Demo]:
    """The demo of a lab where people sign in by links."""
    with started_demo(tmp_path, open_id=False) as demo:
        yield demo


def sign_in_at_slack(page: Page, person: str, answer: str = "Allow") -> None:
    page.get_by_role("link", name="Sign in with Slack").click()
    page.get_by_label("You are").select_option(label=person)
    page.get_by_role("button", name=answer).click()


def test_slack_signs_in_and_leads_back_to_what_was_asked_for(visits: Visits, demo: Demo) -> None:
    page = visits.stranger()
    page.goto(f"{demo.calendar_url}?booking=B8")
    sign_in_at_slack(page, "Bob Keller")
    expect(page.get_by_text("Bob Keller")).to_be_visible()
    expect(page.locator("#card")).to_contain_text("B8")
    assert "booking=B8" in page.url

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in with Slack")).to_be_visible()
    page.goto(demo.calendar_url)
    expect(page.locator("#board")).to_have_count(0)
    assert visits.errors == []


def test_who_does_not_allow_it_stays_outside_and_can_try_again(visits: Visits, demo: Demo) -> None:
    page = visits.stranger()
    page.goto(demo.calendar_url)
    sign_in_at_slack(page, "Bob Keller", "Cancel")
    expect(page.get_by_role("main")).to_contain_text("did not allow it")
    sign_in_at_slack(page, "Chen Wei")
    expect(page.locator("#space .bar").first).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_a_link_from_slack_asks_first_and_then_signs_in(browser: Browser, linked: Demo) -> None:
    assert linked.bot is not None
    link = calendar_link(linked.bot.site, "U0EMMA", now=linked.clock.now(), booking=3)
    visits = Visits(browser, linked)
    page = visits.stranger()
    page.goto(linked.calendar_url)
    expect(page.get_by_role("main")).to_contain_text("/gpu calendar")
    page.goto(link)
    expect(page.get_by_role("heading")).to_contain_text(re.compile("Emma Rossi|U0EMMA"))
    page.get_by_role("button", name=re.compile("^Continue as")).click()
    expect(page.locator("#card")).to_contain_text("B3")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.goto(link)
    expect(page.locator("#card")).to_contain_text("B3")
    visits.close()
    assert visits.errors == []

"""A real Chromium on the demo, which is the unmodified bot in its embedded workspace."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from demos import started_demo
from patience import PATIENCE_S
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bot.demo import Demo

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

expect.set_options(timeout=PATIENCE_S * 1000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("the browser tests need Chromium, and CI has to install it")
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with started_demo(tmp_path) as demo:
        yield demo


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The same, for tests that change nothing in it: starting one takes longer than they do."""
    with started_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture
def visit(browser: Browser, demo: Demo) -> Iterator[Callable[..., Page]]:
    """Open the workspace as a person; any error in the browser's console fails the test."""
    errors: list[str] = []
    contexts = []

    def opened(user: str, channel: str = "vision", **options: object) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto(f"{demo.sandbox.url}/?user={user}&channel={channel}")
        expect(page.get_by_test_id("composer")).to_be_visible()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []

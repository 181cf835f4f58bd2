"""People on the calendar page, each in a browser of their own."""

from __future__ import annotations

import re

from patience import PATIENCE_S
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bot.demo import Demo
from bot.web.sessions import COOKIE, new_session, seal_session


class Visits:
    """Opens the page; what goes wrong in a browser's console is kept in `errors`."""

    def __init__(self, browser: Browser, demo: Demo) -> None:
        self._browser, self._demo = browser, demo
        self._contexts: list[BrowserContext] = []
        self.errors: list[str] = []

    def stranger(self, **options: object) -> Page:
        """A browser in which nobody has signed in, at no page yet."""
        context = self._browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, **options}
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self._heard(m.text) if m.type == "error" else None)
        return page

    def signed_in(self, user: str, path: str = "/", **options: object) -> Page:
        """The calendar as `user` sees it, with its bookings drawn."""
        page = self.stranger(**options)
        self.sign_in(page, user, path)
        return page

    def sign_in(self, page: Page, user: str, path: str = "/") -> None:
        """Open the calendar as `user` sees it, in a browser in which nobody has signed in."""
        bot = self._demo.bot
        assert bot is not None
        # The session holds no clock: people who jump about in time stay signed in.
        session = new_session(user, now=self._demo.clock.now())
        value = seal_session(bot.site, session)
        page.context.add_cookies([{"name": COOKIE, "value": value, "url": bot.address}])
        page.goto(f"{bot.address}{path}")
        expect(page.locator("#space .bar").first).to_be_visible()

    def _heard(self, text: str) -> None:
        # Browsers log each answer over 399; a refusal that is shown to people is no mistake.
        if not re.match(r"Failed to load resource: .* status of (4\d\d|50[23])", text):
            self.errors.append(text)

    def close(self) -> None:
        """Close all of them."""
        for context in self._contexts:
            context.close()

"""Keeping the App Homes that people look at up to date."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from slack_sdk import WebClient

from bot.clock import Clock
from bot.services import people
from bot.services.site import Site
from bot.slack.clients import CALL_ERRORS
from bot.slack.context import View
from bot.slack.profiles import Profiles
from bot.slack.reader import Reader
from bot.slack.workers import Workers

log = logging.getLogger(__name__)

Draw = Callable[[Reader], View]

#: How many homes one tick draws: with a tick every 3 s about what Slack allows of views.publish.
AT_ONCE = 5
#: How long to leave a home alone that Slack did not take, in seconds of real time.
LEAVE_ALONE_S = 60.0


class Homes:
    """Publishes App Homes; `draw` makes the view for a reader."""

    def __init__(
        self,
        site: Site,
        clock: Clock,
        client: WebClient,
        profiles: Profiles,
        workers: Workers,
        draw: Draw,
    ) -> None:
        self._site = site
        self._clock = clock
        self._client = client
        self._profiles = profiles
        self._workers = workers
        self._draw = draw
        self._slot: int | None = None
        #: Homes that Slack did not take, and when to try again.
        self._again: dict[str, float] = {}

    def new_slot(self) -> None:
        """Once a slot: what is free now, and what runs, has changed for everybody."""
        slot = self._site.cluster.grid.number(self._clock.now())
        if slot != self._slot:
            self._slot = slot
            people.mark_homes_stale(self._site)

    def opened(self, user: str) -> None:
        """Draw the home of somebody who looks at it now, in the background."""
        self._workers.submit(lambda: self._open(user))

    def refresh(self) -> None:
        """Draw some of the homes that show something which has changed since.

        Stops at the first that Slack does not take: the others wait for the next tick.
        """
        now = time.monotonic()
        again = [user for user, at in list(self._again.items()) if at <= now]
        for user in dict.fromkeys([*people.stale_homes(self._site, limit=AT_ONCE), *again]):
            # Marked fresh before drawing, so that a change meanwhile marks it stale again.
            people.home_published(self._site, user)
            if not self._publish(user):
                return

    def _open(self, user: str) -> None:
        reader = self._profiles.reader(user)
        people.home_opened(self._site, user, now=self._clock.now())
        self._publish(user, reader)

    def _publish(self, user: str, reader: Reader | None = None) -> bool:
        view = self._draw(reader or self._profiles.reader(user))
        try:
            self._client.views_publish(user_id=user, view=view)
        except CALL_ERRORS as error:
            log.warning("the App Home of %s was not published: %s", user, error)
            self._again[user] = time.monotonic() + LEAVE_ALONE_S
            return False
        self._again.pop(user, None)
        return True

"""Keeping the App Homes that people look at up to date."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from slack_sdk import WebClient

from bot.clock import Clock
from bot.services import people
from bot.services.site import Site
from bot.slack.blocks.build import VIEW_BLOCKS
from bot.slack.clients import CALL_ERRORS, error_code
from bot.slack.context import Picture, View
from bot.slack.pictures import Pictures, until_taken, with_picture
from bot.slack.profiles import Profiles
from bot.slack.reader import Reader
from bot.slack.workers import Workers

log = logging.getLogger(__name__)

Draw = Callable[[Reader], View]
PictureOf = Callable[[Reader], Picture]

#: The picture stands below this many blocks: the name of the cluster, and the buttons.
ABOVE = 2
#: How many homes' pictures are remembered.
REMEMBERED = 500

#: How many homes one tick draws: with a tick every 3 s about what Slack allows of views.publish.
AT_ONCE = 5
#: How long to leave a home alone that Slack did not take, in seconds of real time.
LEAVE_ALONE_S = 60.0


class Homes:
    """Publishes App Homes; `draw` makes the view for a reader, `picture_of` what is at its top.

    A home is never held up by its picture: it shows the one before until Slack has the new one.
    """

    def __init__(
        self,
        site: Site,
        clock: Clock,
        client: WebClient,
        profiles: Profiles,
        workers: Workers,
        draw: Draw,
        pictures: Pictures | None = None,
        picture_of: PictureOf | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._site = site
        self._clock = clock
        self._client = client
        self._profiles = profiles
        self._workers = workers
        self._draw = draw
        self._pictures = pictures
        self._picture_of = picture_of
        self._pause = pause
        #: The picture that each home shows, and its file, until the next is ready.
        self._shown: dict[str, tuple[Picture, str]] = {}
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
        again = {user for user, at in list(self._again.items()) if at <= now}
        for user in dict.fromkeys([*people.stale_homes(self._site, limit=AT_ONCE), *again]):
            # Marked fresh before drawing, so that a change meanwhile marks it stale again.
            is_ours = people.home_published(self._site, user)
            if (is_ours or user in again) and not self._publish(user):
                return

    def _open(self, user: str) -> None:
        reader = self._profiles.reader(user)
        people.home_opened(self._site, user, now=self._clock.now())
        self._publish(user, reader)

    def _publish(self, user: str, reader: Reader | None = None) -> bool:
        reader = reader or self._profiles.reader(user)
        picture = self._picture_of(reader) if self._picture_of and self._pictures else None
        if picture is not None and self._pictures is not None:
            if (file := self._pictures.known(picture)) is not None:
                self._shown[user] = picture, file
            elif self._send(user, self._drawn(reader)):
                self._workers.submit(lambda: self._bring(reader, picture))
                return True
            else:
                return False
        return self._send(user, self._drawn(reader))

    def _drawn(self, reader: Reader) -> View:
        view = self._draw(reader)
        if (shown := self._shown.get(reader.user)) is not None:
            blocks = with_picture(view["blocks"], *shown, at=ABOVE)
            view = {**view, "blocks": blocks[:VIEW_BLOCKS]}
        return view

    def _bring(self, reader: Reader, picture: Picture) -> None:
        """Upload a picture, and draw the home anew with it."""
        assert self._pictures is not None
        file = self._pictures.file(picture)
        if file is None:
            return
        before = self._shown.get(reader.user)
        self._shown[reader.user] = picture, file
        while len(self._shown) > REMEMBERED:
            self._shown.pop(next(iter(self._shown)))
        error = until_taken(lambda: self._try(reader.user, self._drawn(reader)), self._pause)
        if error and before is not None:
            self._shown[reader.user] = before
        elif error:
            self._shown.pop(reader.user, None)

    def _send(self, user: str, view: View) -> bool:
        """Publish a home; one that Slack does not take is tried again later."""
        if self._try(user, view):
            self._again[user] = time.monotonic() + LEAVE_ALONE_S
            return False
        self._again.pop(user, None)
        return True

    def _try(self, user: str, view: View) -> str:
        """Publish a home; return Slack's error, empty when there was none."""
        try:
            self._client.views_publish(user_id=user, view=view)
        except CALL_ERRORS as error:
            log.warning("the App Home of %s was not published: %s", user, error)
            return error_code(error)
        return ""

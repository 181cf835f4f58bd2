"""Who reads: people's time zone, language and name, as their Slack profile says.

A profile is kept in the database for a day, and in memory, because each answer needs one. When it
cannot be read, an older copy does; without one, the person is shown the cluster's zone and
language, and `Reader.known` is False.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from slack_sdk import WebClient

from bot.clock import Clock
from bot.domain.actor import Person
from bot.services import people
from bot.services.site import Site
from bot.slack.clients import CALL_ERRORS
from bot.slack.reader import Reader
from bot.store.errors import Busy

log = logging.getLogger(__name__)

#: How long a profile is good for.
FRESH = timedelta(hours=24)
#: How long to leave a profile alone that could not be read, in seconds of real time. Asking for
#: it costs up to two of the three seconds in which a command must be answered.
LEAVE_ALONE_S = 60.0


class Profiles:
    """Reads profiles through `client` (users.info) and keeps them."""

    def __init__(
        self,
        site: Site,
        client: WebClient,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._site = site
        self._client = client
        self._clock = clock
        self._monotonic = monotonic
        self._unreadable: dict[str, float] = {}
        self._known: dict[str, Person] = {}

    def reader(self, user: str) -> Reader:
        """`user` as a reader, by a profile no older than a day where Slack gives it.

        While the database is away nobody's profile is known: who asks is answered all the same.
        """
        try:
            person = self._person(user)
        except Busy as error:
            log.info("the profile of %s cannot be looked up: %s", user, error)
            person = None
        if person is None:
            return Reader.of_channel(self._site.cluster, user, known=False)
        return Reader.of_person(person, self._site.cluster, self.name_of)

    def name_of(self, user: str) -> str:
        """The name of `user` as far as it is known here; never asks Slack."""
        person = self._known.get(user) or self._kept(user)
        return user if person is None else person.name

    def refresh(self, users: frozenset[str], *, limit: int) -> int:
        """Read up to `limit` profiles that are missing or a day old; return how many were read.

        So that names stand in lists and buttons before everybody has used the bot once. Stops
        at the first that cannot be read; that one is then left alone for a while.
        """
        stale = sorted(user for user in users if self._is_due(user))
        return len(list(takewhile(bool, map(self._read, stale[:limit]))))

    def _is_due(self, user: str) -> bool:
        return not self._is_fresh(self._kept(user)) and self._may_ask(user)

    def _person(self, user: str) -> Person | None:
        kept = self._kept(user)
        if self._is_fresh(kept) or not self._may_ask(user):
            return kept
        return self._read(user) or kept

    def _kept(self, user: str) -> Person | None:
        """What is remembered; looked up again once it is no longer fresh."""
        person = self._known.get(user)
        if self._is_fresh(person):
            return person
        person = people.get_person(self._site, user)
        if person is not None:
            self._known[user] = person
        return person

    def _is_fresh(self, person: Person | None) -> bool:
        return person is not None and self._clock.now() - person.refreshed_at < FRESH

    def _may_ask(self, user: str) -> bool:
        return self._monotonic() >= self._unreadable.get(user, 0.0)

    def _read(self, user: str) -> Person | None:
        try:
            answer = self._client.users_info(user=user, include_locale=True)
            zone_name = self._site.cluster.zone_name
            person = _to_person(user, answer["user"], zone_name, self._clock.now())
        except (*CALL_ERRORS, AttributeError, TypeError) as error:
            log.warning("the profile of %s cannot be read: %s", user, error)
            self._unreadable[user] = self._monotonic() + LEAVE_ALONE_S
            return None
        self._known[user] = person
        try:
            people.remember_person(self._site, person)
        except Busy:
            log.info("the profile of %s was read and not kept: the database is busy", user)
        return person


def _to_person(name: str, user: Mapping[str, Any], zone_name: str, now: datetime) -> Person:
    """The profile of the user with the id `name`, as far as it makes sense."""
    profile = user.get("profile") or {}
    names = (profile.get("display_name"), user.get("real_name"), user.get("name"), name)
    return Person(
        user=name,
        name=next(filter(None, map(_text, names))),
        zone_name=_text(user.get("tz")) or zone_name,
        locale=_text(user.get("locale")) or "en-US",
        email=_text(profile.get("email")) or None,
        refreshed_at=now,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

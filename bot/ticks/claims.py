"""Ticks that several processes share: one of them asks the servers, for all of them.

Whoever comes first has a tick for as long as it lives; when it dies, or hangs in that tick, its
claim runs out and the next to come has it. Where a database serves one process alone there is
nothing to share.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.services.site import Site
from bot.services.tick_claims import give_ticks_up, prolong_ticks, take_tick
from bot.store.errors import Busy
from bot.ticks.scheduler import Tick

log = logging.getLogger(__name__)

#: How often claims are prolonged.
PROLONG_EVERY = timedelta(seconds=5)
#: How often it is claimed anew that this process is there.
PRESENT_EVERY = timedelta(minutes=1)
#: How much longer than its interval a tick may take until another process tries it.
HANGS = timedelta(minutes=5)


class Claims:
    """The ticks of one process that only one process is to do; `wall` tells the real time."""

    def __init__(
        self,
        site: Site,
        wall: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._site, self._wall, self._monotonic = site, wall, monotonic
        self._holder = secrets.token_hex(8)
        self._is_alone = site.database.is_of_one_process
        #: Until when each is prolonged, in monotonic seconds.
        self._until: dict[str, float] = {}

    def has(self, name: str, every: timedelta) -> bool:
        """Whether this process is to do the tick `name` now, which comes `every` so often."""
        if self._is_alone:
            return True
        has = take_tick(self._site, name, self._holder, wall=self._wall())
        if has:
            self._until[name] = self._monotonic() + (every + HANGS).total_seconds()
        else:
            self._until.pop(name, None)
        return has

    def shared(self, tick: Tick) -> Tick:
        """The same tick, which does nothing while another process does it."""

        def run() -> None:
            if self.has(tick.name, tick.every):
                tick.run()

        return tick if self._is_alone else replace(tick, run=run)

    def ticks(self) -> tuple[Tick, ...]:
        """What is to run for it."""
        return () if self._is_alone else (Tick("claims", PROLONG_EVERY, self.prolong),)

    def presence(self, name: str) -> tuple[Tick, ...]:
        """What is to run so that the claim `name` shows that this process is there."""
        if self._is_alone:
            return ()
        return (Tick("replica", PRESENT_EVERY, lambda: self.has(name, PRESENT_EVERY)),)

    def prolong(self) -> None:
        """Keep what this process has."""
        now = self._monotonic()
        if names := [name for name, until in list(self._until.items()) if now < until]:
            prolong_ticks(self._site, names, self._holder, wall=self._wall())

    def close(self) -> None:
        """Leave everything to the others."""
        if not self._until:
            return
        try:
            give_ticks_up(self._site, self._holder)
        except Busy as error:
            log.info("the others have to wait until the claims have run out: %s", error)

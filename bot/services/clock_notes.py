"""A machine's clock that has jumped: told to the operators once, and when it is believed again.

A machine on which gpubot runs no more, such as a pod that was replaced, tells nothing: the others
bring to an end what it has told.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from bot.services.changing import changing
from bot.services.outages import CLOCK, Outage, clocks_elsewhere, give_up, note_outage
from bot.services.replicas import hosts_at_work
from bot.services.site import Site


class ClockNotes:
    """What one process tells of its machine's clock.

    `jumped` is by how much it has jumped that is not believed, for operators; None: it is believed.
    `now` is the time to go by, and `wall` that of the claims, aware UTC.
    """

    def __init__(
        self,
        site: Site,
        jumped: Callable[[], str | None],
        now: Callable[[], datetime],
        wall: Callable[[], datetime],
    ) -> None:
        self._site, self._jumped, self._now, self._wall = site, jumped, now, wall
        self._host = socket.gethostname()
        #: Something may be noted; also by the process that was here before.
        self._is_noted = True
        #: The subjects of what was nobody's at the last look at the others.
        self._left: set[str] = set()

    def look(self) -> None:
        """Note a jump, and its end; mostly there is neither, which costs nothing."""
        why = self._jumped()
        if why is None and not self._is_noted:
            return
        note_outage(self._site, f"{CLOCK}{self._host}", why, now=self._now())
        self._is_noted = why is not None

    def look_at_others(self) -> None:
        """End what is noted of machines on which gpubot runs no more.

        Only what was so at the last look, too: a process that is starting has no claim yet.
        """
        with self._site.database.snapshot() as connection:
            found = {one.subject for one in self._elsewhere(connection)}
        if found & self._left:
            with changing(self._site, self._now()) as change:
                for one in self._elsewhere(change.connection):
                    if one.subject in self._left:
                        give_up(change, one)
        self._left = found

    def _elsewhere(self, connection: Connection) -> list[Outage]:
        """On SQLite there are no claims, and no other process either."""
        hosts = hosts_at_work(connection, wall=self._wall())
        return clocks_elsewhere(connection, hosts | {self._host})

"""A machine's clock that has jumped: told to the operators once, and when it is believed again."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.services.outages import CLOCK, note_outage
from bot.services.site import Site


class ClockNotes:
    """What one process tells of its machine's clock.

    `jump` is by how much it has jumped that is not believed; zero: it is believed. `now` is the
    time to go by, aware UTC.
    """

    def __init__(
        self, site: Site, jump: Callable[[], timedelta], now: Callable[[], datetime]
    ) -> None:
        self._site, self._jump, self._now = site, jump, now
        self._name = f"{CLOCK}{socket.gethostname()}"
        #: Something may be noted; also by the process that was here before.
        self._is_noted = True

    def look(self) -> None:
        """Note a jump, and its end; mostly there is neither, which costs nothing."""
        jumped = self._jump()
        if not jumped and not self._is_noted:
            return
        why = f"{'+' if jumped > timedelta(0) else '-'}{abs(jumped)}" if jumped else None
        note_outage(self._site, self._name, why, now=self._now())
        self._is_noted = why is not None

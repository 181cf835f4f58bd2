"""Whether another process works on the same SQLite file, which is meant for one.

The process that looked first or last has its name in the database; whoever finds another's there
is not alone. No booking is lost by it, but what is kept in memory is not as fresh as it is
believed to be, and messages may be sent twice.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable

from sqlalchemy import delete, insert, select
from sqlmodel import col

from bot.services.site import Site
from bot.store import models

log = logging.getLogger(__name__)

#: Name of the fact in the table of memories.
PROCESS = "process"
#: For how many seconds it counts that another was seen.
SEEN_FOR_S = 180.0

_MEMORY = models.Memory
_NAMED = col(_MEMORY.name) == PROCESS


class OnlyProcess:
    """One process's look at whether it is alone."""

    def __init__(self, site: Site, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._site, self._monotonic = site, monotonic
        self._name = f"process {os.getpid()} on {socket.gethostname()} {secrets.token_hex(4)}"
        self._has_begun = False
        self._other = ""
        self._seen_at = float("-inf")

    def look(self) -> None:
        """Leave the own name; it is told once when another's stands there."""
        with self._site.database.snapshot() as connection:
            found = connection.execute(select(col(_MEMORY.value)).where(_NAMED)).scalar()
        if found == self._name:
            return
        # What stands there at the start is of the one before, mostly.
        if self._has_begun and found is not None:
            self._saw(found)
        with self._site.database.transaction() as connection:
            connection.execute(delete(_MEMORY).where(_NAMED))
            connection.execute(insert(_MEMORY).values(name=PROCESS, value=self._name))
        self._has_begun = True

    def problem(self) -> str | None:
        """Who else works on the file; None: nobody was seen lately."""
        if self._monotonic() - self._seen_at >= SEEN_FOR_S:
            return None
        return f"database: another gpubot works on this SQLite file, {self._other}"

    def _saw(self, name: str) -> None:
        other = name.rpartition(" ")[0]
        if other != self._other:
            log.error("another gpubot works on this SQLite file: %s; end one of the two", other)
        self._other, self._seen_at = other, self._monotonic()

"""Proving the audit chain whole while gpubot runs, a few records at a time.

`gpubot audit verify` proves all of it at once. This walks along it again and again, so that an
edit is seen by itself, within minutes for a small chain and within a day or so for a large one.
What it finds is kept, and told by all processes until an operator has acknowledged it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam
from sqlmodel import col

from bot.services.audit import fault
from bot.services.audit_fault import Fault, acknowledged, keep_fault, known_fault, said_about
from bot.services.record import FIRST_HASH
from bot.services.site import Site
from bot.store import models, queries

log = logging.getLogger(__name__)

#: How many records are looked at each time; that takes some 25 ms.
AT_ONCE = 1000
#: How long after the beginning of one walk the next one begins.
AGAIN_AFTER = timedelta(days=1)

_NEXT = (
    queries.columns(models.Audit)
    .where(col(models.Audit.seq) >= bindparam("seq"))
    .order_by(col(models.Audit.seq))
    .limit(AT_ONCE)
)


class AuditWatch:
    """One process's walk along the chain; of several processes one walks."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._fault: Fault | None = None
        #: Not kept yet, because the database was busy.
        self._unkept: Fault | None = None
        self._seq, self._hash = 0, FIRST_HASH
        self._began_at: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything that was looked at held; a fault stays until it is acknowledged."""
        return self._fault is None and self._unkept is None

    def look(self, *, now: datetime, walks: bool = True) -> None:
        """See what is known to be wrong, and look at the next records where this process walks."""
        if self._unkept is not None:
            self._keep(self._unkept)
        kept = known_fault(self._site)
        if not walks or (kept is None and self._fault is not None):
            # Who walked meanwhile knows where the end was, and what was acknowledged was an end.
            self._begin(None)
        self._fault = kept
        if walks and kept is None:
            self._walk(now)

    def _walk(self, now: datetime) -> None:
        if self._began_at is None:
            self._begin(now)
        # The last record of the time before comes first: it has to be there still.
        with self._site.database.snapshot() as connection:
            rows = connection.execute(_NEXT, {"seq": self._seq}).all()
        # What was read may not be on disk yet, and what a crash undoes was not tampered with.
        self._site.database.wait_for_disk()
        if self._seq and not (rows and (rows[0].seq, rows[0].hash) == (self._seq, self._hash)):
            self._found(self._seq, "it is gone, or another one stands in its place", now)
            return
        for row in rows[1:] if self._seq else rows:
            why = fault(row, self._seq + 1, self._hash)
            if why and not self._is_acknowledged(row):
                self._found(row.seq, why, now, self._hash)
                return
            self._seq, self._hash = row.seq, row.hash
        if self._began_at and len(rows) < AT_ONCE and now - self._began_at >= AGAIN_AFTER:
            self._begin(now)

    def _begin(self, at: datetime | None) -> None:
        self._seq, self._hash, self._began_at = 0, FIRST_HASH, at

    def _is_acknowledged(self, row: Row[Any]) -> bool:
        return said_about(acknowledged(self._site.database), row, self._hash) is not None

    def _found(self, seq: int, why: str, now: datetime, before: str = "") -> None:
        log.error("the audit log was tampered with: record %d: %s", seq, why, extra={"audit": seq})
        self._keep(Fault(seq, why, now.isoformat(), before))

    def _keep(self, found: Fault) -> None:
        self._unkept = found
        keep_fault(self._site, found)
        self._fault, self._unkept = found, None

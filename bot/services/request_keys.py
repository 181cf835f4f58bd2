"""Keys that programs give to requests, so that a request sent twice is done once.

The outcome is kept as a receipt by the use-case itself, in the change's own transaction. What was
asked for is kept beside it: the same key with another request is a mistake, and is said to be one.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import col

from bot.domain.actor import Actor
from bot.domain.errors import N_, BookingError
from bot.services import receipts
from bot.services.site import Site
from bot.store import models
from bot.store.errors import Busy

log = logging.getLogger(__name__)


class KeyReused(BookingError):
    """The key was given to another request before."""

    code = "key_reused"
    template = N_("This Idempotency-Key belongs to another request. Give each request its own.")


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A key for one act on one thing; `given` None: no key was given.

    A person has the same keys by all their tokens and on the page; a pipeline has its own, because
    it books for its team and for no other that the same person makes pipelines for.
    """

    actor: Actor
    verb: str
    given: str | None
    #: What is asked for, as JSON values.
    content: Mapping[str, Any]
    subject: object = ""

    @property
    def receipt(self) -> str | None:
        """The key to give to the use-case, of bounded length whatever was given."""
        return None if self.given is None else f"api:{_hash(f'{self.actor.maker}:{self.given}')}"

    def _kept(self, verb: str) -> str:
        return receipts.scoped(self.receipt, self.actor, verb, self.subject) or ""

    def earlier(self, site: Site) -> Any | None:
        """What the first request with this key led to; None: this is the first.

        Raises KeyReused when that one asked for something else.
        """
        if self.given is None:
            return None
        table, done, asked = models.Receipt, self._kept(self.verb), self._kept(f"{self.verb}.asked")
        statement = select(col(table.key), col(table.result)).where(
            col(table.key).in_([done, asked])
        )
        with site.database.snapshot() as connection:
            found = {row.key: json.loads(row.result) for row in connection.execute(statement)}
        if found.get(asked, self._digest) != self._digest:
            raise KeyReused
        if done in found:
            # What was read may not be on disk yet, and success is acknowledged.
            site.database.wait_for_disk()
        return found.get(done)

    def remember(self, site: Site, *, now: datetime) -> None:
        """Keep what was asked for, after it was done."""
        if self.given is None:
            return
        table, key = models.Receipt, self._kept(f"{self.verb}.asked")
        same = select(col(table.key)).where(col(table.key) == key)
        try:
            with site.database.transaction() as connection:
                if connection.execute(same).first() is None:
                    values = {"key": key, "at": now, "result": json.dumps(self._digest)}
                    connection.execute(insert(table).values(**values))
        except Busy:
            log.info("the database is busy: what was asked for by a key goes unremembered")

    @property
    def _digest(self) -> str:
        return _hash(json.dumps(self.content, sort_keys=True, default=str))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]

"""Requests that may arrive twice: the second arrival gets the first one's outcome.

A receipt is written in the same transaction as the change. Refused requests leave none, so
trying again after a refusal is a new request.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select

from bot.domain.actor import Actor
from bot.services.change import Change
from bot.services.site import Site
from bot.store import models, queries
from bot.store.ahead import Question
from bot.store.prepared import Inserting, Prepared
from bot.store.tables import table_of
from bot.store.told import RestsOn

#: How long a receipt is kept. Slack's retries come within hours; buttons live on in old messages.
KEPT = timedelta(days=30)


_RECEIPT = table_of(models.Receipt)
_RESULT = Prepared(
    select(_RECEIPT.c.result).where(_RECEIPT.c.key == bindparam("of")),
    rests_on=RestsOn("receipt", lambda asked, row: row["key"] == asked["of"]),
)
_KEEP = Inserting(models.Receipt)


def scoped(key: str | None, actor: Actor, verb: str, subject: object = "") -> str | None:
    """The key of one person's one act on one thing, so that nobody gets another's outcome."""
    return None if key is None else f"{actor.name}:{verb}:{subject}:{key}"


def asking(key: str | None) -> Question:
    """What `find` asks."""
    return _RESULT, {"of": key}


def find(change: Change, key: str | None) -> Any | None:
    """What the request with that key led to, as it was given to `keep`; None: it is new."""
    if key is None:
        return None
    statement, values = asking(key)
    found = statement.rows(change.connection, values)
    return json.loads(found[0][0]) if found else None


def keep(change: Change, key: str | None, result: object) -> None:
    """Remember what the request with that key led to."""
    if key is not None:
        values = {"key": key, "at": change.now, "result": json.dumps(result)}
        _KEEP.later(change.connection, values)


def forget(site: Site, *, now: datetime) -> int:
    """Drop receipts older than KEPT; return how many.

    No index is kept for what is asked once an hour, so they are sought where nobody waits for it.
    """
    old = select(_RECEIPT.c.key).where(_RECEIPT.c.at < now - KEPT)
    with site.database.snapshot() as connection:
        keys = connection.execute(old).scalars().all()
    for some in queries.in_chunks(keys):
        with site.database.transaction(exclusive=False) as connection:
            connection.execute(delete(_RECEIPT).where(_RECEIPT.c.key.in_(some)))
    return len(keys)

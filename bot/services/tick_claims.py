"""Ticks that one process does for all: a row says which, for as long as it goes on saying so.

A claim is taken by one statement, so of several processes one gets it. It lasts a while and has
to be prolonged; a process that dies leaves one that is over soon, and needs nobody to clear up.
All instants are real time, aware UTC; clocks that differ by seconds do no harm but that a claim
changes hands sooner, and every such tick may be done twice. What a clock has claimed that was far
ahead does not count: else nobody would do the tick for as long, when that process is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, update
from sqlalchemy import text as sql
from sqlmodel import col

from bot.services.site import Site
from bot.store import models
from bot.store.tables import table_of

#: How long a claim lasts without being prolonged.
LASTS = timedelta(seconds=20)
#: No claim lasts longer from now on: one that says so was made by a clock that was ahead.
FURTHEST = timedelta(minutes=5)

_CLAIM = models.TickClaim
_INSTANT = table_of(_CLAIM).c.until.type
_TAKE = sql("""
    INSERT INTO tick_claim (name, holder, until) VALUES (:name, :holder, :until)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE tick_claim.holder = excluded.holder
        OR tick_claim.until <= :wall OR tick_claim.until > :furthest
""").bindparams(*(bindparam(name, type_=_INSTANT) for name in ("until", "wall", "furthest")))


def take_tick(site: Site, name: str, holder: str, *, wall: datetime) -> bool:
    """Claim a tick, or prolong the claim; False while another process has it."""
    instants = {"until": wall + LASTS, "wall": wall, "furthest": wall + FURTHEST}
    values = {"name": name, "holder": holder, **instants}
    with site.database.transaction(exclusive=False) as connection:
        return bool(connection.execute(_TAKE, values).rowcount)


def prolong_ticks(site: Site, names: Iterable[str], holder: str, *, wall: datetime) -> None:
    """Prolong those claims of `holder`; what another has taken meanwhile stays theirs."""
    own = (col(_CLAIM.holder) == holder, col(_CLAIM.name).in_(list(names)))
    with site.database.transaction(exclusive=False) as connection:
        connection.execute(update(_CLAIM).where(*own).values(until=wall + LASTS))


def give_ticks_up(site: Site, holder: str) -> None:
    """Leave all ticks of `holder` to others, who take them at their next turn."""
    with site.database.transaction(exclusive=False) as connection:
        connection.execute(delete(_CLAIM).where(col(_CLAIM.holder) == holder))

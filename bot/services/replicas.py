"""Which processes work on one PostgreSQL, and whether they were started alike.

Each says so by a claim that it prolongs (see `tick_claims`), whose name tells where it runs and
with what. One that has died is not seen any more 20 seconds later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select
from sqlalchemy import text as sql
from sqlmodel import col

from bot.services.site import Site
from bot.store import models

_PREFIX = "replica "
_CLAIM = models.TickClaim
_OF_REPLICAS = col(_CLAIM.name).startswith(_PREFIX)
#: How long it is kept that there was one.
KEPT = timedelta(days=1)
#: Clocks that differ by more are told.
ALIKE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Replica:
    """A process: its machine, and fingerprints of its configuration file and its settings."""

    host: str
    config: str
    settings: str

    @property
    def claim(self) -> str:
        """The name of its claim."""
        return f"{_PREFIX}{self.host} {self.config or '-'} {self.settings}"


def forget_replicas(site: Site, *, wall: datetime) -> None:
    """Drop what is known of processes that were there long ago."""
    gone = _OF_REPLICAS & (col(_CLAIM.until) < wall - KEPT)
    with site.database.transaction(exclusive=False) as connection:
        connection.execute(delete(_CLAIM).where(gone))


def look_at_replicas(
    connection: Connection, own: Replica, *, wall: datetime
) -> Iterator[tuple[bool | None, str]]:
    """Whether the processes at work were started as `own` is; findings, for operators."""
    found = _at_work(connection, wall)
    for replica in found:
        if other := _other(replica, own):
            text = f"works with another {' and another '.join(other)} than this one"
            yield False, f"replica {replica.host}: {text}; give all the same, and restart it"
    if found and all((one.config, one.settings) == (own.config, own.settings) for one in found):
        yield True, f"replicas: {len(found)} at work, all with this configuration and environment"


def _other(replica: Replica, own: Replica) -> list[str]:
    parts = {
        "configuration file": replica.config != own.config,
        "environment (tokens, secrets)": replica.settings != own.settings,
    }
    return [part for part, is_other in parts.items() if is_other]


def hosts_at_work(connection: Connection, *, wall: datetime) -> set[str]:
    """The machines on which processes are at work."""
    return {replica.host for replica in _at_work(connection, wall)}


def look_at_clock(connection: Connection, *, wall: datetime) -> tuple[bool | None, str]:
    """Whether the clock of the database's server goes with the machine's; gpubot never asks it."""
    off = wall - connection.execute(sql("SELECT clock_timestamp()")).scalar_one()
    if abs(off) <= ALIKE:
        return True, "clock: goes with the database server's"
    return None, f"clock: {how_far(off)} the database server's; one of them is wrong"


def how_far(off: timedelta) -> str:
    """By how much a clock is `off` another, before that one's name."""
    length = timedelta(seconds=round(abs(off).total_seconds()))
    return f"{length} {'ahead of' if off > timedelta(0) else 'behind'}"


def _at_work(connection: Connection, wall: datetime) -> list[Replica]:
    statement = select(col(_CLAIM.name)).where(_OF_REPLICAS, col(_CLAIM.until) > wall)
    names = connection.execute(statement.order_by(col(_CLAIM.name))).scalars()
    parts = (name.removeprefix(_PREFIX).rsplit(" ", 2) for name in names)
    return [Replica(host, "" if config == "-" else config, own) for host, config, own in parts]

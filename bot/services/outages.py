"""Servers on which not everything can be seen or done: told to the operators, also when it is over.

Most of them do not answer; some do, and still refuse to show, start or end one run. Clocks of
machines that are not believed are told of in the same way.

A message stands in the operators' channel as long as the outage lasts, and is edited when it ends.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update
from sqlmodel import col

from bot.services.change import Change
from bot.services.changing import changing
from bot.services.record import post
from bot.services.site import Site
from bot.store import models

#: What is over sooner is nobody's business: servers are restarted.
TOLD_AFTER = timedelta(minutes=2)
#: What the name of a clock begins with, before its machine's.
CLOCK = "clock:"


@dataclass(frozen=True, slots=True)
class Outage:
    """A time of trouble with a server; instants are ISO 8601."""

    #: Which one, as operators call it: "kubernetes", "slurm", "clock:gpubot-7d9f".
    server: str
    since: str
    why: str
    told: bool = False

    @property
    def subject(self) -> str:
        """What its message is about."""
        return f"outage:{self.server}@{self.since}"


def is_noted(site: Site, server: str) -> bool:
    """Whether an outage of `server` is noted that is not over."""
    with site.database.snapshot() as connection:
        return _known(connection, server) is not None


def note_outage(site: Site, server: str, why: str | None, *, now: datetime) -> None:
    """Note why not everything can be seen or done on `server`; None: it can."""
    with site.database.snapshot() as connection:
        known = _known(connection, server)
    if _is_known(known, why, now):
        return
    with changing(site, now) as change:
        known = _known(change.connection, server)
        if why is None:
            _end(change, known)
        elif known is None:
            _write(change.connection, Outage(server, change.now.isoformat(), why))
        elif _is_due(known, change.now):
            told = Outage(server, known.since, why, told=True)
            _write(change.connection, told, is_new=False)
            _tell(change, told, "begun", until=None)


def unwatched(connection: Connection, servers: Collection[str]) -> list[Outage]:
    """What is noted of other servers than those; clocks are watched by their own machines."""
    noted = _noted(connection, _name(""))
    return [one for one in noted if one.server not in servers and not one.server.startswith(CLOCK)]


def clocks_elsewhere(connection: Connection, hosts: Collection[str]) -> list[Outage]:
    """What is noted of clocks of other machines than those."""
    noted = _noted(connection, _name(CLOCK))
    return [one for one in noted if one.server.removeprefix(CLOCK) not in hosts]


def give_up(change: Change, outage: Outage) -> None:
    """Nobody watches that server any more, so nobody would see that it is back."""
    _end(change, outage, "unwatched")


def _is_known(known: Outage | None, why: str | None, now: datetime) -> bool:
    """Whether there is nothing to write."""
    if known is None:
        return why is None
    return why is not None and not _is_due(known, now)


def _is_due(known: Outage, now: datetime) -> bool:
    return not known.told and now - datetime.fromisoformat(known.since) >= TOLD_AFTER


def _end(change: Change, known: Outage | None, state: str = "over") -> None:
    if known is None:
        return
    memory = models.Memory
    change.connection.execute(delete(memory).where(col(memory.name) == _name(known.server)))
    if known.told:
        _tell(change, known, state, until=change.now)


def _tell(change: Change, outage: Outage, state: str, *, until: datetime | None) -> None:
    channel = change.cluster.ops_channel
    if channel is None:
        return
    post(
        change, "outage", channel, outage.subject, f"{outage.subject}:{state}",
        server=outage.server, since=outage.since, why=outage.why,
        until=None if until is None else until.isoformat(), unwatched=state == "unwatched",
    )  # fmt: skip


def _noted(connection: Connection, prefix: str) -> list[Outage]:
    memory = models.Memory
    statement = select(col(memory.value)).where(col(memory.name).startswith(prefix))
    return [Outage(**json.loads(value)) for value in connection.execute(statement).scalars()]


def _known(connection: Connection, server: str) -> Outage | None:
    memory = models.Memory
    statement = select(col(memory.value)).where(col(memory.name) == _name(server))
    found = connection.execute(statement).scalar_one_or_none()
    return None if found is None else Outage(**json.loads(found))


def _write(connection: Connection, outage: Outage, *, is_new: bool = True) -> None:
    memory, value = models.Memory, json.dumps(asdict(outage))
    if is_new:
        connection.execute(insert(memory).values(name=_name(outage.server), value=value))
    else:
        statement = update(memory).where(col(memory.name) == _name(outage.server))
        connection.execute(statement.values(value=value))


def _name(server: str) -> str:
    return f"outage:{server}"

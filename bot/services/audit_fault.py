"""What the walk along the audit chain has found: kept, told, and acknowledged by an operator.

It is kept in the database, so that it is still told after a restart, and by every process. What an
operator has looked into is acknowledged by a record of the chain itself: whoever could write such
a record unseen could write any other.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select
from sqlmodel import col

from bot.domain.actor import GPUBOT
from bot.services.changing import changing
from bot.services.record import record, record_hash
from bot.services.site import Site
from bot.store import models, queries

#: Name of the fact in the table of memories.
FAULT = "audit_fault"
#: The action of the record that acknowledges one.
ACKNOWLEDGED = "audit_acknowledged"

_AUDIT, _MEMORY = models.Audit, models.Memory
_KEPT = select(col(_MEMORY.value)).where(col(_MEMORY.name) == FAULT)
_RECORD = queries.columns(_AUDIT).where(col(_AUDIT.seq) == bindparam("seq"))
_ACKNOWLEDGED = select(col(_AUDIT.after)).where(col(_AUDIT.action) == ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Fault:
    """The first record that does not hold, why, and when that was found (ISO 8601)."""

    seq: int
    why: str
    found_at: str


def known_fault(site: Site) -> Fault | None:
    """What was found and nobody has acknowledged; None: nothing."""
    with site.database.snapshot() as connection:
        return _known(connection)


def keep_fault(site: Site, fault: Fault) -> None:
    """Remember what was found; what was found before stays."""
    with site.database.transaction() as connection:
        if _known(connection) is None:
            value = json.dumps(asdict(fault), ensure_ascii=False)
            connection.execute(insert(_MEMORY).values(name=FAULT, value=value))


def acknowledge(site: Site, said: str, *, now: datetime) -> Fault | None:
    """Note that an operator has looked into what was found, and what they say; None: nothing was.

    The walk begins anew, and passes by that record as long as it stays as it is now.
    """
    with changing(site, now) as change:
        fault = _known(change.connection)
        if fault is None:
            return None
        change.connection.execute(delete(_MEMORY).where(col(_MEMORY.name) == FAULT))
        row = change.connection.execute(_RECORD, {"seq": fault.seq}).one_or_none()
        after = {**asdict(fault), "content": "" if row is None else _content(row), "said": said}
        record(change, GPUBOT, ACKNOWLEDGED, after=after)
    return fault


def is_acknowledged(site: Site, row: Row[Any]) -> bool:
    """Whether an operator has looked into this record, as it is."""
    with site.database.snapshot() as connection:
        found = connection.execute(_ACKNOWLEDGED).scalars().all()
    noted = [json.loads(after or "{}") for after in found]
    return any((one.get("seq"), one.get("content")) == (row.seq, _content(row)) for one in noted)


def _known(connection: Connection) -> Fault | None:
    found = connection.execute(_KEPT).scalar_one_or_none()
    return None if found is None else Fault(**json.loads(found))


def _content(row: Row[Any]) -> str:
    """What a record is now, whether or not its own hash says so."""
    return f"{record_hash(row._asdict())} {row.hash}"

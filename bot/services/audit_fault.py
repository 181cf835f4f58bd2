"""What the walk along the audit chain has found: kept, told, and acknowledged by an operator.

It is kept in the database, so that it is still told after a restart, and by every process. What an
operator has looked into is acknowledged by a record of the chain itself: whoever could write such
a record unseen could write any other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
from bot.store.database import Database

#: Name of the fact in the table of memories.
FAULT = "audit_fault"
#: The action of the record that acknowledges one.
ACKNOWLEDGED = "audit_acknowledged"

_AUDIT, _MEMORY = models.Audit, models.Memory
_KEPT = select(col(_MEMORY.value)).where(col(_MEMORY.name) == FAULT)
_RECORD = queries.columns(_AUDIT).where(col(_AUDIT.seq) == bindparam("seq"))
_ACKNOWLEDGED = select(col(_AUDIT.seq), col(_AUDIT.after)).where(col(_AUDIT.action) == ACKNOWLEDGED)


#: What stands in a record that acknowledges a fault.
Noted = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """The first record that does not hold, why, and when that was found (ISO 8601)."""

    seq: int
    why: str
    found_at: str
    #: The hash of the record before it, by which everything before it is known. Empty: not kept.
    before: str = ""


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


def acknowledge(site: Site, said: str, *, now: datetime, by: str = "") -> Fault | None:
    """Note that an operator has looked into what was found, and what they say; None: nothing was.

    `by` is what the machine calls the operator, where it knows. The walk begins anew, and passes by
    that record as long as it and all before it stay as they were.
    """
    with changing(site, now) as change:
        fault = _known(change.connection)
        if fault is None:
            return None
        change.connection.execute(delete(_MEMORY).where(col(_MEMORY.name) == FAULT))
        row = change.connection.execute(_RECORD, {"seq": fault.seq}).one_or_none()
        content = "" if row is None else _content(row)
        after = {**asdict(fault), "content": content, "said": said, "by": by}
        record(change, GPUBOT, ACKNOWLEDGED, after=after)
    return fault


def acknowledged(database: Database) -> Sequence[Noted]:
    """What operators have noted about the records they have looked into.

    Only what stands behind such a record counts: the walk that passes by it comes there, too.
    """
    with database.snapshot() as connection:
        found = connection.execute(_ACKNOWLEDGED).all()
    read = ((row.seq, _read(row.after)) for row in found)
    return [noted for seq, noted in read if noted and noted["seq"] < seq]


def said_about(noted: Sequence[Noted], row: Row[Any], before: str) -> str | None:
    """What was noted about this record, as it is and after the hash `before`; None: nothing."""
    known = {"seq": row.seq, "content": _content(row), "before": before}
    return next((str(one.get("said")) for one in noted if known.items() <= one.items()), None)


def _read(after: str | None) -> Noted:
    """Nothing where it is not what was written here: then the walk finds that record, too."""
    try:
        noted = json.loads(after or "{}")
    except (ValueError, RecursionError):
        return {}
    return noted if isinstance(noted, dict) and isinstance(noted.get("seq"), int) else {}


def _known(connection: Connection) -> Fault | None:
    found = connection.execute(_KEPT).scalar_one_or_none()
    return None if found is None else Fault(**json.loads(found))


def _content(row: Row[Any]) -> str:
    """What a record is now, whether or not its own hash says so."""
    return f"{record_hash(row._asdict())} {row.hash}"

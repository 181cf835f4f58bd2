"""The audit chain: proving it whole, and writing it out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TextIO

from sqlalchemy import Row
from sqlmodel import col

from bot.services.audit_fault import acknowledged, said_about
from bot.services.record import FIRST_HASH, record_hash
from bot.services.site import Site
from bot.store import models, queries
from bot.store.database import Database

#: Columns of an export, in order.
FIELDS = (
    "seq", "at", "actor", "action", "booking", "node", "reason", "before", "after",
    "previous_hash", "hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the chain is whole; if not, the first record that does not hold and why.

    `acknowledged`: the records that do not hold either, but that an operator has looked into, and
    what they said.
    """

    ok: bool
    records: int
    first_bad: int | None = None
    why: str = ""
    acknowledged: tuple[tuple[int, str], ...] = ()


def verify(site: Site) -> Verdict:
    """Walk the chain from its beginning and check every record's number and hash.

    A changed, removed, inserted or reordered record shows. Records cut off at the very end
    cannot be seen from within; compare the last hash with an export kept elsewhere. A record that
    an operator has looked into is passed by, as long as it and all before it stay as they were.
    """
    return verify_in(site.database)


def verify_in(database: Database) -> Verdict:
    """The same for a database whose cluster does not matter."""
    noted = acknowledged(database)
    passed: list[tuple[int, str]] = []
    seq, previous, count = 0, FIRST_HASH, 0
    for row in _rows(database, None):
        count += 1
        if why := fault(row, seq + 1, previous):
            said = said_about(noted, row, previous)
            if said is None:
                return Verdict(
                    ok=False, records=count, first_bad=row.seq, why=why, acknowledged=tuple(passed)
                )
            passed.append((row.seq, said))
        seq, previous = row.seq, row.hash
    return Verdict(ok=True, records=count, acknowledged=tuple(passed))


def export(
    site: Site,
    form: Literal["csv", "jsonl"],
    stream: TextIO,
    *,
    since: datetime | None = None,
) -> int:
    """Write the records from `since` on to `stream`, oldest first; return how many."""
    count = 0
    if form == "csv":
        writer = csv.writer(stream)
        writer.writerow(FIELDS)
        for row in _rows(site.database, since):
            writer.writerow([_plain(getattr(row, field)) for field in FIELDS])
            count += 1
        return count
    for row in _rows(site.database, since):
        stream.write(json.dumps(_as_object(row), ensure_ascii=False) + "\n")
        count += 1
    return count


def _rows(database: Database, since: datetime | None) -> Iterator[Row[Any]]:
    statement = queries.columns(models.Audit).order_by(col(models.Audit.seq))
    if since is not None:
        statement = statement.where(col(models.Audit.at) >= since)
    with (
        database.snapshot() as connection,
        connection.execution_options(yield_per=1000).execute(statement) as rows,
    ):
        yield from rows


def fault(row: Row[Any], number: int, previous: str) -> str:
    """Why a record does not hold that should be the `number`th, after the hash `previous`."""
    if row.seq != number:
        return f"record {number} is missing"
    if row.previous_hash != previous:
        return "it does not follow the record before it"
    if record_hash(row._asdict()) != row.hash:
        return "its content was changed after it was written"
    return ""


def _plain(value: object) -> object:
    """A cell for a spreadsheet: instants as ISO 8601, and no cell that is read as a formula."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in "=+-@\t\r":
        return f"'{value}" if value else value
    return value


def _as_object(row: Row[Any]) -> dict[str, Any]:
    values = {field: getattr(row, field) for field in FIELDS}
    values["at"] = row.at.isoformat()
    for field in ("before", "after"):
        values[field] = None if values[field] is None else json.loads(values[field])
    return values

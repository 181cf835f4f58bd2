"""The database as an accountant reads it: plain SQL, without the program that is being checked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import psycopg

LIVE = "('reserved', 'active')"


@lru_cache(maxsize=4096)
def instant(text: str | None) -> datetime | None:
    """An instant as the tables keep it."""
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


@lru_cache(maxsize=4096)
def _shares(text: str) -> dict[str, int]:
    return dict(json.loads(text))


@dataclass(frozen=True, slots=True)
class Promise:
    """A live booking, as its row has it."""

    id: int
    owner: str
    team: str
    state: str
    start: datetime
    end: datetime
    shares: dict[str, int]
    gpu_ids: dict[str, list[int]]
    priority: int
    queued: bool
    created: datetime
    used_at: datetime | None
    asked_at: datetime | None
    asked: int
    overruns: bool
    #: Whether a reminder of its start, or of its end, is yet to come.
    to_remind: bool
    revision: int


#: What is read of a table: values by name and by place.
Row = Any


class Books:
    """Reads of what is committed."""

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite:///")
        self._connection: Any
        if self._is_sqlite:
            path = url.removeprefix("sqlite:///")
            uri = f"file:{path}?mode=ro"
            self._connection = sqlite3.connect(uri, uri=True, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
        else:
            self._connection = psycopg.connect(url, autocommit=True, options="-c timezone=UTC")
            self._connection.row_factory = _rows

    def close(self) -> None:
        self._connection.close()

    def rows(self, sql: str, *values: object) -> list[Row]:
        found: list[Row] = self._run(sql, values).fetchall()
        return found

    def one(self, sql: str, *values: object) -> Any:
        return self._run(sql, values).fetchone()[0]

    def _run(self, sql: str, values: Sequence[object]) -> Any:
        return self._connection.execute(sql if self._is_sqlite else sql.replace("?", "%s"), values)

    def live(self) -> dict[int, Promise]:
        """The bookings that hold something, by id."""
        found = self.rows(f"SELECT * FROM booking WHERE state IN {LIVE}")
        return {row["id"]: _promise(row) for row in found}

    def revisions(self) -> dict[str, int]:
        """How often each node's claims were changed."""
        return {row["name"]: row["revision"] for row in self.rows("SELECT * FROM node")}

    def claims(self, node: str, after_s: int) -> list[Row]:
        """What counts on `node` and lasts longer than `after_s`."""
        return self.rows(
            "SELECT kind, holder, gpus, start_s, end_s FROM claim"
            " WHERE node = ? AND gone IS NULL AND end_s > ? ORDER BY start_s",
            node,
            after_s,
        )

    def gave_up(self, node: str, since: int) -> bool:
        """Whether claims of `node` were given up after its revision `since`."""
        sql = "SELECT 1 FROM claim WHERE node = ? AND gone > ? LIMIT 1"
        return bool(self.rows(sql, node, since))

    def settled(self, topic: str, subject: str, since: str = "0001-01-01") -> datetime | None:
        """When a message about `subject`, written `since` then, was noted to have arrived first."""
        sql = (
            "SELECT min(settled_at) FROM outbox"
            " WHERE topic = ? AND subject = ? AND topic != 'card' AND created_at >= ?"
        )
        return instant(self.one(sql, topic, subject, since))

    def footprint(self) -> tuple[int, ...]:
        """Numbers that any change of anything but heartbeats raises."""
        counts = ("max(seq) FROM audit", "max(id) FROM outbox", "max(id) FROM claim",
                  "sum(revision) FROM booking", "sum(revision) FROM node", "max(id) FROM offer",
                  "count(*) FROM receipt", "count(*) FROM waitlistentry")  # fmt: skip
        columns = ", ".join(f"coalesce((SELECT {count}), 0)" for count in counts)
        return tuple(self.rows(f"SELECT {columns}")[0])


class _Row(dict[str, Any]):
    """A row of PostgreSQL's as SQLite gives it."""

    def __getitem__(self, key: str | int) -> Any:
        return list(self.values())[key] if isinstance(key, int) else super().__getitem__(key)


def _rows(cursor: Any) -> Any:
    names = [column.name for column in cursor.description or ()]

    def row(values: Sequence[Any]) -> _Row:
        return _Row(zip(names, map(_plain, values), strict=True))

    return row


def _plain(value: Any) -> Any:
    """An instant as SQLite keeps it; everything else is the same in both."""
    return f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value


def _promise(row: Row) -> Promise:
    start, end = instant(row["start_at"]), instant(row["end_at"])
    assert start is not None
    assert end is not None
    reminded = row["reminded_start"] if row["state"] == "reserved" else row["reminded_end"]
    of = row["start_at"] if row["state"] == "reserved" else row["end_at"]
    silent = row["state"] == "active" and row["queued"]
    return Promise(
        id=row["id"],
        owner=row["owner"],
        team=row["team"],
        state=row["state"],
        start=start,
        end=end,
        shares=_shares(row["shares"]),
        gpu_ids=dict(json.loads(row["gpu_ids"])) if row["gpu_ids"] else {},
        priority=row["priority"],
        queued=bool(row["queued"]),
        created=instant(row["created_at"]),
        used_at=instant(row["used_at"]),
        asked_at=instant(row["asked_at"]),
        asked=row["asked"],
        overruns=row["overrun_from"] is not None,
        to_remind=reminded != of and not silent,
        revision=row["revision"],
    )

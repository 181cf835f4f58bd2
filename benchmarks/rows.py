"""Bookings, people and wishes as rows, in bulk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

from sqlalchemy import Connection, func, insert, select, text, update
from sqlmodel import SQLModel, col
from sqlmodel.sql.sqltypes import UTCDateTime

from benchmarks.laboratory import ADMIN, TEAMS, ZONE, people
from bot.services.receipts import KEPT
from bot.services.record import FIRST_HASH, record_hash
from bot.services.site import Site
from bot.store import models
from bot.store.tables import table_of

#: Bookings in one insert.
AT_ONCE = 10_000
SOON = timedelta(hours=2)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """A booking on one node, in slots counted from the one that `now` lies in."""

    node: str
    begin: int
    end: int
    #: Which of the node's GPUs.
    ids: tuple[int, ...]
    team: str
    person: str
    priority: int


def write(site: Site, made: Iterable[Made], *, now: datetime) -> None:
    """Write bookings, with everything that stands beside them.

    What has begun is active, what ended by `now` is ended, and nobody is due to be told anything.
    """
    rest = iter(made)
    while part := list(islice(rest, AT_ONCE)):
        with site.database.transaction(patient=True) as connection:
            _Writer(site, connection, now).write(part)


class _Writer:
    """Writes one part in one transaction."""

    def __init__(self, site: Site, connection: Connection, now: datetime) -> None:
        self._site, self._connection, self._now = site, connection, now
        self._channels = {team.name: team.channel for team in site.cluster.teams}
        self._slot = site.cluster.policy.slot
        self._origin = site.cluster.grid.floor(now)

    def write(self, part: Sequence[Made]) -> None:
        node = models.Node
        self._connection.execute(update(node).values(revision=col(node.revision) + 1))
        revisions = dict(self._connection.execute(select(col(node.name), col(node.revision))).all())
        first = _largest(self._connection, models.Booking, "id") + 1
        bookings = [self._booking(first + n, one) for n, one in enumerate(part)]
        claims = [
            _claim(row, one, revisions[one.node]) for row, one in zip(bookings, part, strict=True)
        ]
        audits = list(self._audits(bookings))
        recent = self._now - KEPT
        for model, rows in (
            (models.Booking, bookings),
            (models.Claim, claims),
            (models.Audit, audits),
            (models.Outbox, [message for row in bookings for message in self._messages(row)]),
            (models.Posted, [self._posted(row) for row in bookings]),
            (models.Receipt, [_receipt(row) for row in bookings if row["created_at"] > recent]),
        ):
            _insert(self._connection, model, rows)

    def _booking(self, number: int, one: Made) -> Row:
        start = self._origin + one.begin * self._slot
        end = self._origin + one.end * self._slot
        now, gpus = self._now, len(one.ids)
        state = "reserved" if start > now else "ended" if end <= now else "active"
        begun = state != "reserved"
        return {
            "id": number, "owner": one.person, "team": one.team, "start_at": start, "end_at": end,
            "gpus": gpus, "shares": json.dumps([[one.node, gpus]]), "priority": one.priority,
            "preemptible": one.priority == 2, "purpose": f"experiment {number}", "state": state,
            "created_at": min(start, now) - timedelta(days=1), "created_by": one.person,
            "revision": 1 + begun + (state == "ended"), "spread": False, "queued": False,
            "asked": 0,
            "gpu_ids": json.dumps([[one.node, list(one.ids)]]) if begun else None,
            "used_at": min(end, now) if begun else None,
            # Those who would be reminded soon have been.
            "reminded_start": start if start <= now + SOON else None,
            "reminded_end": end if end <= now + SOON else None,
        }  # fmt: skip

    def _audits(self, bookings: Sequence[Row]) -> Iterator[Row]:
        """What became of each booking, in one chain."""
        seq = _largest(self._connection, models.Audit, "seq")
        audit = models.Audit
        last = select(col(audit.hash)).where(col(audit.seq) == seq)
        previous = self._connection.execute(last).scalar_one_or_none() or FIRST_HASH
        for row in bookings:
            for action, state, actor, at in _story(row):
                seq += 1
                values = {
                    "seq": seq, "at": at, "actor": actor, "action": action, "booking": row["id"],
                    "node": None, "reason": "", "before": None, "after": _described(row, state),
                    "previous_hash": previous,
                }  # fmt: skip
                previous = values["hash"] = record_hash(values)
                yield values

    def _messages(self, row: Row) -> Iterator[Row]:
        """What was sent: the card in the team's channel at each change, and reminders."""
        channel, subject = self._channels[row["team"]], f"booking:{row['id']}"
        for revision, (_, _, _, at) in enumerate(_story(row), 1):
            key = f"card:{row['id']}:{revision}:{channel}"
            yield _sent(key, "card", channel, subject, at)
        subject = f"reminder:{row['id']}"
        for which in ("start", "end"):
            if (at := row[f"reminded_{which}"]) is not None:
                key = f"{subject}:{which}:{int(at.timestamp())}:{row['owner']}"
                yield _sent(key, "reminder", row["owner"], subject, min(at, self._now))

    def _posted(self, row: Row) -> Row:
        """Where the card stands."""
        channel, subject = self._channels[row["team"]], f"booking:{row['id']}"
        return {
            "subject": subject, "recipient": channel, "channel": channel,
            "ts": f"{int(row['created_at'].timestamp())}.{row['id']:06}",
            "digest": hashlib.sha256(subject.encode()).hexdigest(),
        }  # fmt: skip


def _sent(key: str, topic: str, recipient: str, subject: str, at: datetime) -> Row:
    return {
        "dedupe_key": key, "topic": topic, "recipient": recipient, "subject": subject,
        "data": "{}", "created_at": at, "state": "sent", "attempts": 1, "settled_at": at,
    }  # fmt: skip


def _receipt(row: Row) -> Row:
    """That the request which made it was carried out."""
    key = f"{row['owner']}:reserve::{row['id']}"
    return {"key": key, "at": row["created_at"], "result": str(row["id"])}


def _claim(row: Row, one: Made, revision: int) -> Row:
    return {
        "node": one.node, "start_s": int(row["start_at"].timestamp()),
        "end_s": int(row["end_at"].timestamp()), "gpus": row["gpus"], "kind": "booking",
        "holder": row["id"], "born": revision,
    }  # fmt: skip


def _story(row: Row) -> Iterator[tuple[str, str, str, datetime]]:
    """What happened to it, what it was afterwards, who did it, and when."""
    yield "reserved", "reserved", row["owner"], row["created_at"]
    if row["state"] != "reserved":
        yield "started", "active", "gpubot", row["start_at"]
    if row["state"] == "ended":
        yield "ended", "ended", "gpubot", row["end_at"]


def _described(row: Row, state: str) -> str:
    """The booking as `bot.services.record.describe` writes it: JSON with its keys sorted.

    Put together by hand: five times as fast, of a million bookings three times each.
    """
    ids = "" if state == "reserved" else f'"gpu_ids": {row["gpu_ids"]}, '
    return (
        f'{{"end": "{row["end_at"].isoformat()}", {ids}"gpus": {row["gpus"]}, '
        f'"owner": "{row["owner"]}", "preemptible": {json.dumps(row["preemptible"])}, '
        f'"priority": {row["priority"]}, "purpose": "{row["purpose"]}", '
        f'"shares": {row["shares"]}, "start": "{row["start_at"].isoformat()}", '
        f'"state": "{state}", "team": "{row["team"]}"}}'
    )


def _insert(connection: Connection, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Insert rows that all have the same columns.

    The driver gets them itself: what SQLAlchemy does for each takes twice the time.
    """
    if not rows:
        return
    names, first = ", ".join(rows[0]), rows[0]
    driver = connection.connection.driver_connection
    assert driver is not None
    if connection.dialect.name != "sqlite":
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {model.__tablename__} ({names}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(tuple(row.values()))
        return
    places = ", ".join(f":{name}" for name in first)
    columns = table_of(model).columns
    instants = [name for name in first if isinstance(columns[name].type, UTCDateTime)]
    for row in rows:
        for name in instants:
            row[name] = _stored(row[name])
    statement = f"INSERT INTO {model.__tablename__} ({names}) VALUES ({places})"  # noqa: S608
    driver.executemany(statement, rows)


@lru_cache(maxsize=100_000)
def _stored(instant: datetime | None) -> str | None:
    """An instant as SQLAlchemy has SQLite keep it."""
    return None if instant is None else f"{instant:%Y-%m-%d %H:%M:%S.%f}"


@contextmanager
def unindexed(site: Site) -> Iterator[None]:
    """While the block runs the tables have no indexes; afterwards those that they had before.

    Sorting a million keys at the end takes a fraction of putting each in its place.
    """
    with site.database.transaction(patient=True) as connection:
        found = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).all()
        for name, _ in found:
            connection.exec_driver_sql(f'DROP INDEX "{name}"')
    yield
    with site.database.transaction(patient=True) as connection:
        for _, sql in found:
            connection.exec_driver_sql(sql)


def number_on(connection: Connection) -> None:
    """Have PostgreSQL number new rows after those that came with ids of their own."""
    for model in (models.Booking, models.Claim, models.Outbox):
        following = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)")
        last = _largest(connection, model, "id")
        if last:
            connection.execute(following, {"name": str(model.__tablename__), "last": last})


def write_people(site: Site, *, now: datetime) -> None:
    """Everybody's profile, read just now."""
    rows = [
        {
            "user": user, "name": f"Person {user[3:]}", "zone_name": ZONE, "locale": "en-US",
            "refreshed_at": now, "home_stale": False,
        }
        for user in (ADMIN, *(user for team in range(TEAMS) for user in people(team)))
    ]  # fmt: skip
    with site.database.transaction(patient=True) as connection:
        connection.execute(insert(models.Person), rows)


def write_wishes(
    site: Site, wishes: Iterable[tuple[int, int, tuple[str, str]]], *, now: datetime
) -> None:
    """Wishes of so many GPUs for so many slots, in the order in which they were made."""
    slot = site.cluster.policy.slot
    rows = []
    for number, (gpus, slots, (team, person)) in enumerate(wishes):
        latest = (now + timedelta(days=10)).replace(microsecond=0)
        rows.append({
            "owner": person, "team": team, "kind": "window", "gpus": gpus, "spread": False,
            "length_s": int((slots * slot).total_seconds()), "earliest_at": now,
            "latest_at": latest, "last_start_at": latest - slots * slot, "not_before": now,
            "priority": 2, "preemptible": True, "purpose": "", "state": "waiting",
            "created_at": now - timedelta(days=2) + timedelta(minutes=number), "unanswered": 0,
        })  # fmt: skip
    with site.database.transaction(patient=True) as connection:
        connection.execute(insert(models.WaitlistEntry), rows)


def _largest(connection: Connection, model: type[SQLModel], column: str) -> int:
    found = connection.execute(select(func.max(getattr(model, column)))).scalar_one()
    return int(found or 0)

"""Bookings, people and wishes as rows, in bulk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlmodel import SQLModel, col

from benchmarks.laboratory import ADMIN, TEAMS, ZONE, people
from bot.services.record import FIRST_HASH, record_hash
from bot.services.site import Site
from bot.store import models

#: Bookings in one insert.
AT_ONCE = 20_000
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
        with site.database.transaction() as connection:
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
        cards = [self._card(row) for row in bookings]
        for model, rows in (
            (models.Booking, bookings),
            (models.Claim, claims),
            (models.Audit, audits),
            (models.Outbox, [message for message, _ in cards]),
            (models.Posted, [posted for _, posted in cards]),
        ):
            self._connection.execute(insert(model), rows)

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

    def _card(self, row: Row) -> tuple[Row, Row]:
        """The card in the team's channel, as it was sent and as it stands there."""
        channel, subject = self._channels[row["team"]], f"booking:{row['id']}"
        message = {
            "dedupe_key": f"card:{row['id']}:{row['revision']}:{channel}", "topic": "card",
            "recipient": channel, "subject": subject, "data": "{}",
            "created_at": row["created_at"], "state": "sent", "attempts": 1,
            "settled_at": row["created_at"],
        }  # fmt: skip
        posted = {
            "subject": subject, "recipient": channel, "channel": channel,
            "ts": f"{int(row['created_at'].timestamp())}.{row['id']:06}",
            "digest": hashlib.sha256(subject.encode()).hexdigest(),
        }  # fmt: skip
        return message, posted


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
    """The booking as `bot.services.record.describe` writes it."""
    described = {
        "owner": row["owner"], "team": row["team"], "start": row["start_at"].isoformat(),
        "end": row["end_at"].isoformat(), "gpus": row["gpus"], "shares": json.loads(row["shares"]),
        "priority": row["priority"], "preemptible": row["preemptible"],
        "purpose": row["purpose"], "state": state,
    }  # fmt: skip
    if state != "reserved":
        described["gpu_ids"] = json.loads(row["gpu_ids"])
    return json.dumps(described, ensure_ascii=False, sort_keys=True)


def write_people(site: Site, *, now: datetime) -> None:
    """Everybody's profile, read just now."""
    rows = [
        {
            "user": user, "name": f"Person {user[3:]}", "zone_name": ZONE, "locale": "en-US",
            "refreshed_at": now, "home_stale": False,
        }
        for user in (ADMIN, *(user for team in range(TEAMS) for user in people(team)))
    ]  # fmt: skip
    with site.database.transaction() as connection:
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
    with site.database.transaction() as connection:
        connection.execute(insert(models.WaitlistEntry), rows)


def _largest(connection: Connection, model: type[SQLModel], column: str) -> int:
    found = connection.execute(select(func.max(getattr(model, column)))).scalar_one()
    return int(found or 0)

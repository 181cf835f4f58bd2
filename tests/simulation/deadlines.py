"""Nobody loses anything for not answering what they had no time to read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from simulation.books import Books, Row, instant

from bot.domain.cluster import NoShow, Policy

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
#: What starts within this time starts at once.
GRACE = 5 * MINUTE


class Deadlines:
    """Compares what was taken from people with when they were told of it."""

    def __init__(self, books: Books, policy: Policy) -> None:
        self._books = books
        self._policy = policy

    def look(self, records: Iterable[Row], now: datetime) -> None:
        """After a transaction that left these audit records."""
        for record in records:
            if record["action"] == "reclaimed":
                self._check_reclaimed(record["booking"], now)
            elif record["action"] == "no_show" and self._policy.no_show is NoShow.ASK:
                self._check_no_show(record["booking"], now)
            elif record["action"] == "offer_expired":
                self._check_expired(json.loads(record["after"])["entry"], now)

    def _check_reclaimed(self, booking: int, now: datetime) -> None:
        sql = "SELECT id FROM preemption WHERE preemptee = ? AND state = 'reclaimed'"
        subject = f"preemption:{self._books.one(sql, booking)}"
        told = self._books.settled("warning", subject)
        assert told is not None, f"{subject}: B{booking} was reclaimed and nobody was warned"
        _check_had("the warning", told, self._policy.warning, now)

    def _check_no_show(self, booking: int, now: datetime) -> None:
        row = self._books.rows("SELECT asked_at FROM booking WHERE id = ?", booking)[0]
        told = self._books.settled("idle", f"idle:{booking}", since=row["asked_at"])
        assert told is not None, f"B{booking} was released and nobody was asked"
        _check_had(f"the question about B{booking}", told, self._policy.no_show_after, now)

    def _check_expired(self, entry: int, now: datetime) -> None:
        row = self._books.rows(
            "SELECT offer.*, kind, length_s FROM offer JOIN waitlistentry w ON w.id = offer.entry"
            " WHERE offer.entry = ? AND offer.state = 'expired' ORDER BY offer.id DESC",
            entry,
        )[0]
        created, start, end = (instant(row[at]) for at in ("created_at", "start_at", "end_at"))
        at_once = start <= created + GRACE
        needs = timedelta(seconds=row["length_s"]) if row["kind"] == "queue" else SECOND
        latest = end - needs if at_once else start
        told = self._books.settled("offer", f"offer:{row['id']}")
        if now < end - needs:
            assert told is not None, f"offer {row['id']} expired and nobody knew of it"
            period = min(self._policy.offer_expires, latest - created)
            _check_had(f"offer {row['id']}", told, period, now)


def _check_had(what: str, told: datetime, period: timedelta, now: datetime) -> None:
    assert now >= told + period - MINUTE, f"{what} arrived at {told}, and counted at {now}"

"""When something is due next, so that time can go from event to event."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from simulation.books import Books, Promise, instant

from bot.domain.cluster import NoShow, Policy

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
HALF_HOUR = 30 * MINUTE
GRACE = 5 * MINUTE

#: The steps of `keep_time` of which it is known when they have work.
KNOWN = frozenset({
    "remind", "turn_over", "ask_idle", "release_unused", "expire_offers", "expire_transfers",
    "expire_drains", "expire_entries", "serve_queue",
})  # fmt: skip


class Due(NamedTuple):
    """Something to do: by which step of `keep_time`, from when on, and about what."""

    step: str
    at: datetime
    about: int | None = None


def ahead(books: Books, now: datetime, policy: Policy) -> list[Due]:
    """Everything that is due at `now` or later, as far as is known at `now`."""
    found: list[Due] = []
    for promise in books.live().values():
        found += _of_booking(promise, policy)
    found += _of_preemptions(books, policy)
    found += _of_tables(books)
    found += _of_entries(books, now)
    return found


def _of_booking(promise: Promise, policy: Policy) -> Iterator[Due]:
    waits = promise.state == "reserved"
    turn = promise.start if waits else promise.end
    yield Due("turn_over", turn, promise.id)
    if promise.to_remind:
        told = max(turn - HALF_HOUR, promise.created + 10 * MINUTE if waits else turn - HALF_HOUR)
        if told < turn:
            yield Due("remind", told, promise.id)
    if waits or policy.no_show is NoShow.OFF:
        return
    if promise.asked_at is not None:
        yield Due("release_unused", promise.asked_at + policy.no_show_after, promise.id)
    elif promise.asked < 2 and not promise.queued and not promise.overruns:
        used = promise.used_at
        silent = promise.start + policy.no_show_after
        silent = silent if used is None else max(silent, used + policy.no_show_after + SECOND)
        if silent < promise.end:
            yield Due("ask_idle", silent, promise.id)


def _of_preemptions(books: Books, policy: Policy) -> Iterator[Due]:
    warned = books.rows(
        "SELECT * FROM preemption WHERE state = 'warned' AND NOT nudged AND NOT extended"
    )
    for row in warned:
        told = instant(row["reclaim_at"]) - policy.warning
        heard = books.settled("warning", f"preemption:{row['id']}")
        if heard is not None and heard + 10 * MINUTE < told:
            yield Due("remind", told, row["preemptee"])


def _of_tables(books: Books) -> Iterator[Due]:
    for step, sql in (
        ("expire_offers", "SELECT expires_at, id FROM offer WHERE state = 'open'"),
        ("expire_transfers", "SELECT expires_at, id FROM transfer WHERE state = 'open'"),
        (
            "expire_drains",
            "SELECT end_at, id FROM drain WHERE state = 'draining' AND end_at NOTNULL",
        ),
    ):
        yield from (Due(step, instant(row[0]), row[1]) for row in books.rows(sql))


def _of_entries(books: Books, now: datetime) -> Iterator[Due]:
    queue_waits = False
    for row in books.rows("SELECT * FROM waitlistentry WHERE state = 'waiting'"):
        latest, length = instant(row["latest_at"]), timedelta(seconds=row["length_s"])
        not_before = instant(row["not_before"])
        past = latest + GRACE - length + SECOND
        yield Due("expire_entries", past if not_before < past else now, row["id"])
        if row["kind"] == "queue":
            queue_waits = True
            if not_before > now:
                yield Due("serve_queue", not_before)
    if queue_waits:
        now_s = int(now.timestamp())
        sql = "SELECT min(end_s) FROM claim WHERE gone IS NULL AND end_s > ?"
        if (end_s := books.one(sql, now_s)) is not None:
            yield Due("serve_queue", datetime.fromtimestamp(end_s, UTC))

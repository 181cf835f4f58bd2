"""Waitlist entries and offers as rows, and what is recorded of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import col

from bot.domain.actor import Actor
from bot.domain.booking import Placement, Priority, Shape
from bot.domain.errors import N_, NotFound
from bot.domain.job import JobOrder
from bot.domain.job_json import order_to_json
from bot.domain.job_shown import job_in_words
from bot.domain.notes import Note
from bot.domain.request import BookingRequest
from bot.domain.waitlist import (
    EntryKind,
    EntryState,
    Offer,
    OfferState,
    WaitlistEntry,
    answer_until,
    entry_label,
)
from bot.services.change import Change
from bot.services.record import announce, mark_homes_stale, post, record
from bot.services.rows import shares_json
from bot.store import models, queries, wait_queries


def insert_entry(
    change: Change,
    *,
    owner: str,
    team: str,
    kind: EntryKind,
    shape: Shape,
    length: timedelta,
    earliest: datetime,
    latest: datetime,
    priority: Priority,
    preemptible: bool,
    purpose: str,
    job: JobOrder | None = None,
    continues: int | None = None,
) -> WaitlistEntry:
    """Write a new wish at the end of its line."""
    values = {
        "owner": owner,
        "team": team,
        "kind": kind.value,
        "priority": int(priority),
        "preemptible": preemptible,
        "state": EntryState.WAITING.value,
        "created_at": change.now,
        "unanswered": 0,
        "not_before": earliest,
        **_wish(shape, length, earliest, latest),
        "purpose": purpose,
        "job": order_to_json(job),
        "continues": continues,
    }
    entry_id = change.insert(insert(models.WaitlistEntry).values(**values))
    return load_entry(change, entry_id)


def _wish(
    shape: Shape, length: timedelta, earliest: datetime, latest: datetime
) -> dict[str, object]:
    return {
        "gpus": shape.gpus,
        "asked_node": shape.node,
        "asked_model": shape.model,
        "spread": shape.spread,
        "length_s": int(length.total_seconds()),
        "earliest_at": earliest,
        "latest_at": latest,
        "last_start_at": latest - length,
    }


def load_entry(change: Change, entry_id: int) -> WaitlistEntry:
    """The entry with that id; raise NotFound when there is none."""
    entry = wait_queries.find_entry(change.connection, entry_id)
    if entry is None:
        raise no_such_entry(entry_id)
    return entry


def no_such_entry(entry_id: int) -> NotFound:
    """The error for an entry id that nobody has."""
    return NotFound(what=Note(N_("waitlist entry {label}"), {"label": entry_label(entry_id)}))


def update_entry(change: Change, entry: WaitlistEntry, **changes: Any) -> WaitlistEntry:
    """Write an entry's changed fields; return it as it is now."""
    after = replace(entry, **changes)
    table = models.WaitlistEntry
    change.connection.execute(
        update(table)
        .where(col(table.id) == entry.id)
        .values(
            state=after.state.value,
            unanswered=after.unanswered,
            not_before=after.not_before,
            booking=after.booking,
            team=after.team,
            priority=int(after.priority),
            preemptible=after.preemptible,
            purpose=after.purpose,
            job=order_to_json(after.job),
            **_wish(after.shape, after.length, after.earliest, after.latest),
        )
    )
    _refresh_pipeline(change, after)
    return after


def record_entry(
    change: Change,
    actor: Actor,
    action: str,
    entry: WaitlistEntry,
    *,
    before: WaitlistEntry | None = None,
    reason: str = "",
) -> int:
    """Record a change of a wish; return the audit record's number."""
    mark_homes_stale(change)
    return record(
        change,
        actor,
        action,
        reason=reason,
        before=None if before is None else describe_entry(before),
        after=describe_entry(entry),
    )


def _refresh_pipeline(change: Change, entry: WaitlistEntry) -> None:
    """Have a channel that was told of a pipeline's wish see what becomes of it."""
    box, subject = models.Outbox, f"entry:{entry.id}"
    told = select(col(box.recipient)).where(queries.told(subject, topic="pipeline_waits"))
    shown = (entry.state.value, entry.booking, entry.shape.gpus, entry.length, entry.latest)
    key = f"pipeline_waits:{entry.id}:" + ":".join(map(str, shown))
    for recipient in change.connection.execute(told.distinct()).scalars().all():
        post(change, "pipeline_waits", recipient, subject, f"{key}:{recipient}")


def describe_entry(entry: WaitlistEntry) -> dict[str, Any]:
    """A wish as the audit keeps it."""
    return {
        "entry": entry.id,
        "owner": entry.owner,
        "team": entry.team,
        "kind": entry.kind.value,
        "gpus": entry.shape.gpus,
        "node": entry.shape.node,
        "model": entry.shape.model,
        "length_s": int(entry.length.total_seconds()),
        "earliest": entry.earliest.isoformat(),
        "latest": entry.latest.isoformat(),
        "priority": int(entry.priority),
        "state": entry.state.value,
        **({} if entry.job is None else {"job": job_in_words(entry.job)}),
    }


def tell_entry(change: Change, entry: WaitlistEntry) -> None:
    """Have the owner told what became of a wish without their doing."""
    subject = f"entry:{entry.id}"
    post(change, "entry", entry.owner, subject, f"{subject}:{entry.state.value}")


def as_booking_request(entry: WaitlistEntry, placement: Placement) -> BookingRequest:
    """What the wish asks for, at that window."""
    return BookingRequest(
        shape=entry.shape,
        window=placement.window,
        priority=entry.priority,
        preemptible=entry.preemptible,
        team=entry.team,
        purpose=entry.purpose,
        job=entry.job,
        continues=entry.continues,
    )


def insert_offer(change: Change, entry: WaitlistEntry, placement: Placement) -> Offer:
    """Write a new offer of `placement`, without its claims."""
    expires = answer_until(entry, placement.window, change.now, change.cluster.policy.offer_expires)
    values = {
        "entry": entry.id,
        "owner": entry.owner,
        "team": entry.team,
        "start_at": placement.window.start,
        "end_at": placement.window.end,
        "shares": shares_json(placement),
        "created_at": change.now,
        "expires_at": expires,
        "state": OfferState.OPEN.value,
    }
    return load_offer(change, change.insert(insert(models.Offer).values(**values)))


def load_offer(change: Change, offer_id: int) -> Offer:
    """The offer with that id; raise NotFound when there is none."""
    offer = wait_queries.find_offer(change.connection, offer_id)
    if offer is None:
        raise no_such_offer()
    return offer


def no_such_offer() -> NotFound:
    """The error for an offer id that was never made."""
    return NotFound(what=Note(N_("such offer")))


def update_offer(change: Change, offer: Offer, **changes: Any) -> Offer:
    """Write what became of an offer, and have its messages show it."""
    after = replace(offer, **changes)
    table = models.Offer
    change.connection.execute(
        update(table)
        .where(col(table.id) == offer.id)
        .values(
            state=after.state.value,
            expires_at=after.expires_at,
            booking=after.booking,
            answered_by=after.answered_by,
        )
    )
    announce_offer(change, after)
    return after


def announce_offer(change: Change, offer: Offer) -> None:
    """Bring the messages about an offer up to date."""
    state = f"{offer.state.value}:{int(offer.expires_at.timestamp())}"
    announce(change, "offer", f"offer:{offer.id}", state, offer.team, offer.owner)

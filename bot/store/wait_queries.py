"""Reading who waits, and what is offered to them, as the domain's values; see bot.store.queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, or_
from sqlmodel import col

from bot.domain.booking import Priority, Shape
from bot.domain.job_json import order_from_json
from bot.domain.waitlist import EntryKind, EntryState, Offer, OfferState, WaitlistEntry
from bot.domain.window import Window
from bot.store import models
from bot.store.queries import columns, find, instant, to_shares

OPEN_ENTRY = (EntryState.WAITING.value, EntryState.OFFERED.value)


def waiting(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[Row[Any]]:
    """Rows of the wishes without an offer, in the order in which they are served."""
    return connection.execute(_waiting(*conditions)).all()


def _waiting(*conditions: ColumnElement[bool]) -> Select[Any]:
    table = models.WaitlistEntry
    return (
        columns(table)
        .where(col(table.state) == EntryState.WAITING.value, *conditions)
        .order_by(col(table.priority), col(table.created_at), col(table.id))
    )


def waiting_for_a_gap(connection: Connection) -> list[WaitlistEntry]:
    """Those of them that wait for a gap."""
    return [to_entry(row) for row in connection.execute(_waiting_for_a_gap())]


@cache
def _waiting_for_a_gap() -> Select[Any]:
    return _waiting(col(models.WaitlistEntry.kind) == EntryKind.QUEUE.value)


def waiting_in_vain(connection: Connection, now: datetime) -> list[WaitlistEntry]:
    """Those of them whose time has passed."""
    found = [to_entry(row) for row in connection.execute(_waiting_in_vain(), {"now": now})]
    return [entry for entry in found if entry.is_past(now)]


@cache
def _waiting_in_vain() -> Select[Any]:
    table = models.WaitlistEntry
    late = col(table.last_start_at) < instant("now")
    return _waiting(or_(late, col(table.not_before) > col(table.last_start_at)))


def open_entries(connection: Connection, owner: str | None = None) -> list[WaitlistEntry]:
    """The wishes that wait for GPUs or for an answer, in the order in which they are served."""
    table = models.WaitlistEntry
    statement = (
        columns(table)
        .where(col(table.state).in_(OPEN_ENTRY))
        .order_by(col(table.priority), col(table.created_at), col(table.id))
    )
    if owner is not None:
        statement = statement.where(col(table.owner) == owner)
    return [to_entry(row) for row in connection.execute(statement)]


def find_entry(connection: Connection, entry_id: int) -> WaitlistEntry | None:
    """The waitlist entry with that id; None when there is none."""
    return find(connection, models.WaitlistEntry, to_entry, entry_id)


def find_offer(connection: Connection, offer_id: int) -> Offer | None:
    """The offer with that id; None when there is none."""
    return find(connection, models.Offer, to_offer, offer_id)


def open_offer(connection: Connection, entry_id: int) -> Offer | None:
    """The offer of that entry which still holds GPUs; None when there is none."""
    table = models.Offer
    statement = columns(table).where(
        col(table.entry) == entry_id, col(table.state) == OfferState.OPEN.value
    )
    row = connection.execute(statement).first()
    return None if row is None else to_offer(row)


def to_entry(row: Row[Any]) -> WaitlistEntry:
    """A waitlist entry's row as the domain's value."""
    return WaitlistEntry(
        id=row.id,
        owner=row.owner,
        team=row.team,
        kind=EntryKind(row.kind),
        shape=Shape(row.gpus, row.asked_node, row.asked_model, row.spread),
        length=timedelta(seconds=row.length_s),
        earliest=row.earliest_at,
        latest=row.latest_at,
        not_before=row.not_before,
        priority=Priority(row.priority),
        preemptible=row.preemptible,
        purpose=row.purpose,
        state=EntryState(row.state),
        created_at=row.created_at,
        unanswered=row.unanswered,
        booking=row.booking,
        job=order_from_json(row.job),
        continues=row.continues,
    )


def to_offer(row: Row[Any]) -> Offer:
    """An offer's row as the domain's value."""
    return Offer(
        id=row.id,
        entry=row.entry,
        owner=row.owner,
        team=row.team,
        window=Window(row.start_at, row.end_at),
        shares=to_shares(row.shares),
        created_at=row.created_at,
        expires_at=row.expires_at,
        state=OfferState(row.state),
        booking=row.booking,
        answered_by=row.answered_by,
    )

"""Bookings, transfers and drains as rows: how a domain value is written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import update
from sqlmodel import col

from bot.domain.booking import Booking, BookingState, Placement
from bot.domain.drain import Drain
from bot.domain.errors import N_, NotFound
from bot.domain.job_json import order_to_json
from bot.domain.notes import Note
from bot.domain.request import BookingRequest
from bot.domain.transfer import Transfer, TransferState
from bot.services.change import Change
from bot.store import models, queries
from bot.store.prepared import Inserting

#: A new booking.
BOOKING = Inserting(
    models.Booking,
    number="id",
    always={
        "state": BookingState.RESERVED.value, "revision": 1, "asked": 0, "gpu_ids": None,
        "overrun_from": None, "used_at": None, "asked_at": None, "reminded_start": None,
        "reminded_end": None,
    },
)  # fmt: skip


def insert_booking(
    change: Change,
    request: BookingRequest,
    placement: Placement,
    *,
    owner: str,
    team: str,
    maker: str = "",
    queued: bool = False,
) -> Booking:
    """Write a new booking, without its claims; return it with its id.

    `maker` is a pipeline that makes it; empty: its owner does.
    """
    facts: dict[str, Any] = {
        "owner": owner,
        "team": team,
        "preemptible": request.preemptible,
        "purpose": request.purpose,
        "created_at": change.now,
        "created_by": maker or owner,
        "queued": queued,
        "continues": request.continues,
    }
    values = {
        "start_at": placement.window.start,
        "end_at": placement.window.end,
        "gpus": placement.gpus,
        "asked_node": request.shape.node,
        "asked_model": request.shape.model,
        "spread": request.shape.spread,
        "shares": shares_json(placement),
        "priority": int(request.priority),
        "job": order_to_json(request.job),
    }
    return Booking(
        id=BOOKING.insert(change.connection, facts | values),
        window=placement.window,
        shares=placement.shares,
        shape=request.shape,
        priority=request.priority,
        state=BookingState.RESERVED,
        job=request.job,
        **facts,
    )


def update_booking(change: Change, booking: Booking, **changes: Any) -> Booking:
    """Write a booking's changed fields and raise its revision; return it as it is now.

    `changes` are fields of `Booking`: owner, team, window, shares, shape, state, gpu_ids,
    overrun_from, used_at, asked_at, job, continues.
    """
    after = replace(booking, revision=booking.revision + 1, **changes)
    values = {
        "gpu_ids": _gpu_ids_json(after),
        "overrun_from": after.overrun_from,
        "used_at": after.used_at,
        "asked_at": after.asked_at,
        "owner": after.owner,
        "team": after.team,
        "start_at": after.window.start,
        "end_at": after.window.end,
        "gpus": after.gpus,
        "shares": shares_json(Placement(after.window, after.shares)),
        "state": after.state.value,
        "revision": after.revision,
        "job": order_to_json(after.job),
        "continues": after.continues,
    }
    table = models.Booking
    change.connection.execute(update(table).where(col(table.id) == booking.id).values(**values))
    return after


def load_booking(change: Change, booking_id: int) -> Booking:
    """The booking with that id; raise NotFound when there is none."""
    booking = queries.find_booking(change.connection, booking_id)
    if booking is None:
        raise no_such_booking(booking_id)
    return booking


def load_transfer(change: Change, transfer_id: int) -> Transfer:
    """The transfer with that id; raise NotFound when there is none."""
    transfer = queries.find_transfer(change.connection, transfer_id)
    if transfer is None:
        raise NotFound(what=Note(N_("such transfer")))
    return transfer


def load_drain(change: Change, drain_id: int) -> Drain:
    """The drain with that id, which exists: drains are never deleted."""
    drain = queries.find_drain(change.connection, drain_id)
    assert drain is not None, f"drain {drain_id} is gone"
    return drain


def no_such_booking(booking_id: int) -> NotFound:
    """The error for a booking id that nobody has."""
    return NotFound(what=Note(N_("booking B{id}"), {"id": booking_id}))


def end_transfer(change: Change, transfer: Transfer, state: TransferState) -> Transfer:
    """Write what became of a transfer."""
    table = models.Transfer
    change.connection.execute(
        update(table).where(col(table.id) == transfer.id).values(state=state.value)
    )
    return replace(transfer, state=state)


def shares_json(placement: Placement) -> str:
    """The shares as the table keeps them: [["gpu-01", 4], …]."""
    return json.dumps([[share.node, share.gpus] for share in placement.shares])


def _gpu_ids_json(booking: Booking) -> str | None:
    ids = [[node, list(numbers)] for node, numbers in booking.gpu_ids]
    return json.dumps(ids) if ids else None

"""Runs as rows: how one is wanted and how its fields are written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import insert, update
from sqlmodel import col

from bot.domain.booking import Booking
from bot.domain.errors import N_, NotFound
from bot.domain.job_json import order_to_json
from bot.domain.notes import Note
from bot.domain.run import Run, RunState, run_key
from bot.services.change import Change
from bot.store import models, run_queries


def want_run(change: Change, booking: Booking) -> Run | None:
    """Have the booking's job started; None when it has none, or something runs there already."""
    if booking.job is None:
        return None
    past = run_queries.runs_of(change.connection, booking.id)
    if past and not past[-1].state.is_over:
        return None
    number = len(past) + 1
    values = {
        "key": run_key(booking.id, number),
        "booking": booking.id,
        "number": number,
        "state": RunState.WANTED.value,
        "created_at": change.now,
        "note": "",
        "is_trouble": False,
        "log": "",
    }
    run_id = change.insert(insert(models.Run).values(**values))
    return load_run(change, run_id)


def load_run(change: Change, run_id: int) -> Run:
    """The run with that id; raise NotFound when there is none."""
    run = run_queries.find_run(change.connection, run_id)
    if run is None:
        raise NotFound(what=Note(N_("such run")))
    return run


def update_run(change: Change, run: Run, **changes: Any) -> Run:
    """Write a run's changed fields, which are fields of `Run`; return it as it is now."""
    after = replace(run, **changes)
    seen = after.checkpoint
    values = {
        "state": after.state.value,
        "note": after.note,
        "is_trouble": after.is_trouble,
        "exit_code": after.exit_code,
        "submitted_at": after.submitted_at,
        "job": order_to_json(after.job),
        "started_at": after.started_at,
        "ended_at": after.ended_at,
        "stop_asked_at": after.stop_asked_at,
        "warned_for": after.warned_for,
        "warned_at": after.warned_at,
        "checkpoint": None if seen is None else seen.path,
        "checkpoint_at": None if seen is None else seen.at,
        "saved_at": after.saved_at,
        "answered_at": after.answered_at,
        "missing_since": after.missing_since,
        "log": after.log,
        "settled_at": after.settled_at,
    }
    table = models.Run
    change.connection.execute(update(table).where(col(table.id) == run.id).values(**values))
    return after

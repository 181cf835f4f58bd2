"""GPUs that work without a booking: told to the operators, and to whoever seems to use them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot.domain.booking import Booking
from bot.domain.gpu_health import Kind, Reading, Severity, Thresholds
from bot.services.change import Change
from bot.services.gpu_alert_rows import DIP, About, Source, going, say, to_about, unsay
from bot.services.gpu_owners import Place

#: At most so many names of what works there are told.
TOLD = 3
#: What was seen longer ago says nothing about now.
LATELY = timedelta(minutes=15)


def note_unbooked(
    change: Change,
    readings: Sequence[Reading],
    owners: Mapping[Place, Booking],
    users: Mapping[Place, str],
    drained: Collection[str],
    thresholds: Thresholds,
) -> None:
    """Open, change and end the alerts about GPUs that work without a booking.

    Who works on a node that is out of service is there to repair it.
    """
    rows = going(change.connection, [Kind.UNBOOKED])
    free = [
        one
        for one in readings
        if (one.node, one.gpu) not in owners
        and one.node not in drained
        and (one.utilisation or 0.0) >= thresholds.active_above
    ]
    groups = _groups(free, users)
    for key, group in groups.items():
        _say(change, key, group, rows.get(key), owners, thresholds)
    heard = {(one.node, one.gpu) for one in readings if one.utilisation is not None}
    for key, row in rows.items():
        if key not in groups:
            _end(change, row, owners, heard, drained)


def unbooked_work(connection: Connection, now: datetime) -> dict[Place, str | None]:
    """Where GPUs work without a booking, and for whom, if known; also what is not told yet."""
    return {
        (row.node, gpu): row.user
        for row in going(connection, [Kind.UNBOOKED]).values()
        if row.seen_at >= now - LATELY
        for gpu in json.loads(row.gpus)
    }


def _groups(
    readings: Sequence[Reading], users: Mapping[Place, str]
) -> dict[str, tuple[str | None, list[Reading]]]:
    """Those of one node and one person together, by the alert's key."""
    found: dict[str, tuple[str | None, list[Reading]]] = {}
    for one in readings:
        user = users.get((one.node, one.gpu))
        key = f"unbooked:{one.node}:{user or ''}"
        found.setdefault(key, (user, []))[1].append(one)
    return found


def _say(
    change: Change,
    key: str,
    group: tuple[str | None, list[Reading]],
    row: Row[Any] | None,
    owners: Mapping[Place, Booking],
    thresholds: Thresholds,
) -> None:
    user, readings = group
    node = readings[0].node
    before = () if row is None else tuple(json.loads(row.gpus))
    # What pauses for a moment stays in the message; what was booked meanwhile does not.
    gpus = {one.gpu for one in readings} | {gpu for gpu in before if (node, gpu) not in owners}
    work = {_work(one) for one in readings} - {""}
    about = About(
        key=key,
        kind=Kind.UNBOOKED,
        severity=Severity.WARNING,
        node=node,
        gpus=tuple(sorted(gpus)),
        user=user,
        details={"work": sorted(work)[:TOLD]},
    )
    say(change, about, Source.QUERIES, patience=thresholds.unbooked_after)


def _end(
    change: Change,
    row: Row[Any],
    owners: Mapping[Place, Booking],
    heard: Collection[Place],
    drained: Collection[str],
) -> None:
    """It is over when the GPUs are booked, or have been seen to do nothing for a while."""
    places = [(row.node, gpu) for gpu in to_about(row).gpus]
    booked = all(place in owners for place in places)
    quiet = all(place in owners or place in heard for place in places)
    if booked or row.node in drained or (quiet and change.now - row.seen_at >= DIP):
        unsay(change, row, Source.QUERIES)


def _work(reading: Reading) -> str:
    """What works on a GPU, as its operators would look for it."""
    if reading.hpc_job:
        return f"Slurm #{reading.hpc_job}"
    return f"{reading.namespace}/{reading.pod}".strip("/") if reading.pod else ""

"""What the GPUs' readings say about their health: alerts that begin and end with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from bot.domain.booking import Booking
from bot.domain.gpu_health import (
    HEALTH,
    Finding,
    Kind,
    Reading,
    Severity,
    Thresholds,
    findings,
    severity,
)
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.gpu_alert_rows import (
    About,
    Source,
    forget_lingering,
    going,
    health_key,
    is_past,
    say,
    unsay,
)
from bot.services.site import Site

#: A pause in the readings is told when it lasts longer; a restart of Prometheus does not.
OUTAGE_AFTER = timedelta(minutes=2)
#: A node may be restarted without anybody being told.
SILENT_AFTER = timedelta(minutes=10)
#: What Alertmanager has not repeated for so long it has forgotten; it repeats every few hours.
FORGOTTEN = timedelta(hours=12)
OUTAGE = "outage"


def note_health(
    change: Change,
    readings: Sequence[Reading],
    owners: dict[tuple[str, int], Booking],
    thresholds: Thresholds,
) -> None:
    """Open, change and end the alerts about the GPUs' health by what they say now."""
    rows = going(change.connection, HEALTH)
    shown: dict[str, float] = {}
    for reading in readings:
        booking = owners.get((reading.node, reading.gpu))
        for finding in findings(reading, thresholds):
            key = health_key(reading.node, reading.gpu, finding.kind)
            if finding.kind is Kind.XID and finding.trouble is not None:
                shown[key] = finding.value
            _note(change, reading, finding, booking, rows.get(key), key)
    forget_lingering(change, shown)


def _note(
    change: Change,
    reading: Reading,
    finding: Finding,
    booking: Booking | None,
    row: Row[Any] | None,
    key: str,
) -> None:
    if finding.trouble is None or (row is None and not finding.trouble):
        return
    if not finding.trouble:
        if row is not None:
            _good(change, row)
        return
    if row is not None and row.value == finding.value and is_past(row, change.now):
        unsay(change, row, Source.QUERIES, lingers=True)
        return
    about = About(
        key=key,
        kind=finding.kind,
        severity=severity(finding.kind, finding.value),
        node=reading.node,
        gpus=(reading.gpu,),
        value=finding.value,
        booking=None if booking is None else booking.id,
    )
    say(change, about, Source.QUERIES)


def _good(change: Change, row: Row[Any]) -> None:
    """A good reading ends what a bad one began, and what Alertmanager has forgotten."""
    unsay(change, row, Source.QUERIES)
    if row.notified and row.notified_at <= change.now - FORGOTTEN:
        unsay(change, row, Source.ALERTMANAGER)


def note_outage(site: Site, why: str, *, now: datetime) -> None:
    """Prometheus gives no readings; the operators are told once when it stays so."""
    with changing(site, now) as change:
        about = About(OUTAGE, Kind.OUTAGE, Severity.WARNING, details={"why": why})
        say(change, about, Source.QUERIES, patience=OUTAGE_AFTER)


def end_outage(change: Change) -> None:
    """There are readings again."""
    row = going(change.connection, [Kind.OUTAGE]).get(OUTAGE)
    if row is not None:
        unsay(change, row, Source.QUERIES)


def note_silence(change: Change, expected: Iterable[str], heard: frozenset[str]) -> None:
    """Tell of nodes that had metrics and have none, as long as they should be in service."""
    rows, silent = going(change.connection, [Kind.SILENT]), set(expected) - heard
    for node in sorted(silent):
        about = About(f"silent:{node}", Kind.SILENT, Severity.WARNING, node=node)
        say(change, about, Source.QUERIES, patience=SILENT_AFTER)
    for row in rows.values():
        if row.node not in silent:
            unsay(change, row, Source.QUERIES)

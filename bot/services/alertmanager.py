"""What Alertmanager tells of, made one with what our own queries see of the same GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.alert_notice import AlertNotice
from bot.domain.gpu_health import Kind, Severity, concerned, severity
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.gpu_activity import active_bookings
from bot.services.gpu_alert_rows import (
    RESOLVED,
    About,
    Source,
    health_key,
    latest,
    say,
    unsay,
)
from bot.services.site import Site

CRITICAL = ("critical", "page", "error", "disaster")


@dataclass(frozen=True, slots=True)
class Taken:
    """How many alerts of a webhook began or went on, and how many were over."""

    firing: int
    resolved: int


def take_notices(site: Site, notices: Sequence[AlertNotice], *, now: datetime) -> Taken:
    """Open, change and end alerts; the same webhook a second time changes nothing."""
    with changing(site, now) as change:
        for notice in notices:
            if notice.is_firing:
                start = notice.starts_at
                say(change, _about(change, notice), Source.ALERTMANAGER, start=start)
            else:
                _end(change, notice)
    firing = sum(notice.is_firing for notice in notices)
    return Taken(firing, len(notices) - firing)


def _end(change: Change, notice: AlertNotice) -> None:
    row = latest(change.connection, _key(notice))
    if row is None or row.state == RESOLVED or not row.notified:
        return
    # The end of an earlier alert may arrive after the beginning of the next.
    if row.notified_start is None or row.notified_start <= notice.starts_at:
        unsay(change, row, Source.ALERTMANAGER)


def _key(notice: AlertNotice) -> str:
    if notice.kind is not Kind.OTHER and notice.node is not None and notice.gpu is not None:
        return health_key(notice.node, notice.gpu, notice.kind)
    return f"alertmanager:{notice.fingerprint}"


def _about(change: Change, notice: AlertNotice) -> About:
    kind = notice.kind
    if kind is Kind.OTHER or notice.node is None or notice.gpu is None:
        return _other(notice)
    booking = concerned(active_bookings(change.connection), notice.node, notice.gpu)
    return About(
        key=_key(notice),
        kind=kind,
        severity=severity(kind, notice.value or 0.0),
        node=notice.node,
        gpus=(notice.gpu,),
        value=notice.value,
        booking=None if booking is None else booking.id,
    )


def _other(notice: AlertNotice) -> About:
    is_critical = notice.severity.casefold() in CRITICAL
    return About(
        key=_key(notice),
        kind=Kind.OTHER,
        severity=Severity.CRITICAL if is_critical else Severity.WARNING,
        node=notice.node,
        gpus=() if notice.gpu is None else (notice.gpu,),
        details={
            "name": notice.name,
            "summary": notice.summary,
            "description": notice.description,
            "runbook": notice.runbook,
            "labels": dict(notice.labels),
        },
    )

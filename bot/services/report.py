"""Gathering what a report is reckoned from: one snapshot, read-only, bounded by the period."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select
from sqlmodel import col

from bot.domain.actor import GPUBOT
from bot.domain.booking import Priority
from bot.domain.calendar import span
from bot.domain.cluster import Cluster
from bot.domain.preemption_notice import PreemptionState
from bot.domain.report import Report, make_report
from bot.domain.report_course import gpu_hours
from bot.domain.report_facts import (
    Cancelled,
    Facts,
    Held,
    Measured,
    Outage,
    Refused,
    Wish,
    Yielded,
)  # fmt: skip
from bot.domain.report_period import Period
from bot.domain.waitlist import EntryKind, EntryState
from bot.domain.window import Window
from bot.services.courses import courses
from bot.services.site import Site
from bot.store import models, queries
from bot.store.calendars import plain_rows

#: How long a request or a wish may lie before the time it is about.
REACH = timedelta(days=90)
#: The audit's first record tells since when there is a gpubot.
FIRST_RECORD = 1
#: Preemptions that came to something.
CAME_TRUE = (
    PreemptionState.MOVED, PreemptionState.LOST, PreemptionState.RELEASED,
    PreemptionState.RECLAIMED,
)  # fmt: skip
#: Kind, node, holder, start, end, GPUs.
ClaimRow = tuple[str, str, int, int, int, int]


def report(site: Site, period: Period) -> Report:
    """How the cluster was used in `period`, and in the one before."""
    with site.database.snapshot() as connection:
        facts = gather(connection, site.cluster, period)
    return make_report(facts, period)


def gather(connection: Connection, cluster: Cluster, period: Period) -> Facts:
    """Everything that happened in the period and the one before it."""
    window = Window(period.before.start, period.window.end)
    found = courses(connection, window)
    teams = {course.booking: course.team for course in found}
    claims = _claims(connection, cluster, window)
    return Facts(
        cluster=cluster,
        held=_held(claims, teams),
        outages=_outages(connection, cluster, window, claims),
        courses=found,
        cancelled=_cancelled(connection, window),
        wishes=_wishes(connection, cluster, window),
        refused=_refused(connection, window),
        yielded=_yielded(connection, window),
        measured=_measured(connection, window),
    )


def _measured(connection: Connection, window: Window) -> tuple[Measured, ...]:
    use, booking = models.GpuUse, models.Booking
    statement = (
        select(
            col(booking.team), col(use.hour_at), func.sum(col(use.watched_s)),
            func.sum(col(use.busy_s)),
        )
        .join(booking, col(booking.id) == col(use.booking))
        .where(col(use.hour_at) >= window.start, col(use.hour_at) < window.end)
        .group_by(col(booking.team), col(use.hour_at))
    )  # fmt: skip
    return tuple(
        Measured(team, start, watched / 3600, busy / 3600)
        for team, start, watched, busy in connection.execute(statement)
    )


def _claims(connection: Connection, cluster: Cluster, window: Window) -> Sequence[ClaimRow]:
    """The claims that count, of the nodes that there are; those given up were cut to what was held.

    Claims of all kinds: asking for one kind would have SQLite read its whole history.
    """
    claim = models.Claim
    start_s, end_s = span(window)
    statement = select(
        col(claim.kind), col(claim.node), col(claim.holder), col(claim.start_s), col(claim.end_s),
        col(claim.gpus),
    ).where(
        col(claim.node).in_([node.name for node in cluster.nodes]),
        col(claim.gone).is_(None),
        col(claim.end_s) > start_s,
        col(claim.start_s) < end_s,
    )  # fmt: skip
    rows: Sequence[ClaimRow] = plain_rows(connection.execute(statement))
    return rows


def _held(claims: Sequence[ClaimRow], teams: Mapping[int, str]) -> tuple[Held, ...]:
    return tuple(
        Held(node, teams.get(holder, ""), start_s, end_s, gpus)
        for kind, node, holder, start_s, end_s, gpus in claims
        if kind == "booking"
    )


def _outages(
    connection: Connection, cluster: Cluster, window: Window, claims: Sequence[ClaimRow]
) -> tuple[Outage, ...]:
    """When nodes were drained, and when there was no gpubot yet to book them with."""
    drained = tuple(
        Outage(node, start_s, end_s)
        for kind, node, _, start_s, end_s, _ in claims
        if kind == "drain"
    )
    statement = select(col(models.Audit.at)).where(col(models.Audit.seq) == FIRST_RECORD)
    first: datetime | None = connection.execute(statement).scalar_one_or_none()
    if first is None or first <= window.start:
        return drained
    start_s, end_s = span(Window(window.start, first))
    return (*drained, *(Outage(node.name, start_s, end_s) for node in cluster.nodes))


def _cancelled(connection: Connection, window: Window) -> tuple[Cancelled, ...]:
    audit = models.Audit
    statement = select(col(audit.at), col(audit.before)).where(
        col(audit.at) >= window.start,
        col(audit.at) < window.end,
        col(audit.action) == "cancelled",
        col(audit.actor) != GPUBOT.name,
    )
    found = []
    for at, before in connection.execute(statement):
        state = json.loads(before or "{}")
        found.append(Cancelled(state["team"], at, datetime.fromisoformat(state["start"])))
    return tuple(found)


def _wishes(connection: Connection, cluster: Cluster, window: Window) -> tuple[Wish, ...]:
    """Wishes of the time, and earlier ones that may have been served, or unserved, in it."""
    entry, booking = models.WaitlistEntry, models.Booking
    statement: Select[*tuple[Any, ...]] = (
        select(
            col(entry.owner), col(entry.team), col(entry.gpus), col(entry.asked_model),
            col(entry.asked_node), col(entry.created_at), col(entry.state), col(entry.kind),
            col(entry.earliest_at), col(entry.length_s), col(booking.created_at).label("booked_at"),
        )
        .join(booking, col(entry.booking) == col(booking.id), isouter=True)
        .where(
            # With the columns before it, the index leads to the entries of the time.
            col(entry.state).in_([state.value for state in EntryState]),
            col(entry.priority).in_([int(priority) for priority in Priority]),
            col(entry.created_at) >= window.start - REACH,
            col(entry.created_at) < window.end,
        )
        .order_by(col(entry.id))
    )  # fmt: skip
    found = []
    for row in connection.execute(statement):
        state = EntryState(row.state)
        end = row.earliest_at + timedelta(seconds=row.length_s)
        model = cluster.model_asked(row.asked_model, row.asked_node)
        served = row.booked_at if state is EntryState.BOOKED else None
        wanted = Window(row.earliest_at, end) if row.kind == EntryKind.WINDOW.value else None
        wish = Wish(row.owner, row.team, row.gpus, model, row.created_at, served, state, wanted)
        found.append(wish)
    return tuple(found)


def _refused(connection: Connection, window: Window) -> tuple[Refused, ...]:
    refusal = models.Refusal
    statement = (
        queries.columns(refusal)
        .where(col(refusal.at) >= window.start - REACH, col(refusal.at) < window.end)
        .order_by(col(refusal.id))
    )
    return tuple(
        Refused(row.user, row.team, row.at, row.gpus, row.model, Window(row.start_at, row.end_at))
        for row in connection.execute(statement)
    )


def _yielded(connection: Connection, window: Window) -> tuple[Yielded, ...]:
    table = models.Preemption
    statement = (
        queries.columns(table)
        .where(
            col(table.state).in_([state.value for state in CAME_TRUE]),
            col(table.reclaim_at) >= window.start,
            col(table.reclaim_at) < window.end,
        )
        .order_by(col(table.id))
    )
    rows = connection.execute(statement).all()
    teams = _teams_of(connection, {row.preemptor for row in rows} | {row.preemptee for row in rows})
    found = []
    for row in rows:
        old, gpus = Window(row.old_start, row.old_end), _gpus(row.old_shares)
        rest = Window(row.reclaim_at, max(row.old_end, row.reclaim_at + timedelta(seconds=1)))
        hours = gpu_hours(old, gpus, rest)
        found.append(Yielded(row.reclaim_at, teams[row.preemptee], teams[row.preemptor], hours))
    return tuple(found)


def _teams_of(connection: Connection, ids: set[int]) -> dict[int, str]:
    if not ids:
        return {}
    booking = models.Booking
    statement = select(col(booking.id), col(booking.team)).where(col(booking.id).in_(ids))
    return {row[0] or 0: row[1] for row in connection.execute(statement)}


def _gpus(shares: str) -> int:
    return sum(share.gpus for share in queries.to_shares(shares))

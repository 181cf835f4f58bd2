"""Facts for reports, made by hand: four weeks from Monday 2 November 2026, in Shanghai."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import builders

from bot.domain.booking import BookingState
from bot.domain.report_course import Course, Promise
from bot.domain.report_facts import Cancelled, Facts, Held, Outage, Refused, Wish
from bot.domain.report_period import Period
from bot.domain.waitlist import EntryState
from bot.domain.window import Window

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
#: Monday 2 November 2026, 00:00 in Shanghai.
START = datetime(2026, 11, 1, 16, tzinfo=UTC)
PERIOD = Period(Window(START, START + 4 * WEEK), Window(START - 4 * WEEK, START))
#: gpu-01 and gpu-02 have 4 V100 each, gpu-03 has 8 A100.
CLUSTER = builders.cluster()


def at(hours: float) -> datetime:
    """So many hours after the period's beginning."""
    return START + timedelta(minutes=round(60 * hours))


def window(start: float, hours: float) -> Window:
    """A window that begins so many hours into the period."""
    return Window(at(start), at(start + hours))


def held(start: float, hours: float, gpus: int, node: str = "gpu-01", team: str = "vision") -> Held:
    seconds = [int(moment.timestamp()) for moment in (at(start), at(start + hours))]
    return Held(node, team, *seconds, gpus)


def outage(start: float, hours: float, node: str = "gpu-01") -> Outage:
    seconds = [int(moment.timestamp()) for moment in (at(start), at(start + hours))]
    return Outage(node, *seconds)


def course(
    start: float = 0,
    hours: float = 10,
    gpus: int = 4,
    *,
    made: float | None = None,
    until: float | None = None,
    left: float = 0,
    **more: Any,
) -> Course:
    """A booking that promised `hours` from `start`; it ended at `until`, given back with `left`
    hours still to go."""
    end = start + hours if until is None else until
    values: dict[str, Any] = {
        "booking": 1,
        "owner": builders.BOB,
        "team": "vision",
        "state": BookingState.ENDED,
        "queued": False,
        "made_at": at(start if made is None else made),
        "window": Window(at(start), at(end)),
        "gpus": gpus,
        "promised": Promise(window(start, hours), gpus),
        "given_back": Promise(window(end, left), gpus) if left else None,
    }
    return Course(**{**values, **more})


def cancelled(when: float, start: float, team: str = "vision") -> Cancelled:
    return Cancelled(team, at(when), at(start))


def refused(
    start: float = 0,
    hours: float = 4,
    gpus: int = 4,
    *,
    model: str | None = None,
    user: str = builders.DANA,
    asked: float | None = None,
    team: str = "nlp",
) -> Refused:
    moment = at(start if asked is None else asked)
    return Refused(user, team, moment, gpus, model, window(start, hours))


def wish(
    made: float = 0, served: float | None = None, state: EntryState | None = None, **more: Any
) -> Wish:
    given = state or (EntryState.WAITING if served is None else EntryState.BOOKED)
    values: dict[str, Any] = {
        "owner": builders.CHEN,
        "team": "nlp",
        "gpus": 4,
        "model": None,
        "made_at": at(made),
        "served_at": None if served is None else at(served),
        "state": given,
        "wanted": window(made, 4),
    }
    return Wish(**{**values, **more})


def facts(**more: Any) -> Facts:
    return Facts(cluster=CLUSTER, **{name: tuple(values) for name, values in more.items()})

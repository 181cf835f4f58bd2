"""How many more GPUs people would have needed, and on which days of the week.

In each hour, what is wanted is what is held and what was asked for in vain. A request counts as
asked in vain as far as the same person booked nothing for that time afterwards; of several of one
person for the same hour the largest counts. What is wanted beyond the GPUs in service is short.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil
from statistics import median_high

from bot.domain.booking import BookingState
from bot.domain.report_course import Course
from bot.domain.report_facts import Facts
from bot.domain.report_heat import HOUR_S, Hours
from bot.domain.waitlist import EntryState
from bot.domain.window import Window

#: Wishes that were not granted when their owner would have liked it best.
UNSERVED = (EntryState.WAITING, EntryState.OFFERED, EntryState.EXPIRED)
#: Below this, a difference is an error of rounding.
NOTHING = 1e-6


@dataclass(frozen=True, slots=True)
class Want:
    """GPUs that somebody asked for in vain."""

    user: str
    gpus: int
    model: str | None
    window: Window


@dataclass(frozen=True, slots=True)
class Shortage:
    """How many GPUs were short on one day of the week. `model` None: of any model."""

    model: str | None
    #: Monday is 0.
    weekday: int
    #: At the worst hour of the day, on at least half of these days.
    gpus: int
    #: At the worst hour of all these days.
    peak: int
    #: How many of these days there were.
    days: int


def wants(facts: Facts, window: Window) -> list[Want]:
    """What was asked for in vain, in requests and wishes, for any time in `window`."""
    made: dict[str, list[Course]] = defaultdict(list)
    for course in facts.courses:
        if course.state is not BookingState.CANCELLED:
            made[course.owner].append(course)
    asked = [(r.user, r.gpus, r.model, r.at, r.wanted) for r in facts.refused]
    asked += [
        (w.owner, w.gpus, w.model, w.made_at, w.wanted)
        for w in facts.wishes
        if w.wanted is not None and w.state in UNSERVED
    ]
    found = []
    for user, gpus, model, at, wanted in asked:
        left = gpus - _met(made[user], at, wanted)
        if left > 0 and wanted.overlaps(window):
            found.append(Want(user, left, model, wanted))
    return found


def shortages(
    hours: Hours,
    held: Mapping[str | None, Sequence[float]],
    in_service: Mapping[str | None, Sequence[float]],
    asked: Iterable[Want],
) -> tuple[Shortage, ...]:
    """What was short of each model and of any, by day of the week; only where it was.

    `held` and `in_service` are GPU-hours in each hour, by model; None: of all models together.
    """
    found: list[Shortage] = []
    for model, by_hour in _by_hour(hours, asked).items():
        if model in held:
            short = {
                hour: _short(held[model][hour], sum(users.values()), in_service[model][hour])
                for hour, users in by_hour.items()
            }
            found += _by_weekday(hours, model, short)
    return tuple(
        sorted(found, key=lambda one: (-one.gpus, -one.peak, one.model or "", one.weekday))
    )


def _met(courses: Iterable[Course], asked_at: datetime, wanted: Window) -> int:
    """GPUs that the same person booked afterwards for that time."""
    return sum(
        course.gpus
        for course in courses
        if course.made_at >= asked_at and course.window.overlaps(wanted)
    )


def _by_hour(hours: Hours, asked: Iterable[Want]) -> dict[str | None, dict[int, dict[str, int]]]:
    """By model and hour: what each person wanted, the most where it was several things."""
    found: dict[str | None, dict[int, dict[str, int]]] = {}
    for want in asked:
        by_hour = found.setdefault(want.model, {})
        first = max(int(want.window.start.timestamp()) - hours.start, 0) // HOUR_S
        until = ceil((int(want.window.end.timestamp()) - hours.start) / HOUR_S)
        # The hour in which the period ends is not over: nobody knows yet what is short in it.
        for hour in range(first, min(until, (hours.end - hours.start) // HOUR_S)):
            users = by_hour.setdefault(hour, {})
            users[want.user] = max(users.get(want.user, 0), want.gpus)
    return found


def _short(held: float, wanted: int, in_service: float) -> int:
    return max(0, min(wanted, ceil(held + wanted - in_service - NOTHING)))


def _by_weekday(hours: Hours, model: str | None, short: Mapping[int, int]) -> Iterable[Shortage]:
    peaks = dict.fromkeys(hours.days, 0)
    for hour, gpus in short.items():
        day = hours.days[hour]
        peaks[day] = max(peaks[day], gpus)
    for weekday in range(7):
        here = [gpus for day, gpus in peaks.items() if date.fromordinal(day).weekday() == weekday]
        if any(here):
            yield Shortage(model, weekday, median_high(here), max(here), len(here))

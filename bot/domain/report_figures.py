"""How the figures of a report are reckoned; bot.domain.report_definitions says what each is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from bot.domain.booking import BookingState
from bot.domain.report_course import HOUR, Course
from bot.domain.report_definitions import FigureName
from bot.domain.report_facts import Facts, Measured, Refused, Wish, Yielded
from bot.domain.report_heat import HeatMap, part
from bot.domain.waitlist import EntryState
from bot.domain.window import Window


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `value` None: there is nothing to reckon it from."""

    value: float | None
    #: How many bookings, wishes or hours it rests on.
    cases: int


Figures = Mapping[FigureName, Figure]


def figures(
    facts: Facts, courses: Sequence[Course], heat: HeatMap, window: Window, team: str | None
) -> Figures:
    """All figures of one team, or of everybody, for a period; `courses` are those of its bookings.

    They are found once for all teams: there are many of both.
    """

    def reckon(name: str) -> bool:
        return team in (None, name)

    begun = begun_in(courses, window)
    return {
        **heat_figures(heat),
        **_hours(courses, window),
        **_measured([one for one in facts.measured if reckon(one.team)], window),
        **_begun(begun),
        **_cancelled(facts, len(begun), window, reckon),
        **_ended(courses, window),
        **_wishes([one for one in facts.wishes if reckon(one.team)], window),
        **_refused([one for one in facts.refused if reckon(one.team)], window),
        **_yielded(facts.yielded, window, reckon),
    }


def heat_figures(heat: HeatMap) -> Figures:
    """What a heat map comes to; all that there is to say of a node."""
    held, in_service = sum(heat.held), sum(heat.in_service)
    return {
        FigureName.UTILISATION: Figure(heat.total, round(in_service)),
        FigureName.HELD: Figure(held, round(in_service)),
        FigureName.IN_SERVICE: Figure(in_service, round(in_service)),
    }


def nearest_rank(values: Sequence[float], part_below: float) -> float:
    """The smallest of the values that at least that part of them does not exceed."""
    return sorted(values)[max(ceil(part_below * len(values)) - 1, 0)]


def _hours(courses: Sequence[Course], window: Window) -> Figures:
    hours = [(one.booked(window), one.used(window)) for one in courses if one.touches(window)]
    cases = sum(booked > 0 or used > 0 for booked, used in hours)
    return {
        FigureName.BOOKED: Figure(sum(booked for booked, _ in hours), cases),
        FigureName.USED: Figure(sum(used for _, used in hours), cases),
    }


def _measured(measured: Sequence[Measured], window: Window) -> Figures:
    """Nothing where nothing was measured."""
    found = [one for one in measured if one.start in window]
    watched, busy = sum(one.watched for one in found), sum(one.busy for one in found)
    if not watched:
        return {}
    hours = round(watched)
    return {
        FigureName.MEASURED: Figure(watched, hours),
        FigureName.BUSY: Figure(busy, hours),
        FigureName.BUSY_RATE: Figure(part(busy, watched), hours),
    }


def begun_in(courses: Iterable[Course], window: Window) -> list[Course]:
    """The bookings that began in a period, other than queue runs."""
    return [
        one
        for one in courses
        if one.promised is not None and one.promised.window.start in window and not one.queued
    ]


def _begun(begun: Sequence[Course]) -> Figures:
    leads = [lead / HOUR for one in begun if (lead := one.lead) is not None]
    unused = sum(one.state is BookingState.NO_SHOW for one in begun)
    return {
        FigureName.BEGUN: _count(len(begun)),
        FigureName.LEAD_MEDIAN: _median(leads),
        FigureName.LEAD_P90: _p90(leads),
        FigureName.NO_SHOWS: _count(unused),
        FigureName.NO_SHOW_RATE: _rate(unused, len(begun)),
    }


def _cancelled(facts: Facts, begun: int, window: Window, reckon: Callable[[str], bool]) -> Figures:
    taken_back = [one for one in facts.cancelled if reckon(one.team) and one.at in window]
    due = len(taken_back) + begun
    return {
        FigureName.CANCELLED: _count(len(taken_back)),
        FigureName.CANCELLATION_RATE: _rate(len(taken_back), due),
        FigureName.CANCELLATION_NOTICE: _median(
            [(one.start - one.at) / HOUR for one in taken_back]
        ),
    }


def _ended(courses: Sequence[Course], window: Window) -> Figures:
    ended = [one for one in courses if one.is_over and not one.queued and one.window.end in window]
    early = [one for one in ended if one.given_back is not None]
    held = left = 0.0
    for one in early:
        if one.given_back is not None:
            held += one.window.length / HOUR * one.given_back.gpus
            left += one.given_back.window.length / HOUR * one.given_back.gpus
    return {
        FigureName.EARLY_RATE: _rate(len(early), len(ended)),
        FigureName.OVERESTIMATE: Figure(part(left, held), len(early)),
        FigureName.EXTENSION_RATE: _rate(sum(one.extended for one in ended), len(ended)),
    }


def _wishes(wishes: Sequence[Wish], window: Window) -> Figures:
    made = [one for one in wishes if one.made_at in window]
    waits = [
        (one.served_at - one.made_at) / HOUR
        for one in wishes
        if one.served_at is not None and one.served_at in window
    ]
    still = (EntryState.WAITING, EntryState.OFFERED)
    return {
        FigureName.WISHES: _count(len(made)),
        FigureName.SERVED: _count(len(waits)),
        FigureName.EXPIRED: _count(sum(one.state is EntryState.EXPIRED for one in made)),
        FigureName.OPEN: _count(sum(one.state in still for one in made)),
        FigureName.WAIT_MEDIAN: _median(waits),
        FigureName.WAIT_P90: _p90(waits),
    }


def _refused(refused: Sequence[Refused], window: Window) -> Figures:
    found = [one for one in refused if one.at in window]
    hours = sum(one.gpus * (one.wanted.length / HOUR) for one in found)
    return {
        FigureName.REFUSALS: _count(len(found)),
        FigureName.REFUSED_HOURS: Figure(hours, len(found)),
    }


def _yielded(yielded: Sequence[Yielded], window: Window, reckon: Callable[[str], bool]) -> Figures:
    lost = [one for one in yielded if one.at in window and reckon(one.loser)]
    won = [one for one in yielded if one.at in window and reckon(one.winner)]
    return {
        FigureName.YIELDED: _count(len(lost)),
        FigureName.YIELDED_HOURS: Figure(sum(one.gpu_hours for one in lost), len(lost)),
        FigureName.TOOK: _count(len(won)),
        FigureName.TOOK_HOURS: Figure(sum(one.gpu_hours for one in won), len(won)),
    }


def _count(number: int) -> Figure:
    return Figure(float(number), number)


def _rate(number: int, of: int) -> Figure:
    return Figure(part(number, of), of)


def _median(values: Sequence[float]) -> Figure:
    return Figure(median(values) if values else None, len(values))


def _p90(values: Sequence[float]) -> Figure:
    return Figure(nearest_rank(values, 0.9) if values else None, len(values))

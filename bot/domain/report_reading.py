"""What a report says in plain words: a few sentences, and none from too few cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.errors import N_
from bot.domain.notes import Note
from bot.domain.report import Report, Scope, ScopeKind
from bot.domain.report_definitions import FigureName
from bot.domain.report_heat import DAY_HOURS, WEEK_DAYS
from bot.domain.report_shortage import Shortage

#: Fewer bookings, or wishes, say nothing about habits.
ENOUGH = 8
#: So many GPU-hours are worth a sentence.
WORTH_TELLING = 1.0
#: At most so many sentences about one team, or the cluster.
SENTENCES = 6
#: From which share on a habit is worth a sentence, and a change of it.
MANY_CANCELLED, MANY_UNUSED, MANY_EXTENDED, MANY_EARLY = 0.15, 0.05, 0.30, 0.20
LARGE_OVERESTIMATE = 0.20
LARGE_CHANGE = 0.10
#: An hour counts as full from this share on; so many in a row are worth a sentence.
FULL, FULL_HOURS = 0.95, 3
#: In a shorter period a day of the week occurs once, which is no habit.
OFTEN = timedelta(days=13)
#: How many days of the week are told, of those on which GPUs are full or short.
TOLD_DAYS = 2

#: As in "on Tuesdays".
WEEKDAYS = (
    Note(N_("Mondays")),
    Note(N_("Tuesdays")),
    Note(N_("Wednesdays")),
    Note(N_("Thursdays")),
    Note(N_("Fridays")),
    Note(N_("Saturdays")),
    Note(N_("Sundays")),
)

#: The first fits a team, the second the whole cluster.
HELD = (
    N_("{team} booked {booked} GPU-hours, used {used} and held {share} % of the cluster."),
    N_("GPUs were held {share} % of the time: {booked} GPU-hours were booked and {used} used."),
)
HELD_BEFORE = (
    N_(
        "{team} booked {booked} GPU-hours, used {used} and held {share} % of the cluster "
        "({before} % in the period before)."
    ),
    N_(
        "GPUs were held {share} % of the time ({before} % in the period before): {booked} "
        "GPU-hours were booked and {used} used."
    ),
)
BUSY = (
    N_("Of {measured} measured GPU-hours of {team}, the GPUs worked {share} %."),
    N_("Of {measured} measured GPU-hours of bookings, the GPUs worked {share} %."),
)
NOTHING = (
    N_("{team} booked nothing in this time."),
    N_("Nothing was booked in this time."),
)
CANCELS = (
    N_("{team} cancels {share} % of its bookings, median {notice} before start."),
    N_("People cancel {share} % of their bookings, median {notice} before start."),
)
CANCELS_NOW = (
    N_(
        "{team} cancels {share} % of its bookings ({before} % in the period before), median "
        "{notice} before start."
    ),
    N_(
        "People cancel {share} % of their bookings ({before} % in the period before), median "
        "{notice} before start."
    ),
)
UNUSED = (
    N_("{share} % of {team}'s bookings go unused: nobody shows up."),
    N_("{share} % of the bookings go unused: nobody shows up."),
)
OVERESTIMATED = (
    N_(
        "{team} gives {share} % of its bookings back early; their lengths are overestimated by "
        "{more} %."
    ),
    N_(
        "{share} % of the bookings are given back early; their lengths are overestimated by "
        "{more} %."
    ),
)
EXTENDED = (
    N_("{team} extends {share} % of its bookings: they could be booked longer from the start."),
    N_("{share} % of the bookings are extended: they could be booked longer from the start."),
)
WAITS = (
    N_("Wishes of {team} wait {median} on the waitlist, and one in ten longer than {p90}."),
    N_("Wishes wait {median} on the waitlist, and one in ten longer than {p90}."),
)
YIELDED = (
    N_("{hours} GPU-hours of {team} gave way to urgent work."),
    N_("{hours} GPU-hours gave way to urgent work."),
)
TOO_FEW = (
    N_("{team} made too few bookings to say more."),
    N_("There were too few bookings to say more."),
)

FULL_AND_SHORT = N_(
    "{model} nodes are full on {days} {start}–{end}; you would have needed {gpus} more."
)
FULL_THEN = N_("{model} nodes are full on {days} {start}–{end}.")
SHORT_OF_MODEL = N_("You would have needed {gpus} more {model} on {days}.")
SHORT_OF_ANY = N_("You would have needed {gpus} more GPUs on {days}.")


def reading(report: Report, scope: Scope) -> tuple[Note, ...]:
    """A few sentences about a team, or the whole cluster; nothing about nodes and models."""
    if scope.kind not in (ScopeKind.CLUSTER, ScopeKind.TEAM):
        return ()
    crowded = _crowded(report) if scope.kind is ScopeKind.CLUSTER else ()
    return (*_held(scope), *_busy(scope), *crowded, *_habits(scope))[:SENTENCES]


def shortage_note(shortage: Shortage) -> Note:
    """As in "You would have needed 6 more A100 on Tuesdays."; of the worst day where few had it."""
    gpus = shortage.gpus or shortage.peak
    days = WEEKDAYS[shortage.weekday]
    if shortage.model is None:
        return Note(SHORT_OF_ANY, {"gpus": gpus, "days": days})
    return Note(SHORT_OF_MODEL, {"gpus": gpus, "model": shortage.model, "days": days})


def percent(share: float) -> int:
    """A share in whole per cent."""
    return round(100 * share)


def about(hours: float) -> timedelta:
    """A length as people say it: minutes up to two hours, hours up to two days, then days."""
    minutes = 1 if hours < 2 else 60 if hours < 48 else 24 * 60
    return timedelta(minutes=round(hours * 60 / minutes) * minutes)


def _pick(forms: tuple[str, str], scope: Scope, **fields: object) -> Note:
    """The sentence in the form for a team or for the cluster."""
    if scope.kind is ScopeKind.TEAM:
        return Note(forms[0], {"team": scope.name, **fields})
    return Note(forms[1], fields)


def _held(scope: Scope) -> Iterator[Note]:
    booked, used = scope.value(FigureName.BOOKED) or 0.0, scope.value(FigureName.USED) or 0.0
    share, before = scope.value(FigureName.UTILISATION), scope.was(FigureName.UTILISATION)
    if share is None or booked + used + share <= 0:
        yield _pick(NOTHING, scope)
        return
    fields = {"booked": round(booked), "used": round(used), "share": percent(share)}
    if before.value and abs(share - before.value) >= LARGE_CHANGE:
        yield _pick(HELD_BEFORE, scope, **fields, before=percent(before.value))
    else:
        yield _pick(HELD, scope, **fields)


def _busy(scope: Scope) -> Iterator[Note]:
    """How much the GPUs really worked, where that is measured."""
    measured, share = scope.value(FigureName.MEASURED), scope.value(FigureName.BUSY_RATE)
    if measured is not None and share is not None and measured >= WORTH_TELLING:
        yield _pick(BUSY, scope, measured=round(measured), share=percent(share))


def _habits(scope: Scope) -> Iterator[Note]:
    if scope.cases(FigureName.CANCELLATION_RATE) < ENOUGH:
        if scope.cases(FigureName.CANCELLATION_RATE):
            yield _pick(TOO_FEW, scope)
        return
    for tell in (_cancels, _overestimates, _unused, _waits, _yielded, _extends):
        yield from tell(scope)


def _often(scope: Scope, name: FigureName, least: float) -> float | None:
    """A rate that is worth a sentence: high enough, and of enough cases."""
    rate = scope.value(name)
    return rate if rate is not None and rate >= least and scope.cases(name) >= ENOUGH else None


def _cancels(scope: Scope) -> Iterator[Note]:
    rate = _often(scope, FigureName.CANCELLATION_RATE, MANY_CANCELLED)
    notice = scope.value(FigureName.CANCELLATION_NOTICE)
    if rate is None or notice is None:
        return
    fields = {"share": percent(rate), "notice": about(notice)}
    before = scope.was(FigureName.CANCELLATION_RATE)
    changed = before.value is not None and abs(rate - before.value) >= LARGE_CHANGE
    if changed and before.cases >= ENOUGH:
        yield _pick(CANCELS_NOW, scope, **fields, before=percent(before.value or 0.0))
    else:
        yield _pick(CANCELS, scope, **fields)


def _overestimates(scope: Scope) -> Iterator[Note]:
    rate = _often(scope, FigureName.EARLY_RATE, MANY_EARLY)
    more = scope.value(FigureName.OVERESTIMATE)
    if rate is not None and more is not None and more >= LARGE_OVERESTIMATE:
        yield _pick(OVERESTIMATED, scope, share=percent(rate), more=percent(more))


def _unused(scope: Scope) -> Iterator[Note]:
    if (rate := _often(scope, FigureName.NO_SHOW_RATE, MANY_UNUSED)) is not None:
        yield _pick(UNUSED, scope, share=percent(rate))


def _extends(scope: Scope) -> Iterator[Note]:
    if (rate := _often(scope, FigureName.EXTENSION_RATE, MANY_EXTENDED)) is not None:
        yield _pick(EXTENDED, scope, share=percent(rate))


def _waits(scope: Scope) -> Iterator[Note]:
    half, most = scope.value(FigureName.WAIT_MEDIAN), scope.value(FigureName.WAIT_P90)
    if half is not None and most is not None and scope.cases(FigureName.WAIT_MEDIAN) >= ENOUGH:
        yield _pick(WAITS, scope, median=about(half), p90=about(most))


def _yielded(scope: Scope) -> Iterator[Note]:
    hours = scope.value(FigureName.YIELDED_HOURS) or 0.0
    if hours >= WORTH_TELLING:
        yield _pick(YIELDED, scope, hours=round(hours))


# -- when there is not enough -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Crowd:
    """A day of the week on which a model's nodes are full for hours, or GPUs are short."""

    model: str | None
    weekday: int
    #: From which hour to which hour they are full; None: not for long.
    full: tuple[int, int] | None
    short: int

    @property
    def length(self) -> int:
        """Hours in a row that are full."""
        return self.full[1] - self.full[0] if self.full else 0

    def note(self) -> Note:
        """The day in a sentence."""
        days = WEEKDAYS[self.weekday]
        if self.full is None or self.model is None:
            return shortage_note(Shortage(self.model, self.weekday, self.short, self.short, 0))
        fields = {
            "model": self.model,
            "days": days,
            "start": f"{self.full[0]:02}:00",
            "end": f"{self.full[1]:02}:00",
        }
        if self.short:
            return Note(FULL_AND_SHORT, {**fields, "gpus": self.short})
        return Note(FULL_THEN, fields)


def _crowded(report: Report) -> Iterable[Note]:
    """The days on which most is missing, then those that are full for longest."""
    if report.period.window.length < OFTEN:
        return []
    short = {(one.model, one.weekday): one.gpus for one in report.shortages if one.gpus}
    days = [_Crowd(None, day, None, short.get((None, day), 0)) for day in range(WEEK_DAYS)]
    days += [
        _Crowd(scope.name, day, full_hours(scope, day), short.get((scope.name, day), 0))
        for scope in report.models
        for day in range(WEEK_DAYS)
    ]
    told = [day for day in days if day.short or day.full]
    told.sort(key=lambda day: (-day.short, -day.length))
    return [day.note() for day in told[:TOLD_DAYS]]


def full_hours(scope: Scope, weekday: int) -> tuple[int, int] | None:
    """The longest run of full hours on a day of the week, as hours of the day; None: too short."""
    best, start = (0, 0), 0
    for hour in range(DAY_HOURS + 1):
        share = scope.heat.share(weekday, hour) if hour < DAY_HOURS else None
        if share is None or share < FULL:
            start = hour + 1
        elif hour + 1 - start > best[1] - best[0]:
            best = (start, hour + 1)
    return best if best[1] - best[0] >= FULL_HOURS else None

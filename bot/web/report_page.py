"""What the report page shows, put into the viewer's words: tables of plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.errors import N_
from bot.domain.report import Report, Scope, ScopeKind
from bot.domain.report_definitions import DEFINITIONS, FigureName, Unit
from bot.domain.report_heat import DAY_HOURS, WEEK_DAYS, shade
from bot.domain.report_reading import about, percent
from bot.locale import dates
from bot.web.plain import Plain

#: The figures in the order of the page, under headings.
GROUPS: Sequence[tuple[str, tuple[FigureName, ...]]] = (
    (
        N_("Use"),
        (FigureName.UTILISATION, FigureName.HELD, FigureName.IN_SERVICE, FigureName.BOOKED,
         FigureName.USED, FigureName.MEASURED, FigureName.BUSY, FigureName.BUSY_RATE),
    ),
    (
        N_("Bookings"),
        (FigureName.BEGUN, FigureName.LEAD_MEDIAN, FigureName.LEAD_P90, FigureName.EXTENSION_RATE,
         FigureName.EARLY_RATE, FigureName.OVERESTIMATE),
    ),
    (
        N_("Cancelled and unused"),
        (FigureName.CANCELLED, FigureName.CANCELLATION_RATE, FigureName.CANCELLATION_NOTICE,
         FigureName.NO_SHOWS, FigureName.NO_SHOW_RATE),
    ),
    (
        N_("Asked for in vain"),
        (FigureName.REFUSALS, FigureName.REFUSED_HOURS, FigureName.WISHES, FigureName.SERVED,
         FigureName.EXPIRED, FigureName.OPEN, FigureName.WAIT_MEDIAN, FigureName.WAIT_P90),
    ),
    (
        N_("Urgent work"),
        (FigureName.YIELDED, FigureName.YIELDED_HOURS, FigureName.TOOK, FigureName.TOOK_HOURS),
    ),
)  # fmt: skip

#: Ready-made periods: what is typed for them, and what they are called.
PERIODS = (
    ("28d", N_("Last 28 days")),
    ("week", N_("This week")),
    ("last week", N_("Last week")),
    ("month", N_("This month")),
    ("last month", N_("Last month")),
    ("90d", N_("Last 90 days")),
    ("365d", N_("Last 365 days")),
)
KINDS: Mapping[ScopeKind, str] = {
    ScopeKind.CLUSTER: N_("The whole cluster"),
    ScopeKind.MODEL: N_("Model"),
    ScopeKind.TEAM: N_("Team"),
    ScopeKind.NODE: N_("Node"),
}
PERCENT = N_("{n} %")


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One hour of the week."""

    #: Per cent; empty where nothing was in service.
    text: str
    #: As bot.domain.report_heat.shade has it; -1: nothing in service.
    shade: int
    #: The same in a sentence.
    said: str


@dataclass(frozen=True, slots=True)
class FigureCell:
    """A figure of one team, or of the cluster."""

    text: str
    #: What it was in the period before; empty when it was the same, or cannot be compared.
    before: str
    #: "up" or "down"; empty with `before`.
    trend: str


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One figure of everybody."""

    name: str
    title: str
    #: Empty where the text says it.
    unit: str
    meaning: str
    cells: tuple[FigureCell, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """A report in the words of `reader`."""

    report: Report
    reader: Plain

    @property
    def days(self) -> tuple[str, ...]:
        """The days of the week, from Monday."""
        return dates.weekdays(self.reader.locale)

    def heat(self, scope: Scope) -> list[list[HeatCell]]:
        """A heat map, from Monday, hour by hour."""
        return [
            [self._heat_cell(scope, day, hour) for hour in range(DAY_HOURS)]
            for day in range(WEEK_DAYS)
        ]

    def groups(self, scopes: Sequence[Scope]) -> list[tuple[str, list[FigureRow]]]:
        """The figures of those side by side, under headings."""
        return [
            (
                self.reader.text(title),
                [self._row(name, scopes) for name in names if _is_there(name, scopes)],
            )
            for title, names in GROUPS
        ]

    def shortages(self) -> list[tuple[str, list[str]]]:
        """What was short of each model, a text a weekday."""
        models = dict.fromkeys(one.model for one in self.report.shortages)
        return [
            (model or self.reader.text(N_("Any model")), self._short(model)) for model in models
        ]

    def _short(self, model: str | None) -> list[str]:
        by_day = {one.weekday: one for one in self.report.shortages if one.model == model}
        found = []
        for day in range(WEEK_DAYS):
            one = by_day.get(day)
            if one is None:
                found.append("")
            elif not one.gpus:
                found.append(self.reader.text(N_("at most {peak}"), peak=one.peak))
            elif one.peak > one.gpus:
                found.append(
                    self.reader.text(N_("{gpus} (at most {peak})"), gpus=one.gpus, peak=one.peak)
                )
            else:
                found.append(str(one.gpus))
        return found

    def _heat_cell(self, scope: Scope, day: int, hour: int) -> HeatCell:
        share, name = scope.heat.share(day, hour), self.days[day]
        clock = {"day": name, "start": f"{hour:02}:00", "end": f"{hour + 1:02}:00"}
        if share is None:
            said = self.reader.text(N_("{day} {start}–{end}: nothing in service"), **clock)
            return HeatCell("", -1, said)
        cell = day * DAY_HOURS + hour
        said = self.reader.text(
            N_("{day} {start}–{end}: {share} % held, {held} of {there} GPU-hours"),
            **clock,
            share=percent(share),
            held=_number(scope.heat.held[cell]),
            there=_number(scope.heat.in_service[cell]),
        )
        return HeatCell(str(percent(share)), shade(share), said)

    def _row(self, name: FigureName, scopes: Sequence[Scope]) -> FigureRow:
        definition = DEFINITIONS[name]
        in_gpu_hours = definition.unit is Unit.GPU_HOURS
        return FigureRow(
            name=name.value,
            title=self.reader.text(definition.title),
            unit=self.reader.text(N_("GPU-hours")) if in_gpu_hours else "",
            meaning=self.reader.text(definition.meaning),
            cells=tuple(self._cell(scope, name, definition.unit) for scope in scopes),
        )

    def _cell(self, scope: Scope, name: FigureName, unit: Unit) -> FigureCell:
        value, before = scope.value(name), scope.was(name).value
        text = self._shown(value, unit)
        earlier = self._shown(before, unit)
        if value is None or before is None or text == earlier:
            return FigureCell(text, "", "")
        return FigureCell(text, earlier, "up" if value > before else "down")

    def _shown(self, value: float | None, unit: Unit) -> str:
        if value is None:
            return "–"
        if unit is Unit.SHARE:
            return self.reader.text(PERCENT, n=percent(value))
        if unit is Unit.HOURS:
            length = about(value)
            return dates.length(max(length, timedelta(0)), self.reader.locale)
        return _number(value)


def _is_there(name: FigureName, scopes: Sequence[Scope]) -> bool:
    """Whether there is such a figure at all: where nothing is measured, nobody is told so."""
    return any(name in scope.figures or name in scope.before for scope in scopes)


def _number(value: float) -> str:
    return f"{round(value):,}".replace(",", "\u202f")

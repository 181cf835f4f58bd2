"""A report as programs read it: as JSON with every member declared, and as one tidy CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from bot.domain.report import Report, Scope, ScopeKind
from bot.domain.report_definitions import (
    DEFINITIONS,
    SHORTAGE,
    SHORTAGE_MEANING,
    FigureName,
    Unit,
)
from bot.domain.report_heat import DAY_HOURS, WEEK_DAYS
from bot.domain.report_reading import reading
from bot.domain.window import Window
from bot.web.plain import Plain

#: With it a spreadsheet reads the file as UTF-8; programs do better with the JSON.
BYTE_ORDER_MARK = "\ufeff"
COLUMNS = (
    "figure", "scope", "name", "weekday", "hour", "value", "cases", "unit", "from", "to",
    "definition",
)  # fmt: skip
#: A cell that begins so is read as a formula by a spreadsheet.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class SpanResult(BaseModel):
    """A span of time, half-open, in UTC."""

    start: datetime
    end: datetime


class DefinitionResult(BaseModel):
    """What a figure is."""

    title: str
    unit: Unit
    meaning: str


class FigureResult(BaseModel):
    """A figure of the period, and of the one before."""

    #: Shares are from 0 to 1, lengths in hours. Null: there is nothing to reckon it from.
    value: float | None
    #: How many bookings, wishes or GPU-hours it rests on.
    cases: int
    before: float | None


class ScopeResult(BaseModel):
    """The figures of the cluster, a model, a team or a node."""

    kind: ScopeKind
    name: str
    #: By name; nodes and models have those of their heat map only.
    figures: dict[FigureName, FigureResult]
    #: In plain words; for teams and the cluster.
    reading: list[str]
    #: Which share of the GPUs is held: seven days from Monday, 24 hours each. Null: none was in
    #: service then.
    heat: list[list[float | None]]


class ShortageResult(BaseModel):
    """GPUs that were asked for in vain on a day of the week."""

    #: Null: of any model.
    model: str | None
    #: Monday is 0.
    weekday: int = Field(ge=0, le=6)
    #: At the worst hour of the day, on at least half of these days.
    gpus: int
    #: At the worst hour of all these days.
    peak: int
    days: int


class ReportResult(BaseModel):
    """How the cluster was used in a period."""

    period: SpanResult
    #: The period that `before` figures are of.
    before: SpanResult
    #: The zone of the hours and days.
    zone: str
    definitions: dict[FigureName, DefinitionResult]
    cluster: ScopeResult
    models: list[ScopeResult]
    teams: list[ScopeResult]
    nodes: list[ScopeResult]
    shortages: list[ShortageResult]


def report_json(report: Report, reader: Plain) -> dict[str, Any]:
    """The report, with its sentences in the reader's words."""
    return {
        "period": _span(report.period.window),
        "before": _span(report.period.before),
        "zone": report.zone_name,
        "definitions": {
            name: {
                "title": reader.text(one.title),
                "unit": one.unit,
                "meaning": reader.text(one.meaning),
            }
            for name, one in DEFINITIONS.items()
        },
        "cluster": _scope(report, report.cluster, reader),
        "models": [_scope(report, one, reader) for one in report.models],
        "teams": [_scope(report, one, reader) for one in report.teams],
        "nodes": [_scope(report, one, reader) for one in report.nodes],
        "shortages": [
            {
                "model": one.model,
                "weekday": one.weekday,
                "gpus": one.gpus,
                "peak": one.peak,
                "days": one.days,
            }
            for one in report.shortages
        ],
    }


def _span(window: Window) -> dict[str, datetime]:
    return {"start": window.start, "end": window.end}


def _scope(report: Report, scope: Scope, reader: Plain) -> dict[str, Any]:
    return {
        "kind": scope.kind,
        "name": scope.name,
        "figures": {
            name: {
                "value": _rounded(figure.value),
                "cases": figure.cases,
                "before": _rounded(scope.was(name).value),
            }
            for name, figure in scope.figures.items()
        },
        "reading": [reader.note(note) for note in reading(report, scope)],
        "heat": [
            [_rounded(scope.heat.share(day, hour)) for hour in range(DAY_HOURS)]
            for day in range(WEEK_DAYS)
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def report_csv(report: Report, reader: Plain) -> str:
    """The report as one table, a row a figure; instants in ISO 8601, UTC.

    Figures by the hour stand in it for the cluster, its models and teams. Empty values are
    figures that there is nothing to reckon from.
    """
    stream = io.StringIO()
    stream.write(BYTE_ORDER_MARK)
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    window = report.period.window
    span = [window.start.isoformat(), window.end.isoformat()]
    for row in _rows(report):
        unit, meaning = _about(row[0])
        cells = (*row, unit.value, *span, reader.text(meaning))
        writer.writerow([_cell(cell) for cell in cells])
    return stream.getvalue()


def _about(name: str) -> tuple[Unit, str]:
    if name == SHORTAGE:
        return Unit.COUNT, SHORTAGE_MEANING
    definition = DEFINITIONS[FigureName(name)]
    return definition.unit, definition.meaning


Row = tuple[str, str, str, int | None, int | None, float | None, int | None]


def _rows(report: Report) -> Iterator[Row]:
    """Figure, scope, name, weekday (Monday is 1), hour, value and cases of each row."""
    for scope in report.scopes:
        for name, figure in scope.figures.items():
            value = _rounded(figure.value)
            yield name.value, scope.kind.value, scope.name, None, None, value, figure.cases
    for short in report.shortages:
        model = short.model or ""
        yield SHORTAGE, "model", model, short.weekday + 1, None, short.gpus, short.days
    for scope in report.scopes:
        if scope.kind is not ScopeKind.NODE:
            yield from _hourly(scope)


def _hourly(scope: Scope) -> Iterator[Row]:
    name = FigureName.UTILISATION.value
    for day in range(WEEK_DAYS):
        for hour in range(DAY_HOURS):
            share = _rounded(scope.heat.share(day, hour))
            yield name, scope.kind.value, scope.name, day + 1, hour, share, None


def _cell(value: object) -> object:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value

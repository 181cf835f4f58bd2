"""Reports: the page `/report`, `/api/v1/reports` and `/api/v1/reports.csv`.

Everybody who signed in sees the cluster's and all teams' figures; nobody is told about single
people, so there is nothing to hide.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from bot.domain.access import Scope as Permission
from bot.domain.errors import NotUnderstood
from bot.domain.report import Report, Scope
from bot.domain.report_definitions import SHORTAGE_MEANING
from bot.domain.report_period import parse_period
from bot.domain.report_reading import reading
from bot.services.report import report
from bot.services.site import Site
from bot.web.access import Access, Viewer
from bot.web.api.context import Api, Asker, errors, needs
from bot.web.pages import look_of, render, welcome
from bot.web.plain import Plain
from bot.web.report_page import KINDS, PERIODS, Words
from bot.web.report_results import ReportResult, report_csv, report_json

PERIOD = Query(
    max_length=40,
    description="`28d` (any number of days up to 366, today included), `week`, `last week`, "
    "`month`, `last month`, `2026-11` or `2026`.",
)
#: Names of nodes, models and teams are no longer.
LONGEST_NAME = 200

PeriodWords = Annotated[str, PERIOD]


def report_routes(site: Site, access: Access, now: Callable[[], datetime]) -> APIRouter:
    """The page and the API's reports; `now` is the bot's clock, aware UTC."""
    router = APIRouter()
    router.include_router(_api_routes(Api(site, access, now)), prefix="/api/v1")

    @router.get("/report", include_in_schema=False)
    def page(
        request: Request,
        period: PeriodWords = "",
        of: Annotated[str, Query(max_length=LONGEST_NAME)] = "",
    ) -> Response:
        viewer = access.viewer(request)
        if Permission.REPORT not in viewer.scopes:
            return welcome(request, viewer, site)
        return _page(request, viewer, site, now(), period, of)

    return router


def _api_routes(api: Api) -> APIRouter:
    router = APIRouter(tags=["reports"])
    reporting = needs(api, Permission.REPORT)

    def made(period: str) -> Report:
        zone = api.site.cluster.zone
        return report(api.site, parse_period(period, now=api.now(), zone=zone))

    @router.get("/reports", response_model=ReportResult, responses=errors())
    def reports(asker: Asker = reporting, period: PeriodWords = "") -> Any:
        """How the cluster was used in a period, by model, team and node, and what is short."""
        return report_json(made(period), asker.reader)

    @router.get(
        "/reports.csv",
        response_class=Response,
        responses={**errors(), 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    def reports_csv(asker: Asker = reporting, period: PeriodWords = "") -> Response:
        """The same as one table for a spreadsheet, a row a figure."""
        found = made(period)
        first = found.period.window.start.astimezone(api.site.cluster.zone)
        name = f"gpubot-report-{first:%Y-%m-%d}.csv"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        }
        content = report_csv(found, asker.reader)
        return Response(content, 200, headers, media_type="text/csv; charset=utf-8")

    return router


def _page(
    request: Request, viewer: Viewer, site: Site, now: datetime, period: str, of: str
) -> Response:
    reader, zone = _reader(request, viewer, site), site.cluster.zone
    mistake = ""
    try:
        asked = parse_period(period, now=now, zone=zone)
    except NotUnderstood as error:
        mistake, period = reader.error(error), ""
        asked = parse_period("", now=now, zone=zone)
    found = report(site, asked)
    scope = _chosen(found, of)
    words = Words(found, reader)
    status = 422 if mistake else 200
    return render(
        request,
        "report.html",
        viewer,
        site=site,
        status=status,
        mistake=mistake,
        period=period or PERIODS[0][0],
        periods=_periods(reader, period),
        of=_key(scope),
        scopes=_scopes(found, reader),
        scope=scope,
        first=asked.window.start.astimezone(zone),
        last=asked.window.end.astimezone(zone),
        shortage_meaning=reader.text(SHORTAGE_MEANING),
        sentences=[reader.note(note) for note in reading(found, scope)],
        days=words.days,
        heat=words.heat(scope),
        shortages=words.shortages(),
        columns=[found.cluster.name, *(team.name for team in found.teams)],
        groups=words.groups([found.cluster, *found.teams]),
        csv=f"/api/v1/reports.csv?{urlencode({'period': period})}",
    )


def _reader(request: Request, viewer: Viewer, site: Site) -> Plain:
    """The viewer, in the language of the page; days and hours are those of the cluster's zone."""
    return Plain(zone=site.cluster.zone, locale=look_of(request, viewer, site).language)


def _chosen(found: Report, of: str) -> Scope:
    """The part that the heat map and the sentences are about; the cluster when it is unknown."""
    kind, _, name = of.partition(":")
    return found.scope(kind, name) or found.cluster


def _key(scope: Scope) -> str:
    return f"{scope.kind}:{scope.name}"


def _periods(reader: Plain, period: str) -> list[tuple[str, str]]:
    """What can be chosen; also what was typed into the address."""
    known = [(value, reader.text(name)) for value, name in PERIODS]
    return known if period in ("", *dict(PERIODS)) else [*known, (period, period)]


def _scopes(found: Report, reader: Plain) -> list[tuple[str, list[tuple[str, str]]]]:
    """What can be chosen, in groups by their kind."""
    groups = ([found.cluster], found.models, found.teams, found.nodes)
    return [
        (reader.text(KINDS[group[0].kind]), [(_key(one), one.name) for one in group])
        for group in groups
        if group
    ]

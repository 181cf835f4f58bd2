"""`GET /`: the calendar page, and what pages are made of. Its data come from the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, FastAPI, Request, Response

from bot.domain.access import Scope
from bot.domain.zones import zone_named
from bot.services.site import Site
from bot.web.access import Access, Viewer
from bot.web.assets import Assets
from bot.web.first_window import first_data, first_window
from bot.web.pages import look_of, render, welcome
from bot.web.vendored import missing_files


def page_routes(site: Site, access: Access, now: Callable[[], datetime]) -> APIRouter:
    """The page, over `site`; `now` is the bot's clock, aware UTC."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def calendar(request: Request) -> Response:
        viewer = access.viewer(request)
        if Scope.READ not in viewer.scopes:
            return welcome(request, viewer, site)
        page = {
            "now": int(now().timestamp()),
            "user": viewer.user or "",
            "books": viewer.is_on_page,
            "slot_s": int(site.cluster.policy.slot.total_seconds()),
            "zone": site.cluster.zone_name,
            "jobs": [template.name for template in site.cluster.jobs],
            "first": _first(request, viewer, site, now()),
        }
        missing = missing_files()
        return render(request, "calendar.html", viewer, site=site, page=page, missing=missing)

    return router


def _first(request: Request, viewer: Viewer, site: Site, now: datetime) -> object:
    zone_name = look_of(request, viewer, site).zone_name
    zone = zone_named(zone_name)
    return first_data(first_window(request.query_params, zone, now))


def install_assets(web: FastAPI) -> None:
    """Serve the pages' files at `/static/…`."""
    web.mount("/static", Assets(), name="static")

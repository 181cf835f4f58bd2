"""`GET /`: the calendar page, and what pages are made of. Its data come from the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, FastAPI, Request, Response

from bot.domain.access import Scope
from bot.services.site import Site
from bot.web.access import VIA_PAGE, Access
from bot.web.assets import Assets
from bot.web.pages import render
from bot.web.vendored import missing_files


def page_routes(site: Site, access: Access, now: Callable[[], datetime]) -> APIRouter:
    """The page, over `site`; `now` is the bot's clock, aware UTC."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def calendar(request: Request) -> Response:
        viewer = access.viewer(request)
        if Scope.READ not in viewer.scopes:
            return render(request, "welcome.html", viewer, site=site, open_id=site.open_id)
        page = {
            "now": int(now().timestamp()),
            "user": viewer.user or "",
            "books": viewer.via == VIA_PAGE,
            "slot_s": int(site.cluster.policy.slot.total_seconds()),
            "zone": site.cluster.zone_name,
        }
        missing = missing_files()
        return render(request, "calendar.html", viewer, site=site, page=page, missing=missing)

    return router


def install_assets(web: FastAPI) -> None:
    """Serve the pages' files at `/static/…`."""
    web.mount("/static", Assets(), name="static")

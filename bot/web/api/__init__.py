"""The HTTP API: the same services and the same rules as in Slack, for programs and the page.

One router, for `/api/v1`. Everything a route takes and gives is declared (`schemas`, `results`),
so that the description at `/api/openapi.json` is true.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter

from bot.services.site import Site
from bot.web.access import Access
from bot.web.api.audit import audit_routes
from bot.web.api.bookings import booking_routes
from bot.web.api.changes import change_routes
from bot.web.api.context import Api
from bot.web.api.free import free_routes
from bot.web.api.jobs import job_routes
from bot.web.api.me import me_routes
from bot.web.api.nodes import node_routes
from bot.web.api.notices import notice_list_routes
from bot.web.api.waitlist import offer_routes, waitlist_routes

ROOT = "/api/v1"

PARTS = (
    booking_routes,
    change_routes,
    job_routes,
    free_routes,
    node_routes,
    waitlist_routes,
    offer_routes,
    notice_list_routes,
    audit_routes,
    me_routes,
)


def api_routes(site: Site, access: Access, now: Callable[[], datetime]) -> APIRouter:
    """The API over `site`, to be included at `ROOT`; `now` is the bot's clock, aware UTC."""
    # The prefix is not the router's own: without one to include it at, FastAPI would make each
    # route while it is included, to see whether its path is empty, and once more to serve it.
    router = APIRouter()
    api = Api(site, access, now)
    for part in PARTS:
        router.include_router(part(api))
    return router

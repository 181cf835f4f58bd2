"""The audit log: `/api/v1/audit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query

from bot.domain.access import Scope
from bot.domain.booking import booking_label
from bot.services.listing import list_audit
from bot.services.record import AuditRecord
from bot.services.team_only import as_read_by
from bot.web.api.context import Api, Asker, errors, needs
from bot.web.api.paging import Cursor, Limit, cursor_of, page, place_of
from bot.web.api.results import AuditResult, Page
from bot.web.api.schemas import LARGEST_ID, BookingId


def audit_routes(api: Api) -> APIRouter:
    """Who did what, when and why."""
    router = APIRouter(tags=["audit"])
    auditing = needs(api, Scope.AUDIT)

    @router.get("/audit", response_model=Page[AuditResult], responses=errors())
    def audit(
        booking: Annotated[BookingId | None, Query()] = None,
        after: Annotated[
            int | None,
            Query(ge=0, le=LARGEST_ID, description="Records after this number, oldest first."),
        ] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        asker: Asker = auditing,
    ) -> Any:
        """The newest records first; with `after`, what was written since, oldest first."""
        place = place_of(cursor, int)
        start = None if place is None else place[0]
        since, before = (after, start) if after is None else (start or after, None)
        found = list_audit(api.site, booking=booking, before=before, after=since, limit=limit + 1)
        more = len(found) > limit
        following = cursor_of(found[limit - 1].seq) if more else None
        return page(_show(api, asker, found[:limit]), following)

    return router


def _show(api: Api, asker: Asker, found: Sequence[AuditRecord]) -> list[dict[str, Any]]:
    """The records as JSON; what a run wrote is for its team alone."""
    cluster = api.site.cluster
    return [
        {
            "seq": record.seq,
            "at": record.at,
            "actor": record.actor,
            "action": record.action,
            "booking": None if record.booking is None else booking_label(record.booking),
            "node": record.node,
            "reason": record.reason,
            "before": record.before,
            "after": record.after,
            "hash": record.hash,
        }
        for record in (as_read_by(cluster, asker.user, record) for record in found)
    ]

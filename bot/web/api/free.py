"""Free windows: `/api/v1/free`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from bot.domain.access import Scope
from bot.domain.booking_request import check_length, check_start
from bot.domain.lengths import parse_length
from bot.domain.search_request import most_patient, whole_slots
from bot.domain.shape_rules import check_shape
from bot.services.look import FreeWindow, free_windows
from bot.web.api.context import Api, Asker, errors, needs
from bot.web.api.paging import page
from bot.web.api.results import FreeResult, Page
from bot.web.api.schemas import Instant, Name

MOST = 20


def free_routes(api: Api) -> APIRouter:
    """Where GPUs are free next."""
    router = APIRouter(tags=["free windows"])
    reading = needs(api, Scope.READ)

    @router.get("/free", response_model=Page[FreeResult], responses=errors())
    def free(
        *,
        gpus: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
        length: Annotated[str | None, Query(max_length=100, examples=["20h"])] = None,
        since: Annotated[Instant | None, Query(alias="from")] = None,
        node: Annotated[Name | None, Query()] = None,
        model: Annotated[Name | None, Query()] = None,
        spread: Annotated[bool, Query()] = False,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 5,
        _asker: Asker = reading,
    ) -> Any:
        """The next windows that fit, each on another free stretch.

        `length` is one slot where it is not said; `from` is the earliest start.
        """
        now, cluster = api.now(), api.site.cluster
        shape = check_shape(cluster, gpus, node=node, model=model, spread=spread)
        asked = cluster.policy.slot if length is None else parse_length(length)
        check_length(asked, now, None, priority=most_patient(cluster.policy), cluster=cluster)
        span, _ = whole_slots(asked, cluster.policy)
        found = free_windows(
            api.site, shape, span, not_before=_earliest(api, since, now), now=now, limit=limit
        )
        return page([_result(window) for window in found], None)

    return router


def _earliest(api: Api, since: datetime | None, now: datetime) -> datetime | None:
    if since is None or since <= now:
        return None
    check_start(since, now=now, cluster=api.site.cluster)
    return since


def _result(free: FreeWindow) -> dict[str, Any]:
    window = free.placement.window
    shares = [(share.node, share.gpus) for share in free.placement.shares]
    return {"start": window.start, "end": window.end, "shares": shares, "until": free.until}

"""Nodes: `/api/v1/nodes`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from bot.domain.access import Scope
from bot.services.look import NodeStatus, status
from bot.web.api.context import Api, Asker, errors, needs
from bot.web.api.paging import page
from bot.web.api.results import NodeResult, Page
from bot.web.plain import Plain


def node_routes(api: Api) -> APIRouter:
    """The nodes of the cluster."""
    router = APIRouter(tags=["nodes"])
    reading = needs(api, Scope.READ)

    @router.get("/nodes", response_model=Page[NodeResult], responses=errors())
    def nodes(asker: Asker = reading) -> Any:
        """All nodes, in the order of the configuration, and how many GPUs are free now."""
        now, reader = api.now(), asker.reader
        found = status(api.site, at=now, now=now, only=())
        return page([_result(one, reader) for one in found], None)

    return router


def _result(found: NodeStatus, reader: Plain) -> dict[str, Any]:
    drain = found.drain
    why = drain and drain.reason_in(reader.text)
    return {
        "name": found.node.name,
        "gpus": found.node.gpus,
        "model": found.node.model,
        "free_now": found.free,
        "drain": drain and {"start": drain.start, "end": drain.end, "reason": why},
    }

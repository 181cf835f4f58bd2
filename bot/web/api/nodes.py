"""Nodes: `/api/v1/nodes`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from bot.domain.access import Scope
from bot.services.look import NodeStatus, status
from bot.web.api.context import Api, Asker, errors, needs
from bot.web.api.paging import page
from bot.web.api.results import NodeResult, Page


def node_routes(api: Api) -> APIRouter:
    """The nodes of the cluster."""
    router = APIRouter(tags=["nodes"])
    reading = needs(api, Scope.READ)

    @router.get("/nodes", response_model=Page[NodeResult], responses=errors())
    def nodes(_asker: Asker = reading) -> Any:
        """All nodes, in the order of the configuration, and how many GPUs are free now."""
        now = api.now()
        return page([_result(one) for one in status(api.site, at=now, now=now, only=())], None)

    return router


def _result(found: NodeStatus) -> dict[str, Any]:
    drain = found.drain
    return {
        "name": found.node.name,
        "gpus": found.node.gpus,
        "model": found.node.model,
        "free_now": found.free,
        "drain": drain and {"start": drain.start, "end": drain.end, "reason": drain.reason},
    }

"""Whether gpubot is alive, and whether it is ready to serve."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

log = logging.getLogger(__name__)


def health_routes(problems: Callable[[], Sequence[str]]) -> APIRouter:
    """The routes; `problems` says why gpubot is not ready, and nothing when it is."""
    router = APIRouter()
    told: frozenset[str] = frozenset()

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    def readyz() -> Response:
        nonlocal told
        found = list(problems())
        if (kinds := _kinds(found)) != told:
            told = kinds
            _log(found)
        state = "not ready" if found else "ready"
        return JSONResponse({"status": state, "problems": found}, 503 if found else 200)

    return router


def _kinds(found: Sequence[str]) -> frozenset[str]:
    """What is wrong, without figures that are others each time."""
    return frozenset(problem.partition(":")[0] for problem in found)


def _log(found: Sequence[str]) -> None:
    if found:
        log.warning("not ready: %s", "; ".join(found))
    else:
        log.info("ready")

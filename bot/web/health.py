"""Whether gpubot is alive, and whether it is ready to serve.

`/readyz` is about all that gpubot needs. Whoever chooses between replicas asks `/readyz?replica`:
that one replica is not ready because of what the others lack as well (Slack, the right time) is no
reason to send nobody to any of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

log = logging.getLogger(__name__)


def health_routes(
    problems: Callable[[], Sequence[str]], of_replica: Callable[[], Sequence[str]]
) -> APIRouter:
    """The routes; `problems` says why gpubot is not ready, and nothing when it is.

    `of_replica` says why this replica cannot serve.
    """
    router = APIRouter()
    told: frozenset[str] = frozenset()

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    def readyz(request: Request) -> Response:
        nonlocal told
        own = of_replica() if "replica" in request.query_params else None
        found = list(problems())
        if (kinds := _kinds(found)) != told:
            told = kinds
            _log(found)
        return _answer(found, []) if own is None else _answer(own, _others(found, own))

    return router


def _answer(problems: Sequence[str], warnings: Sequence[str]) -> Response:
    state = "not ready" if problems else "ready"
    content = {"status": state, "problems": list(problems), "warnings": list(warnings)}
    return JSONResponse(content, 503 if problems else 200)


def _others(found: Sequence[str], own: Sequence[str]) -> list[str]:
    """What is wrong besides."""
    kinds = _kinds(own)
    return [problem for problem in found if not kinds & _kinds([problem])]


def _kinds(found: Sequence[str]) -> frozenset[str]:
    """What is wrong, without figures that are others each time."""
    return frozenset(problem.partition(":")[0] for problem in found)


def _log(found: Sequence[str]) -> None:
    if found:
        log.warning("not ready: %s", "; ".join(found))
    else:
        log.info("ready")

"""A booking's job over HTTP: `PUT` and `DELETE /api/v1/bookings/{id}/job`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from bot.domain.access import Scope
from bot.services.attach_job import attach_job
from bot.web.api.changes import Asked
from bot.web.api.context import Api, Asker, errors, needs
from bot.web.api.job_bodies import read_job
from bot.web.api.results import BookingResult
from bot.web.api.schemas import BookingId, FreeText, IdempotencyKey, PutJob, Reason


def job_routes(api: Api) -> APIRouter:
    """Giving a booking a job, and taking it away."""
    router = APIRouter(tags=["bookings"])
    changing = needs(api, Scope.BOOK)
    answers: Any = {"response_model": BookingResult, "responses": errors(404, 409)}

    @router.put("/bookings/{booking}/job", **answers)
    def put_job(
        booking: BookingId, body: PutJob, key: IdempotencyKey = None, asker: Asker = changing
    ) -> Any:
        """Have a booking run a job, instead of any other, until its run has started."""
        order, now = read_job(body), api.now()
        return Asked(api, asker, "job", booking, body, key).do(
            lambda who, k: attach_job(
                api.site, who, booking, order, reason=body.reason, now=now, key=k
            )
        )

    @router.delete("/bookings/{booking}/job", **answers)
    def delete_job(
        booking: BookingId,
        reason: Annotated[FreeText, Query()] = "",
        key: IdempotencyKey = None,
        asker: Asker = changing,
    ) -> Any:
        """Have a booking run nothing by itself any more."""
        body, now = Reason(reason=reason), api.now()
        return Asked(api, asker, "no job", booking, body, key).do(
            lambda who, k: attach_job(api.site, who, booking, None, reason=reason, now=now, key=k)
        )

    return router

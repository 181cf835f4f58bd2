"""`GET /api/v1/bookings/{id}/notice`: a training script asks whether to save its checkpoint.

Whoever has a booking's token may ask about that booking and about nothing else. Asking is a sign
that the booking is used. Errors are problem details (RFC 9457).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse

from bot.domain.booking import BookingState, booking_label, parse_booking_id
from bot.domain.errors import NotFound
from bot.services.activity import saw_use
from bot.services.notice import Notice, check_notice_token, notice_of
from bot.services.site import Site
from bot.store.database import Busy

BEARER = "bearer "


def notice_routes(site: Site, now: Callable[[], datetime]) -> APIRouter:
    """The route, over `site`; `now` is the bot's clock, aware UTC."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/bookings/{booking}/notice")
    def notice(
        booking: str,
        authorization: Annotated[str, Header()] = "",
        token: Annotated[str, Query()] = "",
    ) -> Response:
        booking_id = parse_booking_id(booking)
        if booking_id is None:
            return problem(422, "A booking is named by its number, such as B142.")
        try:
            return _answer(site, booking_id, _given(authorization) or token, now())
        except Busy:
            detail = "The database is busy; ask again in a moment."
            return problem(503, detail, {"Retry-After": "2"})

    return router


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An error as a program reads it."""
    content = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def _answer(site: Site, booking_id: int, token: str, now: datetime) -> Response:
    # Before anything else, so that nobody learns which bookings there are.
    if not check_notice_token(site, booking_id, token):
        detail = f"Give the token of {booking_label(booking_id)}; `/gpu show` has it."
        return problem(401, detail, {"WWW-Authenticate": "Bearer"})
    try:
        found = notice_of(site, booking_id, now=now)
    except NotFound:
        return problem(404, f"There is no booking {booking_label(booking_id)}.")
    if found.state is BookingState.ACTIVE:
        # The script needs its answer more than we need the sign.
        with suppress(Busy):
            saw_use(site, booking_id, now=now)
    return JSONResponse(_as_json(found), headers={"Cache-Control": "no-store"})


def _given(authorization: str) -> str:
    """The token in `Authorization: Bearer …`; empty for anything else."""
    is_bearer = authorization[: len(BEARER)].lower() == BEARER
    return authorization[len(BEARER) :].strip() if is_bearer else ""


def _as_json(notice: Notice) -> dict[str, Any]:
    reclaim_at = notice.reclaim_at
    return {
        "booking": booking_label(notice.booking),
        "state": notice.state.value,
        "action": notice.action.value,
        "reclaim_at": None if reclaim_at is None else reclaim_at.isoformat(),
        "ends_at": notice.ends_at.isoformat(),
        "seconds_left": notice.seconds_left,
        "reason": notice.reason,
        "warned": notice.warned,
    }

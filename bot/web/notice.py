"""`GET /api/v1/bookings/{id}/notice`: a training script asks whether to save its checkpoint.

Whoever has a booking's own token may ask about that booking and about nothing else; so may whoever
may change the booking, by a token of theirs or on the page. A script that asks is a sign that the
booking is used.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from bot.domain.access import Scope
from bot.domain.booking import BookingState, booking_label
from bot.services.activity import saw_use
from bot.services.follow_run import checkpoint_reported
from bot.services.look import get_booking
from bot.services.notice import Action, Notice, check_notice_token, notice_of
from bot.services.site import Site
from bot.services.tokens import PREFIX
from bot.store.errors import Busy
from bot.web.access import Access, bearer
from bot.web.api.schemas import BookingId, FreeText
from bot.web.problems import Problem


class NoticeNow(BaseModel):
    """How a booking stands."""

    booking: str = Field(examples=["B142"])
    state: BookingState
    #: What the script had better do.
    action: Action
    reclaim_at: datetime | None
    ends_at: datetime
    seconds_left: int
    reason: str | None
    #: Whether somebody else needs the GPUs before the booking's own end.
    warned: bool


class CheckpointSaved(BaseModel):
    """What a script has saved."""

    model_config = ConfigDict(extra="forbid")

    #: The file, as the script knows it.
    path: FreeText = Field(default="", examples=["/checkpoints/last.pt"])


def notice_routes(site: Site, access: Access, now: Callable[[], datetime]) -> APIRouter:
    """The route, over `site`; `now` is the bot's clock, aware UTC."""
    router = APIRouter(prefix="/api/v1", tags=["notices"])

    @router.get(
        "/bookings/{booking}/notice",
        response_model=NoticeNow,
        responses={404: {"description": "There is no such booking."}},
    )
    def notice(
        request: Request,
        booking: BookingId,
        token: Annotated[
            str, Query(description="The booking's own token, where it cannot be a header.")
        ] = "",
    ) -> Response:
        """Whether to save a checkpoint now, for the script that runs on the booking.

        The bearer token is the booking's own, from `/gpu show`, or one with the scope `read`.
        """
        is_script = _check(site, access, request, booking, token)
        found = notice_of(site, booking, now=now())
        if is_script and found.state is BookingState.ACTIVE:
            # The script needs its answer more than we need the sign.
            with suppress(Busy):
                saw_use(site, booking, now=now())
        return JSONResponse(_as_json(found), headers={"Cache-Control": "no-store"})

    @router.post(
        "/bookings/{booking}/checkpoint",
        status_code=204,
        responses={404: {"description": "There is no such booking."}},
    )
    def checkpoint(request: Request, booking: BookingId, body: CheckpointSaved) -> Response:
        """The script has saved a checkpoint; whoever waits for that is told.

        The bearer token is the booking's own, from `/gpu show`; a run that gpubot has started
        finds it in `GPUBOT_TOKEN`.
        """
        if not check_notice_token(site, booking, bearer(request)):
            raise _no_token(booking)
        get_booking(site, booking)
        checkpoint_reported(site, booking, body.path, now=now())
        return Response(status_code=204)

    return router


def _check(site: Site, access: Access, request: Request, booking_id: int, token: str) -> bool:
    """Whether a script asks, which is a sign of use. Raises Problem for those who may not ask."""
    given = bearer(request) or token
    # Before anything else, so that nobody learns which bookings there are.
    if check_notice_token(site, booking_id, given):
        return True
    if given and not given.startswith(PREFIX):
        raise _no_token(booking_id)
    viewer = access.viewer(request)
    if viewer.user is None:
        raise _no_token(booking_id)
    access.demand(request, Scope.READ)
    if not viewer.may_change(site.cluster, get_booking(site, booking_id)):
        detail = "Only those who may change the booking may ask about it."
        raise Problem(403, "not_allowed", detail)
    return not viewer.csrf


def _no_token(booking_id: int) -> Problem:
    detail = f"Give the token of {booking_label(booking_id)}; /gpu show has it."
    return Problem(401, "not_signed_in", detail, headers={"WWW-Authenticate": "Bearer"})


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

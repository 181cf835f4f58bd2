"""`GET /runs/{key}/log`: what a run has written, for the booking's team.

It is plain text whatever the run wrote, so that nothing in it becomes a page. The API has the log
of a booking's latest run at `/api/v1/bookings/{id}/log`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from bot.domain.access import Scope
from bot.domain.booking import Booking, booking_label
from bot.runners.archive import ArchiveError
from bot.runners.protocol import RunnerError
from bot.runners.run_logs import RunLogs
from bot.runners.tails import MOST_BYTES, last_lines
from bot.services.look import get_booking
from bot.services.site import Site
from bot.services.team_only import may_read_output
from bot.web.access import Access, Viewer
from bot.web.api.schemas import BookingId
from bot.web.pages import welcome
from bot.web.problems import Problem

#: No more than its last so many bytes are sent of a log; the archive has all of it.
MOST = 64 * 1024 * 1024
MEDIA_TYPE = "text/plain; charset=utf-8"
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

Key = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$")]
Number = Annotated[int, Query(ge=0, lt=1000, description="Which worker, from 0.")]
Tail = Annotated[int | None, Query(ge=1, le=10000, description="Only its last so many lines.")]


@dataclass(frozen=True, slots=True)
class ShownLogs:
    """Logs, and which run belongs to which booking."""

    logs: RunLogs
    #: The booking of the run with that key; None: there is no such run.
    booking_of: Callable[[str], int | None]
    #: The key of a booking's latest run; None: it has had none.
    latest_of: Callable[[int], str | None]


def run_log_routes(site: Site, access: Access, shown: ShownLogs) -> APIRouter:
    """The routes, over `site`."""
    router = APIRouter()

    @router.get("/runs/{key}/log", include_in_schema=False)
    def page(request: Request, key: Key, worker: Number = 0, tail: Tail = None) -> Response:
        viewer = access.viewer(request)
        if viewer.user is None:
            return welcome(request, viewer, site)
        access.demand(request, Scope.READ)
        booking = shown.booking_of(key)
        if booking is None:
            raise Problem(404, "not_found", f"There is no run {key}.")
        _check(site, viewer, get_booking(site, booking))
        return _answer(shown.logs, key, worker, tail)

    @router.get(
        "/api/v1/bookings/{booking}/log",
        tags=["bookings"],
        response_class=PlainTextResponse,
        responses={404: {"description": "There is no such booking, or it has had no run."}},
    )
    def log(
        request: Request, booking: BookingId, worker: Number = 0, tail: Tail = None
    ) -> Response:
        """What the booking's latest run has written, for members of its team."""
        viewer = access.demand(request, Scope.READ)
        _check(site, viewer, get_booking(site, booking))
        key = shown.latest_of(booking)
        if key is None:
            raise Problem(404, "not_found", f"{booking_label(booking)} has had no run.")
        return _answer(shown.logs, key, worker, tail)

    return router


def _check(site: Site, viewer: Viewer, booking: Booking) -> None:
    """Raise Problem 403 unless they are of the booking's team, or admins."""
    user, owner, team = viewer.actor.name, booking.owner, booking.team
    may = may_read_output(site.cluster, user, owner=owner, team=team)
    if not viewer.in_bounds(booking.team) or not may:
        detail = f"Only members of team {booking.team} read what its runs write."
        raise Problem(403, "not_allowed", detail)


def _answer(logs: RunLogs, key: str, worker: int, tail: int | None) -> Response:
    try:
        found = logs.read(key, worker, MOST if tail is None else MOST_BYTES)
        if found is None:
            raise Problem(404, "not_found", f"There is no log of worker {worker} of {key}.")
        if tail is not None:
            text = last_lines(b"".join(found), tail)
            return PlainTextResponse(f"{text}\n", headers=HEADERS)
    except (ArchiveError, RunnerError) as error:
        raise Problem(503, "no_log", f"The log cannot be read at present: {error}") from error
    return StreamingResponse(_pieces(found), headers=HEADERS, media_type=MEDIA_TYPE)


def _pieces(found: Iterator[bytes]) -> Iterator[bytes]:
    return (piece for piece in found if piece)

"""Bookings: `/api/v1/bookings`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from bot.domain.access import Scope
from bot.domain.actor import Actor
from bot.domain.booking import Booking, BookingState
from bot.domain.conflict import Conflict
from bot.domain.lengths import parse_length
from bot.domain.request import BookingRequest
from bot.services.listing import OPEN, BookingFilter, list_bookings
from bot.services.look import Availability, availability, get_booking
from bot.services.people import names_of
from bot.services.request_keys import RequestKey
from bot.services.reserve import reserve_all
from bot.services.reserve_within import reserve_within
from bot.services.site import Site
from bot.store import queries
from bot.web.api.context import Api, Asker, errors, needs
from bot.web.api.orders import read_order
from bot.web.api.paging import Cursor, Limit, cursor_of, instant_place, page
from bot.web.api.results import BookingResult, CheckResult, ConflictResult, Page
from bot.web.api.schemas import BookingId, IdempotencyKey, Instant, Name, Order, Orders
from bot.web.api.showing import alternative_result, blocker_result
from bot.web.problems import Problem, to_problem

TAG = "bookings"
#: How far back a list of bookings that are over goes where it is not said.
LOOK_BACK = timedelta(days=31)

StateName = Literal["open", "all"] | BookingState


def booking_routes(api: Api) -> APIRouter:
    """Listing, showing, checking and making bookings."""
    router = APIRouter(tags=[TAG])
    _add_reading(router, api)
    _add_booking(router, api)
    return router


def _add_reading(router: APIRouter, api: Api) -> None:
    reading = needs(api, Scope.READ)

    @router.get("/bookings", response_model=Page[BookingResult], responses=errors())
    def bookings(
        owner: Annotated[Name | None, Query(description="A user id, or `me`.")] = None,
        team: Annotated[Name | None, Query()] = None,
        node: Annotated[Name | None, Query()] = None,
        state: Annotated[StateName, Query()] = "open",
        since: Annotated[Instant | None, Query(alias="from")] = None,
        until: Annotated[Instant | None, Query(alias="to")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        asker: Asker = reading,
    ) -> Any:
        """Bookings by their end. `open` ones, unless `state` says otherwise.

        `from` and `to` bound the time that they overlap; without `from`, those that are over go
        back 31 days.
        """
        states = {"open": OPEN, "all": frozenset(BookingState)}.get(state, frozenset({state}))
        back = timedelta() if states == OPEN else LOOK_BACK
        wanted = BookingFilter(
            states=frozenset(BookingState(name) for name in states),
            ends_after=since or api.now() - back,
            starts_before=until,
            owner=asker.user if owner == "me" else owner,
            team=team,
            node=node,
        )
        found = list_bookings(api.site, wanted, after=instant_place(cursor), limit=limit + 1)
        shown = api.show_all(asker, found[:limit])
        return page(shown, _cursor(found, limit))

    @router.get("/bookings/{booking}", response_model=BookingResult, responses=errors(404))
    def show(booking: BookingId, asker: Asker = reading) -> Any:
        """One booking."""
        return api.show(asker, get_booking(api.site, booking))


def _add_booking(router: APIRouter, api: Api) -> None:
    reading, booking = needs(api, Scope.READ), needs(api, Scope.BOOK)
    refusals = errors(conflict=ConflictResult)

    @router.post("/bookings/check", response_model=CheckResult, responses=errors())
    def check(order: Order, asker: Asker = reading) -> Any:
        """Whether an order could be booked at the time that it asks for; changes nothing."""
        now = api.now()
        if order.within is not None:
            raise Problem(422, "within_checked", "A check is of one time: leave out `within`.")
        request = read_order(api, asker, order, now)
        found = availability(api.site, request, user=asker.user, now=now)
        return _checked(api, asker, request, found)

    @router.post("/bookings", status_code=201, response_model=BookingResult, responses=refusals)
    def reserve(
        order: Order, response: Response, key: IdempotencyKey = None, asker: Asker = booking
    ) -> Any:
        """Book GPUs. 409 says who has them and what is free instead."""
        made, requests = _book(api, asker, [order], key)
        response.headers["Location"] = f"/api/v1/bookings/B{made[0].id}"
        return api.show(asker, made[0], requests[0].notes if requests else ())

    @router.post(
        "/bookings/together",
        status_code=201,
        response_model=Page[BookingResult],
        responses=refusals,
    )
    def reserve_together(orders: Orders, key: IdempotencyKey = None, asker: Asker = booking) -> Any:
        """Book all of several orders, or none of them."""
        made, _ = _book(api, asker, orders.orders, key)
        return page(api.show_all(asker, made), None)


def _book(
    api: Api, asker: Asker, orders: Sequence[Order], given: str | None
) -> tuple[Sequence[Booking], Sequence[BookingRequest]]:
    """What was booked, and what was asked for; nothing of that where it was booked before."""
    now, actor = api.now(), asker.viewer.actor
    asked = {"orders": [order.model_dump(mode="json", exclude_unset=True) for order in orders]}
    key = RequestKey(actor, "reserve", given, asked)
    if (done := key.earlier(api.site)) is not None:
        return _bookings(api.site, done), ()
    requests = [read_order(api, asker, order, now) for order in orders]
    try:
        made = _reserved(api, actor, orders, requests, now=now, key=key.receipt)
    except Conflict as conflict:
        raise conflict_problem(api, asker, conflict, _in_conflict(requests, conflict)) from conflict
    key.remember(api.site, now=now)
    return made, requests


def _reserved(
    api: Api,
    actor: Actor,
    orders: Sequence[Order],
    requests: Sequence[BookingRequest],
    *,
    now: datetime,
    key: str | None,
) -> tuple[Booking, ...]:
    """All of them, or one that may start a little later than asked for."""
    within = [order.within for order in orders if order.within is not None]
    if not within:
        return reserve_all(api.site, actor, requests, now=now, key=key)
    if len(requests) > 1:
        raise Problem(422, "within_alone", "Give `within` for a booking on its own.")
    later = parse_length(within[0])
    return (reserve_within(api.site, actor, requests[0], later, now=now, key=key),)


def _bookings(site: Site, ids: Sequence[int]) -> list[Booking]:
    with site.database.snapshot() as connection:
        found = queries.bookings_by_id(connection, ids)
    return [found[booking] for booking in ids]


def _in_conflict(requests: Sequence[BookingRequest], conflict: Conflict) -> BookingRequest:
    """Which of the requests the conflict is about."""
    return next((r for r in requests if r.window.end == conflict.window.end), requests[0])


def conflict_problem(
    api: Api, asker: Asker, conflict: Conflict, request: BookingRequest | None, **more: Any
) -> Problem:
    """409, with who is in the way and what is free instead of `request`; None: of another time."""
    names = names_of(api.site, (b.owner for b in conflict.blockers if b.owner))
    shown = {
        "blockers": [blocker_result(held, names, asker.reader) for held in conflict.blockers],
        "alternatives": [
            alternative_result(api.site.cluster, found, request) for found in conflict.alternatives
        ],
        "notes": [asker.reader.note(note) for note in request.notes] if request else [],
    }
    return to_problem(conflict, asker.reader, **_plain(shown), **more)


def _plain(value: Any) -> Any:
    """Instants within as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _checked(api: Api, asker: Asker, request: BookingRequest, found: Availability) -> Any:
    names = names_of(api.site, (b.owner for b in found.blockers if b.owner))
    placement = found.placement
    return {
        "fits": found.fits,
        "start": request.window.start,
        "end": request.window.end,
        "shares": placement and [(share.node, share.gpus) for share in placement.shares],
        "notes": [asker.reader.note(note) for note in request.notes],
        "blockers": [blocker_result(held, names, asker.reader) for held in found.blockers],
        "alternatives": [
            alternative_result(api.site.cluster, one, request) for one in found.alternatives
        ],
    }


def _cursor(found: Sequence[Booking], limit: int) -> str | None:
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    return cursor_of(last.window.end.isoformat(), last.id)

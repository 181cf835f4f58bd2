"""The waitlist and its offers: `/api/v1/waitlist`, `/api/v1/offers`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from bot.domain.access import Scope
from bot.domain.booking import booking_label
from bot.domain.errors import NotAllowed
from bot.domain.notes import Note
from bot.domain.request import BookingRequest
from bot.domain.waitlist import Offer, WaitlistEntry, entry_label
from bot.services.answer_offer import accept_offer, decline_offer
from bot.services.edit_waitlist import check_may_answer, leave_waitlist
from bot.services.join_waitlist import FreeAlready, join_waitlist
from bot.services.listing import open_offers
from bot.services.look_waiting import get_entry, get_offer, waitlist, waitlist_of
from bot.services.people import names_of
from bot.services.request_keys import RequestKey
from bot.web.api.context import Api, Asker, errors, needs
from bot.web.api.job_bodies import job_result
from bot.web.api.orders import read_wish
from bot.web.api.paging import Cursor, Limit, cursor_of, instant_place, page, place_of
from bot.web.api.results import BookingResult, FreeAlreadyResult, OfferResult, Page, WishResult
from bot.web.api.schemas import LARGEST_ID, Decline, EntryId, FreeText, IdempotencyKey, Wish
from bot.web.api.showing import order_for
from bot.web.problems import to_problem

OfferId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Mine = Annotated[bool, Query(description="Only your own.")]


def waitlist_routes(api: Api) -> APIRouter:
    """Wishes: seeing, joining and leaving."""
    router = APIRouter(tags=["waitlist"])
    reading, booking = needs(api, Scope.READ), needs(api, Scope.BOOK)

    @router.get("/waitlist", response_model=Page[WishResult], responses=errors())
    def wishes(
        *, mine: Mine = False, limit: Limit = 50, cursor: Cursor = None, asker: Asker = reading
    ) -> Any:
        """The open wishes in the order in which they are served."""
        found = waitlist_of(api.site, asker.user) if mine else waitlist(api.site)
        place = place_of(cursor, int, str, int)
        behind = [entry for entry in found if place is None or _place(entry) > place]
        shown = _show_wishes(api, asker, behind[:limit])
        more = len(behind) > limit
        return page(shown, cursor_of(*_place(behind[limit - 1])) if more else None)

    @router.post(
        "/waitlist",
        status_code=201,
        response_model=WishResult,
        responses=errors(conflict=FreeAlreadyResult),
    )
    def join(
        wish: Wish, response: Response, key: IdempotencyKey = None, asker: Asker = booking
    ) -> Any:
        """Join the waitlist. 409 when there is no need to wait; `orders` books what is free."""
        entry, notes = _join(api, asker, wish, key)
        response.headers["Location"] = f"/api/v1/waitlist/{entry_label(entry.id)}"
        return _show_wish(api, asker, entry, notes)

    @router.get("/waitlist/{wish}", response_model=WishResult, responses=errors(404))
    def show(wish: EntryId, asker: Asker = reading) -> Any:
        """One wish."""
        return _show_wish(api, asker, get_entry(api.site, wish))

    @router.delete("/waitlist/{wish}", response_model=WishResult, responses=errors(404, 409))
    def leave(
        wish: EntryId, reason: Annotated[FreeText, Query()] = "", asker: Asker = booking
    ) -> Any:
        """Take a wish off the list; what was on offer for it goes to the next."""
        asker.check_team(get_entry(api.site, wish).team)
        left = leave_waitlist(api.site, asker.viewer.actor, wish, reason=reason, now=api.now())
        return _show_wish(api, asker, left)

    return router


def offer_routes(api: Api) -> APIRouter:
    """Offers: seeing, accepting and declining."""
    router = APIRouter(tags=["waitlist"])
    reading, booking = needs(api, Scope.READ), needs(api, Scope.BOOK)

    @router.get("/offers", response_model=Page[OfferResult], responses=errors())
    def offers(
        *, mine: Mine = False, limit: Limit = 50, cursor: Cursor = None, asker: Asker = reading
    ) -> Any:
        """The offers that can be answered now, the one that expires first, first."""
        owner = asker.user if mine else None
        place = instant_place(cursor)
        found = open_offers(api.site, now=api.now(), owner=owner)
        behind = [offer for offer in found if place is None or _expiry(offer) > place]
        shown = _show_offers(api, asker, behind[:limit])
        if len(behind) <= limit:
            return page(shown, None)
        last = behind[limit - 1]
        return page(shown, cursor_of(last.expires_at.isoformat(), last.id))

    @router.post("/offers/{offer}/accept", response_model=BookingResult, responses=errors(404, 409))
    def accept(offer: OfferId, asker: Asker = booking) -> Any:
        """Turn an offer into a booking; accepting again gives the same booking."""
        asker.check_team(get_offer(api.site, offer).team)
        made = accept_offer(api.site, asker.viewer.actor, offer, now=api.now())
        return api.show(asker, made)

    @router.post("/offers/{offer}/decline", response_model=OfferResult, responses=errors(404, 409))
    def decline(offer: OfferId, body: Decline | None = None, asker: Asker = booking) -> Any:
        """Turn an offer down; the GPUs go to the next, and the wish waits on."""
        asker.check_team(get_offer(api.site, offer).team)
        leave = body is not None and body.leave
        done = decline_offer(api.site, asker.viewer.actor, offer, leave=leave, now=api.now())
        return _show_offers(api, asker, [done])[0]

    return router


def _place(entry: WaitlistEntry) -> tuple[int, str, int]:
    return int(entry.priority), entry.created_at.isoformat(), entry.id


def _expiry(offer: Offer) -> tuple[datetime, int]:
    return offer.expires_at, offer.id


def _join(
    api: Api, asker: Asker, wish: Wish, given: str | None
) -> tuple[WaitlistEntry, Sequence[Note]]:
    now, actor = api.now(), asker.viewer.actor
    key = RequestKey(actor, "wait", given, wish.model_dump(mode="json", exclude_unset=True))
    if (done := key.earlier(api.site)) is not None:
        return get_entry(api.site, done), ()
    request = read_wish(api, asker, wish, now)
    try:
        entry = join_waitlist(api.site, actor, request, now=now, key=key.receipt)
    except FreeAlready as free:
        as_booking = _as_booking(free)
        orders = [order_for(api.site.cluster, as_booking.shape, free.placement, as_booking)]
        raise to_problem(free, asker.reader, orders=orders) from free
    key.remember(api.site, now=now)
    return entry, request.notes


def _as_booking(free: FreeAlready) -> BookingRequest:
    wish = free.request
    window = free.placement.window
    return BookingRequest(
        wish.shape, window, wish.priority, wish.preemptible, wish.team, wish.purpose, job=wish.job
    )


def _show_wish(
    api: Api, asker: Asker, entry: WaitlistEntry, notes: Sequence[Note] = ()
) -> dict[str, Any]:
    (shown,) = _show_wishes(api, asker, [entry])
    return {**shown, "notes": [asker.reader.note(note) for note in notes]}


def _show_wishes(api: Api, asker: Asker, found: Sequence[WaitlistEntry]) -> list[dict[str, Any]]:
    names = names_of(api.site, (entry.owner for entry in found))
    return [_wish(api, asker, entry, names[entry.owner]) for entry in found]


def _wish(api: Api, asker: Asker, entry: WaitlistEntry, name: str) -> dict[str, Any]:
    shape = entry.shape
    return {
        "id": entry_label(entry.id),
        "number": entry.id,
        "owner": entry.owner,
        "owner_name": name,
        "team": entry.team,
        "kind": entry.kind,
        "gpus": shape.gpus,
        "node": shape.node,
        "model": shape.model,
        "spread": shape.spread,
        "length_s": int(entry.length.total_seconds()),
        "earliest": entry.earliest,
        "latest": entry.latest,
        "priority": entry.priority.name,
        "preemptible": entry.preemptible,
        "purpose": entry.purpose,
        "job": job_result(entry.job),
        "state": entry.state,
        "created_at": entry.created_at,
        "booking": None if entry.booking is None else booking_label(entry.booking),
        "may_change": _may_answer(api, asker, entry),
    }


def _show_offers(api: Api, asker: Asker, found: Sequence[Offer]) -> list[dict[str, Any]]:
    names = names_of(api.site, (offer.owner for offer in found))
    return [_offer(api, asker, offer, names[offer.owner]) for offer in found]


def _offer(api: Api, asker: Asker, offer: Offer, name: str) -> dict[str, Any]:
    return {
        "id": offer.id,
        "wish": entry_label(offer.entry),
        "owner": offer.owner,
        "owner_name": name,
        "team": offer.team,
        "start": offer.window.start,
        "end": offer.window.end,
        "shares": [(share.node, share.gpus) for share in offer.shares],
        "expires_at": offer.expires_at,
        "state": offer.state,
        "booking": None if offer.booking is None else booking_label(offer.booking),
        "may_answer": _may_answer(api, asker, offer),
    }


def _may_answer(api: Api, asker: Asker, wish: WaitlistEntry | Offer) -> bool:
    if not asker.viewer.in_bounds(wish.team):
        return False
    with suppress(NotAllowed):
        check_may_answer(api.site.cluster, asker.viewer.actor, wish)
        return True
    return False

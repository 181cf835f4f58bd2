"""What stands now for one's own bookings: `/api/v1/notices`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter

from bot.domain.access import Scope
from bot.domain.booking import Booking, booking_label
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.services.listing import open_offers, standing_preemptions
from bot.services.look import bookings_of
from bot.web.api.context import Api, Asker, errors, needs
from bot.web.api.paging import page
from bot.web.api.results import NoticeResult, Page

Json = dict[str, Any]


def notice_list_routes(api: Api) -> APIRouter:
    """Warnings, questions and offers for the one who asks."""
    router = APIRouter(tags=["notices"])
    reading = needs(api, Scope.READ)

    @router.get("/notices", response_model=Page[NoticeResult], responses=errors())
    def notices(asker: Asker = reading) -> Any:
        """What your bookings and wishes need you to know or answer now."""
        return page(list(_standing(api, asker, api.now())), None)

    return router


def _standing(api: Api, asker: Asker, now: datetime) -> Iterator[Json]:
    viewer, found = asker.viewer, bookings_of(api.site, asker.user, now=now)
    bookings = [booking for booking in found if viewer.in_bounds(booking.team)]
    preemptions = standing_preemptions(api.site, [booking.id for booking in bookings])
    yield from _about_bookings(api, bookings, preemptions)
    for offer in open_offers(api.site, now=now, owner=asker.user):
        if viewer.in_bounds(offer.team):
            yield _notice("offer", offer=offer.id, until=offer.expires_at)


def _about_bookings(
    api: Api, bookings: Sequence[Booking], preemptions: Mapping[int, Preemption]
) -> Iterator[Json]:
    for booking in bookings:
        label = booking_label(booking.id)
        if (preemption := preemptions.get(booking.id)) is not None:
            warned = preemption.state is PreemptionState.WARNED
            yield _notice(
                "warned" if warned else "moved",
                booking=label,
                until=preemption.reclaim_at if warned else None,
                reason=preemption.reason,
                by=booking_label(preemption.preemptor),
            )
        if booking.asked_at is not None:
            until = booking.asked_at + api.site.cluster.policy.no_show_after
            yield _notice("still_needed", booking=label, until=until)


def _notice(kind: str, **known: object) -> Json:
    empty = dict.fromkeys(("booking", "offer", "until", "reason", "by"))
    return {"kind": kind, **empty, **known}

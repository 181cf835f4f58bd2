"""Changing a booking: `POST /api/v1/bookings/{id}/cancel` and so on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from bot.domain.access import Scope
from bot.domain.actor import Actor
from bot.domain.booking import Booking
from bot.domain.conflict import Conflict
from bot.domain.lengths import parse_length
from bot.services.cancel import cancel
from bot.services.extend import ExtendConflict, extend
from bot.services.look import get_booking
from bot.services.move import move
from bot.services.release import release
from bot.services.request_keys import RequestKey
from bot.web.api.bookings import TAG, conflict_problem
from bot.web.api.context import Api, Asker, errors, needs
from bot.web.api.results import BookingResult, ConflictResult
from bot.web.api.schemas import Body, BookingId, Cancel, Extend, IdempotencyKey, Move, Release

#: Does the change with the key it is given.
Act = Callable[[Actor, str | None], Booking]


@dataclass(frozen=True, slots=True)
class Asked:
    """A change that somebody asks for."""

    api: Api
    asker: Asker
    verb: str
    booking: int
    body: Body
    key: str | None

    def do(self, act: Act) -> dict[str, Any]:
        """Do it once, within a token's bounds; the booking as it is then."""
        site, actor = self.api.site, self.asker.viewer.actor
        self.api.check_bounds(self.asker, self.booking)
        content = self.body.model_dump(mode="json")
        key = RequestKey(actor, self.verb, self.key, content, self.booking)
        if key.earlier(site) is not None:
            return self.api.show(self.asker, get_booking(site, self.booking))
        try:
            after = act(actor, key.receipt)
        except Conflict as conflict:
            more = {"longest_s": _longest(conflict)} if isinstance(conflict, ExtendConflict) else {}
            raise conflict_problem(self.api, self.asker, conflict, None, **more) from conflict
        key.remember(site, now=self.api.now())
        return self.api.show(self.asker, after)


def _longest(conflict: ExtendConflict) -> int:
    return int(conflict.longest.total_seconds())


def change_routes(api: Api) -> APIRouter:
    """Cancel, release, extend and move."""
    router = APIRouter(tags=[TAG])
    _add_giving_back(router, api)
    _add_rescheduling(router, api)
    return router


def _add_giving_back(router: APIRouter, api: Api) -> None:
    changing = needs(api, Scope.BOOK)
    answers: Any = {"response_model": BookingResult, "responses": errors(404, 409)}

    @router.post("/bookings/{booking}/cancel", **answers)
    def cancel_booking(
        booking: BookingId,
        body: Cancel | None = None,
        key: IdempotencyKey = None,
        asker: Asker = changing,
    ) -> Any:
        """Take a booking back before it starts; somebody else's needs a reason."""
        said, now = body or Cancel(), api.now()
        return Asked(api, asker, "cancel", booking, said, key).do(
            lambda who, k: cancel(api.site, who, booking, reason=said.reason, now=now, key=k)
        )

    @router.post("/bookings/{booking}/release", **answers)
    def release_booking(
        booking: BookingId,
        body: Release | None = None,
        key: IdempotencyKey = None,
        asker: Asker = changing,
    ) -> Any:
        """Give GPUs of a running booking back: all of them, or some."""
        said, now = body or Release(), api.now()
        return Asked(api, asker, "release", booking, said, key).do(
            lambda who, k: release(
                api.site, who, booking, gpus=said.gpus, reason=said.reason, now=now, key=k
            )
        )


def _add_rescheduling(router: APIRouter, api: Api) -> None:
    changing = needs(api, Scope.BOOK)
    clashes: Any = {
        "response_model": BookingResult,
        "responses": errors(404, conflict=ConflictResult),
    }

    @router.post("/bookings/{booking}/extend", **clashes)
    def extend_booking(
        booking: BookingId, body: Extend, key: IdempotencyKey = None, asker: Asker = changing
    ) -> Any:
        """Make a booking longer. 409 says in `longest_s` how much longer it could be."""
        length, now = parse_length(body.length), api.now()
        return Asked(api, asker, "extend", booking, body, key).do(
            lambda who, k: extend(
                api.site, who, booking, length, reason=body.reason, now=now, key=k
            )
        )

    @router.post("/bookings/{booking}/move", **clashes)
    def move_booking(
        booking: BookingId, body: Move, key: IdempotencyKey = None, asker: Asker = changing
    ) -> Any:
        """Move a booking that has not started; its length stays."""
        now = api.now()
        return Asked(api, asker, "move", booking, body, key).do(
            lambda who, k: move(
                api.site, who, booking, body.start, reason=body.reason, now=now, key=k
            )
        )

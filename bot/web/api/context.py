"""What every part of the API works with: who asks, and how bookings are shown to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from bot.domain.access import Scope
from bot.domain.booking import Booking
from bot.domain.notes import Note
from bot.services.look import get_booking
from bot.services.people import names_of
from bot.services.site import Site
from bot.web.access import VIA_PAGE, Access, Viewer
from bot.web.api.results import ProblemResult
from bot.web.api.showing import booking_result
from bot.web.plain import Plain, plain_for
from bot.web.problems import Problem

#: The name of tokens in the API's description.
SCHEME: Final = "token"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and the words and the zone in which they are answered."""

    viewer: Viewer
    reader: Plain

    @property
    def user(self) -> str:
        """Their user id; the API has no public side but the calendar."""
        return self.viewer.actor.name

    def own_team(self, asked: str | None) -> str | None:
        """The team that a request is for: a token's own, whatever is not asked for.

        Raises Problem 403 when a token asks for another team than its own.
        """
        bound = self.viewer.team
        if bound is not None and asked is not None and asked.casefold() != bound.casefold():
            raise other_team(bound)
        return asked if bound is None else bound

    def check_team(self, team: str) -> None:
        """Raise Problem 403 unless the token may touch what belongs to `team`."""
        if self.viewer.team is not None and team != self.viewer.team:
            raise other_team(self.viewer.team)


def other_team(bound: str) -> Problem:
    """The refusal of a token that is bound to another team."""
    return Problem(403, "team", f"This token works for team {bound} only.", team=bound)


@dataclass(frozen=True, slots=True)
class Api:
    """The site, who may ask, and the bot's clock."""

    site: Site
    access: Access
    now: Callable[[], datetime]

    def check_bounds(self, asker: Asker, booking_id: int) -> None:
        """Raise unless the token may touch that booking: NotFound, or Problem 403."""
        if asker.viewer.team is not None:
            asker.check_team(get_booking(self.site, booking_id).team)

    def show(self, asker: Asker, booking: Booking, notes: Sequence[Note] = ()) -> dict[str, Any]:
        """A booking as JSON."""
        (shown,) = self.show_all(asker, [booking])
        return {**shown, "notes": [asker.reader.note(note) for note in notes]}

    def show_all(self, asker: Asker, bookings: Iterable[Booking]) -> list[dict[str, Any]]:
        """Bookings as JSON; the names of their owners are read at once."""
        found = list(bookings)
        names = names_of(self.site, (booking.owner for booking in found))
        return [booking_result(self.site, b, names, asker.viewer) for b in found]


class Needs(SecurityBase):
    """A route's demand for a scope; gives the route its Asker."""

    def __init__(self, api: Api, scope: Scope) -> None:
        self.model = HTTPBearer(description="A token made by `/gpu token new NAME` in Slack.")
        self.scheme_name = SCHEME
        self._api, self._scope = api, scope

    def __call__(self, request: Request) -> Asker:
        """Who asks. Raises Problem 401 or 403 when they may not."""
        viewer = self._api.access.demand(request, self._scope)
        by_page = viewer.via == VIA_PAGE
        reader = plain_for(self._api.site, viewer.user, request, by_page=by_page)
        request.state.reader = reader
        return Asker(viewer, reader)


def needs(api: Api, scope: Scope) -> Any:
    """The default of a route's parameter that is the Asker, who has to have `scope`."""
    return Security(Needs(api, scope), scopes=[scope.value])


def errors(*statuses: int, **models: Any) -> dict[int | str, dict[str, Any]]:
    """How the errors of a route look in the API's description."""
    found = (401, 403, 422, 503, *statuses)
    return {status: _problem(models.get(f"s{status}", ProblemResult)) for status in found}


def _problem(model: Any) -> dict[str, Any]:
    return {"model": model}

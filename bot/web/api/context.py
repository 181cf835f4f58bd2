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
from bot.domain.zones import zone_named
from bot.locale import SOURCE
from bot.locale.places import is_month_first
from bot.services.look import get_booking
from bot.services.people import get_person, names_of
from bot.services.site import Site
from bot.web.access import Access, Viewer
from bot.web.api.results import ProblemResult
from bot.web.api.showing import booking_result
from bot.web.pages import accepted_language
from bot.web.plain import Plain
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
        if not self.viewer.in_bounds(team):
            raise other_team(self.viewer.team or "")


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
        reader = reader_of(self._api.site, viewer, request)
        request.state.reader = reader
        return Asker(viewer, reader)


def reader_of(site: Site, viewer: Viewer, request: Request) -> Plain:
    """Who asks as a reader: in their Slack zone, and on the page in the language of their Slack.

    A program reads English unless it asks for another language (`Accept-Language: zh`).
    """
    person = get_person(site, viewer.user) if viewer.user else None
    known = person if viewer.is_on_page else None
    return Plain(
        zone=(person and zone_named(person.zone_name)) or site.cluster.zone,
        locale=known.locale if known else accepted_language(request) or SOURCE,
        month_first=is_month_first(person.locale if person else site.cluster.language),
        name_of=lambda user: names_of(site, [user])[user],
    )


def needs(api: Api, scope: Scope) -> Any:
    """The default of a route's parameter that is the Asker, who has to have `scope`."""
    return Security(Needs(api, scope), scopes=[scope.value])


def errors(
    *statuses: int, conflict: type[ProblemResult] | None = None
) -> dict[int | str, dict[str, Any]]:
    """How the errors of a route look in the API's description; `conflict` is its 409's."""
    found: dict[int | str, dict[str, Any]] = {
        status: {"model": ProblemResult} for status in (401, 403, 422, 503, *statuses)
    }
    return found if conflict is None else {**found, 409: {"model": conflict}}

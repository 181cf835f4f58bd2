"""`GET /api/v1/calendar`: what the calendar page draws, as one JSON document.

Instants are epoch seconds. The public (where policy lets it look) gets neither people nor what
they wrote. An ETag spares the document when nothing has changed since.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from bot.domain.access import Scope
from bot.domain.drain import Drain
from bot.domain.preemption_notice import Preemption
from bot.domain.waitlist import Offer
from bot.domain.window import Window, on_wall_clock
from bot.services.changes import last_seq
from bot.services.people import names_of
from bot.services.recent_tracks import RecentTracks
from bot.services.site import Site
from bot.services.tracks import NodeTracks, Shown, Tracks
from bot.store.queries import LIVE
from bot.web.access import Access, Viewer
from bot.web.api.context import reader_of
from bot.web.api.schemas import with_plus
from bot.web.etags import etag_of, is_known
from bot.web.plain import Plain
from bot.web.problems import Problem

#: What is shown when nothing is asked for, and the most that is shown at once.
USUAL, LONGEST = timedelta(days=7), timedelta(days=100)

Json = dict[str, Any]


def calendar_routes(site: Site, access: Access, now: Callable[[], datetime]) -> APIRouter:
    """The route, over `site`; `now` is the bot's clock, aware UTC."""
    router, recent = APIRouter(prefix="/api/v1", tags=["calendar"]), RecentTracks(site)
    known = site.cluster, hash(repr(site.cluster))

    def configured() -> int:
        """Nodes, teams, colours and roles: they may change without an audit record."""
        nonlocal known
        if known[0] is not (cluster := site.cluster):
            known = cluster, hash(repr(cluster))
        return known[1]

    @router.get("/calendar")
    def calendar(
        request: Request,
        since: Annotated[str, Query(alias="from", description="ISO 8601")] = "",
        until: Annotated[str, Query(alias="to", description="ISO 8601")] = "",
        nodes: Annotated[str, Query(description="Names with commas between; all if empty")] = "",
    ) -> Response:
        """What holds which GPUs between two instants, at most 100 days apart."""
        viewer = access.demand(request, Scope.READ, public=True)
        window = asked_window(site, since, until, now())
        names = frozenset(name.strip() for name in nodes.split(",") if name.strip()) or None
        with site.database.snapshot() as connection:
            seq = last_seq(connection)
        # Once, before the rest: with what is learnt meanwhile, the tag is old and asked for anew.
        cluster, reader = configured(), reader_of(site, viewer, request)
        headers = {
            "ETag": _etag(cluster, seq, window, nodes, viewer, reader.locale),
            "Cache-Control": "private, no-cache",
        }
        if is_known(headers["ETag"], request.headers.get("If-None-Match", "")):
            return Response(status_code=304, headers=headers)
        found = recent.get(window, now=now(), nodes=names)
        headers["ETag"] = _etag(cluster, found.seq, window, nodes, viewer, reader.locale)
        content = calendar_json(site, viewer, reader, found)
        return Response(content, 200, headers, "application/json")

    return router


def asked_window(site: Site, since: str, until: str, now: datetime) -> Window:
    """The window between two instants in ISO 8601; without them, a week from today's midnight.

    An instant without an offset is read on the cluster's wall clock. Raises Problem 422.
    """
    zone = site.cluster.zone
    today = now.astimezone(zone).date()
    start = _instant(site, "from", since) if since else on_wall_clock(today, zone)
    try:
        end = _instant(site, "to", until) if until else start + USUAL
        window = Window(start, end)
    except (ValueError, OverflowError):
        detail = "“to” has to lie after “from”."
        raise Problem(422, "bad_input", detail, field="to") from None
    if window.length > LONGEST:
        detail = f"“from” and “to” may lie {LONGEST.days} days apart at most."
        raise Problem(422, "bad_input", detail, field="to")
    return window


def _instant(site: Site, name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(with_plus(text.strip()))
        found = found if found.tzinfo is not None else found.replace(tzinfo=site.cluster.zone)
        found.astimezone(UTC)
    except (ValueError, OverflowError):
        detail = f"“{name}” is an instant such as 2026-11-25T22:00+08:00, not “{text[:40]}”."
        raise Problem(422, "bad_input", detail, field=name) from None
    return found


def _etag(
    configured: int, seq: int, window: Window, nodes: str, viewer: Viewer, locale: str
) -> str:
    span = window.start.timestamp(), window.end.timestamp()
    who = viewer.user, sorted(viewer.scopes), viewer.team, locale
    return etag_of(repr((configured, seq, span, nodes, who)).encode())


def calendar_json(site: Site, viewer: Viewer, reader: Plain, found: Tracks) -> bytes:
    """The document for `viewer`, in the words of `reader`, who they are.

    Bars and bookings are written by hand: there are ten thousand of each on a large cluster, and
    building objects for the encoder would take several times as long.
    """
    knows = viewer.user is not None
    owners = {booking.owner for booking in found.bookings.values()}
    owners |= {offer.owner for offer in found.offers.values()}
    content = {
        "cluster": _cluster(site),
        "now": int(found.now.timestamp()),
        "from": int(found.window.start.timestamp()),
        "to": int(found.window.end.timestamp()),
        "seq": found.seq,
        "teams": _teams(site, viewer),
        "people": names_of(site, owners) if knows else {},
        "offers": {str(number): _offer(offer, knows) for number, offer in found.offers.items()},
        "holds": {
            str(number): {"preemptor": hold.preemptor, "preemptee": hold.preemptee}
            for number, hold in found.holds.items()
        },
    }
    nodes = ",".join([_node(node, reader if knows else None) for node in found.nodes])
    bookings = ",".join(_bookings(site, viewer, found))
    return f'{_dumps(content)[:-1]},"nodes":[{nodes}],"bookings":{{{bookings}}}}}'.encode()


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
#: For what comes up again and again, such as people, teams and the names of states.
_known = lru_cache(maxsize=20_000)(_dumps)


def _cluster(site: Site) -> Json:
    cluster = site.cluster
    return {
        "name": cluster.name,
        "zone": cluster.zone_name,
        "slot_s": int(cluster.policy.slot.total_seconds()),
        "horizon_s": int(cluster.policy.horizon.total_seconds()),
        # Lines lie a slot apart from here on, every day, on the wall clock of `zone`.
        "grid": "00:00",
    }


def _teams(site: Site, viewer: Viewer) -> list[Json]:
    user = viewer.user
    return [
        {"name": team.name, "color": team.color, "mine": user is not None and user in team}
        for team in site.cluster.teams
    ]


def _node(tracks: NodeTracks, reader: Plain | None) -> str:
    """`reader` None: somebody of the public."""
    node, drain = tracks.node, tracks.drain
    facts = {
        "name": node.name,
        "gpus": node.gpus,
        "model": node.model,
        "drain": None if drain is None else _drain(drain, reader),
    }
    bars = ",".join([
        f'{{"k":"{kind}","id":{holder},"s":{start},"e":{end},"g":{_known(gpus)}}}'
        for kind, holder, start, end, gpus in tracks.bars
    ])  # fmt: skip
    return f'{_dumps(facts)[:-1]},"bars":[{bars}]}}'


def _drain(drain: Drain, reader: Plain | None) -> Json:
    return {
        "id": drain.id,
        "s": int(drain.start.timestamp()),
        "e": None if drain.end is None else int(drain.end.timestamp()),
        "reason": "" if reader is None else drain.reason_in(reader.text),
    }


def _offer(offer: Offer, knows: bool) -> Json:  # noqa: FBT001 - like the others here
    return {
        "owner": offer.owner if knows else "",
        "team": offer.team,
        "expires": int(offer.expires_at.timestamp()),
        "entry": offer.entry,
    }


def _warning(told: Preemption, knows: bool) -> Json:  # noqa: FBT001
    at = int(told.reclaim_at.timestamp())
    return {"at": at, "by": told.preemptor, "reason": told.reason if knows else ""}


def _bookings(site: Site, viewer: Viewer, found: Tracks) -> list[str]:
    may_change, warned, mine = _who_may(site, viewer), found.warned, viewer.user
    knows = mine is not None
    shown = []
    for number, booking in found.bookings.items():
        told = _dumps(_warning(warned[number], knows)) if number in warned else "null"
        is_live = booking.state in LIVE
        shown.append(
            f'"{number}":{{{_facts(booking, knows)},"warned":{told},"job":null,'
            f'"may_change":{_bool(is_live and may_change(booking))},'
            f'"mine":{_bool(booking.owner == mine)}}}'
        )
    return shown


@lru_cache(maxsize=10_000)
def _facts(booking: Shown, knows: bool) -> str:  # noqa: FBT001
    """What is the same for everybody who may know it."""
    owner, purpose = (booking.owner, booking.purpose) if knows else ("", "")
    overrun = booking.overrun_from
    return (
        f'"owner":{_known(owner)},"team":{_known(booking.team)},"priority":{booking.priority},'
        f'"preemptible":{_bool(booking.preemptible)},"queued":{_bool(booking.queued)},'
        f'"purpose":{_dumps(purpose)},"state":"{booking.state}",'
        f'"s":{booking.start},"e":{booking.end},"gpus":{booking.gpus},'
        f'"nodes":{_known(booking.nodes)},'
        f'"overrun_from":{"null" if overrun is None else overrun}'
    )


def _bool(value: bool) -> str:  # noqa: FBT001
    return "true" if value else "false"


def _who_may(site: Site, viewer: Viewer) -> Callable[[Shown], bool]:
    """Whether the viewer may change a booking; the rule is asked once for bookings alike."""
    if Scope.BOOK not in viewer.scopes:
        return lambda _booking: False
    known: dict[tuple[str, str, str], bool] = {}

    def may(booking: Shown) -> bool:
        who = booking.owner, booking.team, booking.created_by
        if who not in known:
            known[who] = viewer.may_change(site.cluster, booking)
        return known[who]

    return may

"""A feed as an iCalendar: one event a booking, one for each time that a node is out of service."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from icalendar import Calendar, Event, vDuration

from bot.domain.booking import Booking, BookingState, booking_label
from bot.domain.cluster import Cluster
from bot.domain.drain import Drain, DrainState
from bot.domain.errors import N_
from bot.locale import translator
from bot.services.feed import Feed, FeedKind, Listed
from bot.services.links import calendar_path

PRODUCT = "-//gpubot//GPU bookings//EN"
#: How often a program should ask again.
REFRESH = timedelta(minutes=15)

#: How many events are kept as they were written, at about 500 bytes.
REMEMBERED = 20_000

#: Where a booking is in its life.
STATES = {
    BookingState.RESERVED: N_("reserved"),
    BookingState.ACTIVE: N_("running"),
    BookingState.ENDED: N_("ended"),
    BookingState.CANCELLED: N_("cancelled"),
    BookingState.PREEMPTED: N_("preempted"),
    BookingState.NO_SHOW: N_("released because nobody used it"),
}


def calendar_of(cluster: Cluster, address: str, feed: Feed, now: datetime) -> bytes:
    """The calendar as it is sent; `address` is where the page is, empty: nowhere."""
    words = _Words(feed.locale)
    head = _head(words, cluster, feed).to_ical().removesuffix(_END)
    place = (feed.installation, feed.locale, address)
    booked = [
        _booked(*place, one, cluster.models_of(one.booking.shares), _owner(feed, one.booking))
        for one in feed.listed
    ]
    outages = [_out_of_service(words, cluster, feed, drain, now) for drain in feed.drains]
    return b"".join([head, *booked, *outages, _END])


#: How a calendar ends; events stand before it.
_END = b"END:VCALENDAR\r\n"


def _head(words: _Words, cluster: Cluster, feed: Feed) -> Calendar:
    name = words.name(cluster, feed)
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("x-wr-timezone", cluster.zone_name)
    calendar.add("refresh-interval", vDuration(REFRESH), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH))
    return calendar


class _Words:
    """The sentences of a feed, in the language of the one who made it."""

    def __init__(self, locale: str) -> None:
        self._catalogue = translator(locale)

    def text(self, template: str, **fields: object) -> str:
        return self._catalogue.gettext(template).format(**fields)

    def name(self, cluster: Cluster, feed: Feed) -> str:
        if feed.target.kind is FeedKind.PERSON:
            return self.text(N_("My GPUs · {cluster}"), cluster=cluster.name)
        name = feed.target.name
        return self.text(N_("GPUs of {name} · {cluster}"), name=name, cluster=cluster.name)

    def about(self, booking: Booking, link: str) -> str:
        kind = N_("{priority}, preemptible") if booking.preemptible else N_("{priority}, firm")
        lines = [
            self.text(N_("Team: {team}"), team=booking.team),
            self.text(N_("Priority: {kind}"), kind=self.text(kind, priority=booking.priority.name)),
            self.text(N_("State: {state}"), state=self.text(STATES[booking.state])),
        ]
        if booking.purpose:
            lines.append(self.text(N_("Purpose: {purpose}"), purpose=booking.purpose))
        return "\n".join([*lines, *([link] if link else [])])


# Programs ask again and again for what has hardly changed, and writing an event takes a
# millisecond.
@lru_cache(maxsize=REMEMBERED)
def _booked(
    installation: str, locale: str, address: str, listed: Listed, held: str, owner: str
) -> bytes:
    booking, words = listed.booking, _Words(locale)
    label = booking_label(booking.id)
    link = address + calendar_path(booking=booking.id) if address else ""
    nodes = ", ".join(booking.nodes)
    summary = words.text(
        N_("{held} on {nodes} · {label} · {owner}"),
        held=held,
        nodes=nodes,
        label=label,
        owner=owner,
    )
    cancelled = booking.state is BookingState.CANCELLED
    uid = f"booking-{booking.id}@{installation}"
    event = _event(uid, booking.revision, listed.changed_at)
    event.add("dtstart", booking.window.start)
    # What a booking runs over is no promise.
    event.add("dtend", min(booking.overrun_from or booking.window.end, booking.window.end))
    event.add("created", booking.created_at)
    event.add("summary", summary)
    event.add("description", words.about(booking, link))
    event.add("location", nodes)
    event.add("categories", [booking.team])
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    if link:
        event.add("url", link)
    return bytes(event.to_ical())


def _owner(feed: Feed, booking: Booking) -> str:
    # Some parsers end a line at each of the characters that Python splits at.
    return " ".join(feed.names[booking.owner].split())


def _out_of_service(
    words: _Words, cluster: Cluster, feed: Feed, drain: Drain, now: datetime
) -> bytes:
    resumed = drain.state is DrainState.RESUMED
    changed = drain.end if resumed and drain.end is not None else drain.start
    event = _event(f"drain-{drain.id}@{feed.installation}", int(resumed), changed)
    event.add("dtstart", drain.start)
    event.add("dtend", drain.end or _nobody_knows_until(cluster, drain, now))
    event.add("summary", words.text(N_("{node} is out of service"), node=drain.node))
    event.add("description", drain.reason_in(words.text))
    event.add("location", drain.node)
    event.add("status", "CONFIRMED")
    return bytes(event.to_ical())


def _nobody_knows_until(cluster: Cluster, drain: Drain, now: datetime) -> datetime:
    """An end for what lasts until further notice: as far ahead as can be booked, by whole days."""
    days = (now - drain.start) // timedelta(days=1) + 1
    return drain.start + timedelta(days=days) + cluster.policy.horizon


def _event(uid: str, sequence: int, changed: datetime) -> Event:
    """What all events have; their ids never change."""
    event = Event()
    event.add("uid", uid)
    event.add("sequence", sequence)
    # Without a METHOD, DTSTAMP says the same as LAST-MODIFIED (RFC 5545, 3.8.7.2).
    event.add("dtstamp", changed)
    event.add("last-modified", changed)
    # Whoever booked GPUs is not busy themselves.
    event.add("transp", "TRANSPARENT")
    return event

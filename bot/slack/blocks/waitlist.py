"""The waitlist as people see it: wishes, places in the line, offers, and buttons to join it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.domain.booking import Booking, Placement
from bot.domain.cluster import Cluster, Notify
from bot.domain.errors import N_, UserId
from bot.domain.wait_request import WaitRequest
from bot.domain.waitlist import EntryState, Offer, WaitlistEntry, entry_label
from bot.slack import phrases
from bot.slack.blocks.build import actions, button, section
from bot.slack.context import Block
from bot.slack.ids import ActionId
from bot.slack.payload import pack_wish
from bot.slack.reader import Channel, Mrkdwn, Reader
from bot.slack.return_address import IN_LIST


def join_button(reader: Reader, wish: WaitRequest) -> Block:
    """Joins the waitlist with what could not be had."""
    return button(reader.plain("Join waitlist"), ActionId.JOIN_WAITLIST, pack_wish(wish))


def again_button(reader: Reader, wish: WaitRequest) -> Block:
    """Joins the waitlist once more with the same wish."""
    return button(reader.plain("Wait again"), ActionId.JOIN_WAITLIST, pack_wish(wish))


def line(reader: Reader, entry: WaitlistEntry, now: datetime) -> Mrkdwn:
    """A wish in one line: id, GPUs, length, and until when."""
    return reader.text(
        N_("*{label}* {what} for {length}, {span}"),
        label=entry_label(entry.id),
        what=phrases.shape(reader, entry.shape),
        length=entry.length,
        span=_span(reader, entry, now),
    )


def _span(reader: Reader, entry: WaitlistEntry, now: datetime) -> Mrkdwn:
    if entry.is_queued:
        return reader.text(N_("in the next gap"))
    if entry.earliest <= now:
        return reader.text(N_("by {latest}"), latest=entry.latest)
    return reader.text(
        N_("between {earliest} and {latest}"), earliest=entry.earliest, latest=entry.latest
    )


def about(reader: Reader, entry: WaitlistEntry) -> Mrkdwn:
    """The small print of a wish: priority, team, purpose or command."""
    kind = N_("{priority} · preemptible") if entry.preemptible else N_("{priority} · firm")
    return phrases.joined(
        reader.text(kind, priority=entry.priority),
        phrases.team(reader, entry.team),
        phrases.job(reader, entry.job) if not (entry.is_queued and entry.purpose) else Mrkdwn(""),
        command(reader, entry.purpose)
        if entry.is_queued
        else phrases.purpose(reader, entry.purpose),
    )


def command(reader: Reader, typed: str) -> Mrkdwn:
    """What a queue run will run, as code; empty when it was not said."""
    return reader.text("`{command}`", command=typed) if typed else Mrkdwn("")


def place_in_line(reader: Reader, place: int, of: int) -> Mrkdwn:
    """Where somebody stands, told to them: "You are 2nd of 5 in line."."""
    if of <= 1:
        return reader.text(N_("Nobody else is waiting."))
    # Languages without English ordinals use {number}.
    return reader.text(
        N_("You are {place} of {of} in line."), place=_ordinal(place), of=of, number=place
    )


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else endings.get(number % 10, 'th')}"


def what_next(reader: Reader, cluster: Cluster, entry: WaitlistEntry) -> Mrkdwn:
    """What becomes of a wish that waits, and what its owner will be asked."""
    if entry.is_queued and (entry.purpose or entry.job is not None):
        return reader.text(
            N_(
                "It begins by itself in the first gap that is long enough, and I tell you. "
                "It never delays a booking."
            )
        )
    asking = _asking(reader, cluster, entry)
    if not entry.is_queued:
        return reader.text(N_("When GPUs are freed, {asking}."), asking=asking)
    return reader.text(
        N_("In the first gap that is long enough, {asking}. It never delays a booking."),
        asking=asking,
    )


def _asking(reader: Reader, cluster: Cluster, entry: WaitlistEntry) -> Mrkdwn:
    """How an offer reaches its owner (policy `notify`)."""
    team, notify = cluster.team(entry.team), cluster.policy.notify
    if team is None or notify is Notify.DIRECT:
        where = N_("I hold them for you for {length} and ask you directly")
    elif notify is Notify.CHANNEL:
        where = N_("I hold them for you for {length} and ask you in {channel}")
    else:
        where = N_("I hold them for you for {length} and ask you in {channel} and directly")
    channel = Channel(team.channel) if team is not None else ""
    return reader.text(where, length=cluster.policy.offer_expires, channel=channel)


def entry_buttons(reader: Reader, entry: WaitlistEntry, *, in_list: bool = False) -> list[Block]:
    """Leave, and for windows Change."""
    value, place = str(entry.id), IN_LIST if in_list else ""
    leave = button(reader.plain("Leave the waitlist"), ActionId.WAIT_LEAVE + place, value)
    if entry.is_queued:
        return [leave]
    return [leave, button(reader.plain("Change…"), ActionId.WAIT_CHANGE + place, value)]


def offer_buttons(
    reader: Reader, offer: Offer, *, leave: bool = False, in_list: bool = False
) -> list[Block]:
    """Accept, decline, and for those who read it alone, leave the list."""
    value, place = str(offer.id), IN_LIST if in_list else ""
    buttons = [
        button(reader.plain("Accept"), ActionId.OFFER_ACCEPT + place, value, style="primary"),
        button(reader.plain("Decline"), ActionId.OFFER_DECLINE + place, value),
    ]
    if leave:
        caption = reader.plain("Leave the waitlist")
        buttons.append(button(caption, ActionId.OFFER_LEAVE + place, value))
    return buttons


def own_row(
    reader: Reader,
    cluster: Cluster,
    entry: WaitlistEntry,
    offer: Offer | None,
    place: tuple[int, int],
    now: datetime,
) -> list[Block]:
    """One's own wish in a list: its place, or what is on offer, and what can be done."""
    lines = [line(reader, entry, now), about(reader, entry)]
    if offer is None or not offer.is_open(now):
        lines.append(place_in_line(reader, *place))
        buttons = entry_buttons(reader, entry, in_list=True)
    else:
        lines.append(held_for_you(reader, cluster, offer, now))
        buttons = offer_buttons(reader, offer, leave=True, in_list=True)
    return [section("\n".join(lines)), actions(*buttons)]


def held_for_you(reader: Reader, cluster: Cluster, offer: Offer, now: datetime) -> Mrkdwn:
    """What is on offer to the reader, and how long it holds."""
    return reader.text(
        N_(":bell: {held}, {window}: held for you until {expires} ({left})."),
        held=phrases.held(reader, cluster, offer.shares),
        window=offer.window,
        expires=offer.expires_at,
        left=offer.expires_at - now,
    )


def place_among(entries: Sequence[WaitlistEntry], entry: WaitlistEntry) -> tuple[int, int]:
    """The place of a wish among all open ones in their order, from 1, and how long its line is.

    Wishes for windows and for gaps stand in lines of their own.
    """
    line_of = [other.id for other in entries if other.kind is entry.kind]
    return line_of.index(entry.id) + 1, len(line_of)


def whole_list(
    reader: Reader, entries: Sequence[WaitlistEntry], now: datetime, limit: int
) -> list[Mrkdwn]:
    """Everybody who waits, in the order in which they are served, one short line each."""
    lines = [
        _listed(reader, number, entry, now) for number, entry in enumerate(entries[:limit], start=1)
    ]
    more = len(entries) - limit
    if more > 0:
        lines.append(reader.text(N_("and {n} more"), n=more))
    return lines


def _listed(reader: Reader, number: int, entry: WaitlistEntry, now: datetime) -> Mrkdwn:
    offered = entry.state is EntryState.OFFERED
    template = (
        N_("{n}. {owner} · {line} · {priority} · has an offer")
        if offered
        else N_("{n}. {owner} · {line} · {priority} · since {since}")
    )
    return reader.text(
        template,
        n=number,
        owner=UserId(entry.owner),
        line=line(reader, entry, now),
        priority=entry.priority,
        since=entry.created_at,
    )


def runs_now(reader: Reader, cluster: Cluster, booking: Booking, now: datetime) -> Mrkdwn:
    """That a queue run has begun, and until when it has its GPUs; or that it is over."""
    if booking.is_over(now):
        return reader.text(N_("*{label}* is over."), label=phrases.label(booking))
    return reader.text(
        N_(":white_check_mark: *{label}* runs now: {held} until {end}."),
        label=phrases.label(booking),
        held=phrases.held(reader, cluster, booking.shares),
        end=booking.window.end,
    )


def found_already(reader: Reader, cluster: Cluster, found: Placement) -> Mrkdwn:
    """That there is no need to wait."""
    return reader.text(
        N_("There is no need to wait: {what} is free."),
        what=phrases.placement(reader, cluster, found),
    )

"""What to say when GPUs are taken: who has them, and what could be had instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain.booking import Priority, booking_label
from bot.domain.cluster import Cluster
from bot.domain.conflict import Alternative, AlternativeKind, Blocker
from bot.domain.errors import N_, UserId
from bot.domain.request import BookingRequest, WaitRequest
from bot.services.change import OPEN_END
from bot.slack import phrases
from bot.slack.blocks.build import actions, button, message
from bot.slack.blocks.waitlist import join_button
from bot.slack.context import Block, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import pack_requests
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.wishes import earlier, instead_of, whenever

#: One line for each way in which an alternative differs.
KINDS = {
    AlternativeKind.LATER: N_("• Later: {what}"),
    AlternativeKind.EARLIER: N_("• Earlier: {what}"),
    AlternativeKind.NODE: N_("• Another node: {what}"),
    AlternativeKind.FEWER: N_("• Fewer GPUs: {what}"),
    AlternativeKind.MODEL: N_("• Another model: {what}"),
    AlternativeKind.SPLIT: N_("• In two parts: {what}"),
}


def conflict_reply(
    reader: Reader,
    cluster: Cluster,
    request: BookingRequest,
    blockers: Sequence[Blocker],
    alternatives: Sequence[Alternative],
    now: datetime,
    more: Sequence[Block] = (),
) -> Reply:
    """Never only "no": who holds the GPUs, and buttons that book what is free near it.

    `more` are further buttons; the one to choose otherwise stays the last.
    """
    said = conflict_text(reader, cluster, request, blockers, alternatives)
    *buttons, other = offer_buttons(reader, cluster, request, alternatives, now)
    title = reader.plain("Not free")
    return message(said, actions(*buttons, *more, other), replace=True, title=title)


def conflict_text(
    reader: Reader,
    cluster: Cluster,
    request: BookingRequest,
    blockers: Sequence[Blocker],
    alternatives: Sequence[Alternative],
) -> Mrkdwn:
    """What is not free, how it was read and rounded, who has it, and what is free instead."""
    lines = [
        _taken(reader, request),
        *(reader.note(note) for note in request.notes),
        *(blocker(reader, b) for b in blockers),
        *offers(reader, cluster, alternatives),
    ]
    return Mrkdwn("\n".join(lines))


def _taken(reader: Reader, request: BookingRequest) -> Mrkdwn:
    """The first line: what is not free, and when."""
    return reader.many(
        "*{what} is not free* {window}.",
        "*{what} are not free* {window}.",
        request.shape.gpus,
        what=phrases.shape(reader, request.shape),
        window=request.window,
    )


def blocker(reader: Reader, held: Blocker) -> Mrkdwn:
    """Who holds GPUs, until when, and at which priority."""
    if held.held_until is not None:
        return _held(reader, held)
    if held.booking is None:
        return _drained(reader, held)
    return reader.text(
        N_("• {node}: *{label}* {owner} (team {team}) has {gpus} until {end}, {priority}"),
        node=held.node,
        label=booking_label(held.booking),
        owner=UserId(held.owner or ""),
        team=held.team or "–",
        gpus=reader.many_plain("{n} GPU", "{n} GPUs", held.gpus),
        end=held.window.end,
        priority=Priority(held.priority if held.priority is not None else Priority.P2),
    )


def _held(reader: Reader, held: Blocker) -> Mrkdwn:
    return reader.text(
        N_("• {node}: {gpus} are held for {owner} (team {team}) until {until}"),
        node=held.node,
        gpus=reader.many_plain("{n} GPU", "{n} GPUs", held.gpus),
        owner=UserId(held.owner or ""),
        team=held.team or "–",
        until=held.held_until,
    )


def _drained(reader: Reader, held: Blocker) -> Mrkdwn:
    because = phrases.because(reader, held.reason_in(reader.plain) or "")
    if held.window.end.timestamp() >= OPEN_END:
        return reader.text(
            N_("• {node} is out of service{because}"), node=held.node, because=because
        )
    return reader.text(
        N_("• {node} is out of service until {end}{because}"),
        node=held.node,
        end=held.window.end,
        because=because,
    )


def offers(reader: Reader, cluster: Cluster, found: Sequence[Alternative]) -> list[Mrkdwn]:
    """The alternatives, one line each, under a heading."""
    if not found:
        return [reader.text(N_("Nothing near it fits. Fewer GPUs or a shorter time may."))]
    lines = [reader.text(N_("Free instead:"))]
    for alternative in found:
        parts = [phrases.placement(reader, cluster, part) for part in alternative.parts]
        what = Mrkdwn(reader.text(N_(", then ")).join(parts))
        lines.append(reader.text(KINDS[alternative.kind], what=what))
    return lines


def offer_buttons(
    reader: Reader,
    cluster: Cluster,
    request: BookingRequest,
    found: Sequence[Alternative],
    now: datetime,
) -> list[Block]:
    """A button for each alternative, one to wait for what was asked, one to choose otherwise."""
    buttons = [
        button(
            _caption(reader, cluster, alternative, now),
            f"{ActionId.BOOK}:{i}",
            _value(request, alternative, now),
        )
        for i, alternative in enumerate(found)
    ]
    other = button(reader.plain("Change…"), ActionId.RESERVE, pack_requests([request]))
    return [*buttons, join_button(reader, _wish(request, found, cluster, now)), other]


def _wish(
    request: BookingRequest, found: Sequence[Alternative], cluster: Cluster, now: datetime
) -> WaitRequest:
    """What to wait for: the window that was asked for.

    One that begins now has lost its beginning as soon as anything in it is freed. Who asked for
    that waits for whatever comes before the window that could be booked later.
    """
    asked = instead_of(request, cluster.grid)
    if request.window.start > now:
        return asked
    soon = whenever(request, asked.length)
    later = [one.parts[0] for one in found if one.kind is AlternativeKind.LATER]
    return (earlier(soon, later[0], cluster.grid, now) or asked) if later else soon


def _value(request: BookingRequest, found: Alternative, now: datetime) -> str:
    at_once = found.parts[0].window.start <= now
    return pack_requests(as_requests(request, found), at_once=at_once)


def as_requests(request: BookingRequest, found: Alternative) -> list[BookingRequest]:
    """What to ask for, to get an alternative: one request a part."""
    return [
        replace(request, shape=found.shape, window=part.window, notes=()) for part in found.parts
    ]


def _caption(reader: Reader, cluster: Cluster, found: Alternative, now: datetime) -> str:
    shares = found.parts[0].shares
    what = phrases.gpus(cluster, shares)
    if found.kind is AlternativeKind.NODE:
        what = phrases.held(reader, cluster, shares)
    if len(found.parts) == 1:
        return phrases.book_caption(reader, what, found.parts[0].window.start, now)
    first, second = (part.window.start for part in found.parts)
    return reader.plain(
        N_("Book {what} at {first} and {second}"), what=what, first=first, second=second
    )

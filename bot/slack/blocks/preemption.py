"""Urgent work: the button that offers it, the preview of whose work would go, and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.booking import Booking, booking_label
from bot.domain.conflict import Blocker
from bot.domain.errors import N_, BookingError, UserId
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.domain.request import BookingRequest
from bot.services import look
from bot.services.preempt import Loss, Preempted, Preview, preview_preemption
from bot.slack import phrases
from bot.slack.blocks.bookings import give_up_form_button
from bot.slack.blocks.build import actions, button, message, section, sections
from bot.slack.context import Block, Call, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import pack, pack_requests
from bot.slack.reader import Mrkdwn

#: Bookings named one by one; of more only the number is said.
NAMED = 12


def preempt_button(call: Call, request: BookingRequest) -> list[Block]:
    """*Preempt…*, for those who may, where it would help."""
    if call.actor.name not in call.site.cluster.urgent:
        return []
    try:
        preview_preemption(call.site, call.actor, request, now=call.now)
    except BookingError:
        return []
    return [_button(call, request)]


def likely_preempt_button(
    call: Call, request: BookingRequest, blockers: Sequence[Blocker]
) -> list[Block]:
    """Like `preempt_button`, where it is asked too often to work out a plan each time."""
    lower = any(held.priority is not None and held.priority > 0 for held in blockers)
    if not lower or call.actor.name not in call.site.cluster.urgent:
        return []
    return [_button(call, request)]


def _button(call: Call, request: BookingRequest) -> Block:
    return button(
        call.reader.plain("Preempt…"), ActionId.PREEMPT, pack_asked(call, request), style="danger"
    )


def pack_asked(call: Call, request: BookingRequest) -> str:
    """The request as a value; what should begin at once goes on meaning it."""
    asked = replace(request, notes=())
    return pack_requests([asked], at_once=request.window.start <= call.now)


def plan_blocks(call: Call, preview: Preview) -> list[Block]:
    """What the asker would have from when, and whose work would go."""
    if not preview.losses:
        return [section(_free(call, preview))]
    lines = [_earliest_start(call, preview), _who_goes(call, preview)]
    lines += [_loss(call, preview, loss) for loss in preview.losses[:NAMED]]
    more = len(preview.losses) - NAMED
    if more > 0:
        lines.append(call.reader.text(N_("• and {n} more"), n=more))
    return list(sections(lines))


def _free(call: Call, preview: Preview) -> Mrkdwn:
    return call.reader.text(
        N_(":large_green_circle: That is free now: {what}. Nobody has to go."),
        what=phrases.placement(call.reader, call.site.cluster, preview.placement),
    )


def _earliest_start(call: Call, preview: Preview) -> Mrkdwn:
    reader, warning = call.reader, call.site.cluster.policy.warning
    what = phrases.placement(reader, call.site.cluster, preview.placement)
    if preview.reclaim_at is None:
        return reader.text(N_("You would have {what}."), what=what)
    return reader.text(
        N_("You would have {what}. Who works there now gets a warning, at least {warning} ahead."),
        what=what,
        warning=warning,
    )


def _who_goes(call: Call, preview: Preview) -> Mrkdwn:
    return call.reader.many(
        "*{n} booking would make room:*", "*{n} bookings would make room:*", len(preview.losses)
    )


def _loss(call: Call, preview: Preview, loss: Loss) -> Mrkdwn:
    reader, booking = call.reader, loss.booking
    return reader.text(
        N_("• *{label}* {owner} (team {team}), {held}, {what}"),
        label=phrases.label(booking),
        owner=UserId(booking.owner),
        team=booking.team,
        held=phrases.held(reader, call.site.cluster, booking.shares),
        what=_what_it_means(call, preview, loss),
    )


def _what_it_means(call: Call, preview: Preview, loss: Loss) -> Mrkdwn:
    """To one booking: the hours that would be cut off, or where it would lie instead."""
    reader, window = call.reader, loss.booking.window
    if loss.running:
        return reader.text(
            N_("until {end}: would stop at {at}; {hours} GPU-hours done so far"),
            end=window.end,
            at=reader.clock(preview.starts_at, call.now),
            hours=round(loss.gpu_hours, 1),
        )
    if loss.moves_to is None:
        return reader.text(N_("{window}: would be lost, nothing else fits"), window=window)
    nodes = phrases.nodes(reader, loss.moves_to.shares)
    if loss.moves_to.window == window:
        return reader.text(
            N_("not started: only moves to {nodes}, its time stays {window}"),
            nodes=nodes,
            window=window,
        )
    return reader.text(
        N_("not started: only moves, from {old} to {new} on {nodes}"),
        old=window.start,
        new=loss.moves_to.window.start,
        nodes=nodes,
    )


def preempted_reply(call: Call, done: Preempted) -> Reply:
    """To the preemptor: what they have from when, who was asked to leave, and how to undo it."""
    reader, booking = call.reader, done.booking
    lines = [
        reader.text(
            N_(":white_check_mark: Yours: {line}"),
            line=phrases.line(reader, call.site.cluster, booking),
        ),
        *(_asked_to_leave(call, preemption) for preemption in done.preemptions[:NAMED]),
        *_undo(call, booking),
    ]
    more = len(done.preemptions) - NAMED
    if more > 0:
        lines.insert(-1, reader.text(N_("• and {n} more"), n=more))
    buttons = [
        give_up_form_button(reader, booking, call.now),
        button(reader.plain("Show"), ActionId.SHOW, pack(booking.id)),
    ]
    return message("\n".join(lines), actions(*buttons), replace=True)


def _asked_to_leave(call: Call, preemption: Preemption) -> Mrkdwn:
    reader = call.reader
    preemptee = look.get_booking(call.site, preemption.preemptee)
    fields = {"label": booking_label(preemptee.id), "owner": UserId(preemptee.owner)}
    match preemption.state:
        case PreemptionState.WARNED:
            at = reader.clock(preemption.reclaim_at, call.now)
            return reader.text(
                N_("• *{label}* {owner} is warned and has until {at}"), **fields, at=at
            )
        case PreemptionState.MOVED if preemption.new_window is not None:
            new = preemption.new_window.start
            return reader.text(N_("• *{label}* {owner} moves to {new}"), **fields, new=new)
        case _:
            return reader.text(N_("• *{label}* {owner} loses it: nothing else fits"), **fields)


def _undo(call: Call, booking: Booking) -> list[Mrkdwn]:
    """Until when giving it up undoes everything."""
    if not booking.is_upcoming(call.now):
        return []
    before = call.reader.clock(booking.window.start, call.now)
    return [
        call.reader.text(
            N_("If you cancel it before {before}, everybody gets everything back."), before=before
        )
    ]

"""What owners are reminded of: that a booking starts, runs, ends; and whether it is needed at all.

The reminder is one living direct message a booking, which follows it through its life.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bot.domain.booking import Booking, BookingState, booking_label
from bot.domain.cluster import NoShow
from bot.domain.errors import N_, UserId
from bot.domain.overrun import allowance
from bot.domain.request import BookingRequest
from bot.domain.window import Window
from bot.services.look import get_booking
from bot.services.look_waiting import is_free, waiting_for
from bot.services.measured import idle_since
from bot.services.remind import AHEAD
from bot.services.site import Site
from bot.slack import phrases
from bot.slack.blocks.bookings import give_up_form_button
from bot.slack.blocks.build import actions, button, message
from bot.slack.blocks.waitlist import join_button
from bot.slack.context import Block, Message
from bot.slack.ids import ActionId
from bot.slack.payload import pack
from bot.slack.preemptions import time_left, warnings_of
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.wishes import instead_of

if TYPE_CHECKING:
    from bot.slack.announcements import Row


def reminder(row: Row, site: Site, now: datetime, reader: Reader) -> Message:
    """Where the booking is in its life, with what its owner may want to do about it then."""
    booking = get_booking(site, _number(row))
    if booking.is_over(now) or booking.owner != reader.user:
        return _short(site, booking, now, reader)
    if booking.is_upcoming(now):
        return _living(_before_start(site, booking, now, reader), _at_start(site, booking, reader))
    if warnings_of(site, [booking], now):
        return _living(_see_the_warning(site, booking, now, reader), [])
    if phrases.promised(booking).end - now <= AHEAD:
        said = _before_end(site, booking, now, reader)
        return _living(said, _at_end(site, booking, now, reader))
    return _living(_running(site, booking, reader), _while_running(booking, now, reader))


def idle(row: Row, site: Site, now: datetime, reader: Reader) -> Message:
    """The question whether a booking that nobody seems to use is needed, then what became of it."""
    booking = get_booking(site, _number(row))
    label, outcome = booking_label(booking.id), None
    if booking.state is BookingState.NO_SHOW:
        outcome = N_("*{label}* was released: nobody used it.")
    elif booking.is_over(now):
        answered = booking.asked_at is None
        outcome = N_("*{label}* has ended.") if answered else N_("*{label}* was given back.")
    elif booking.asked_at is None:
        outcome = N_("*{label}* is still needed, until {end}.")
    if outcome is not None:
        end = phrases.promised(booking).end
        return _living(reader.text(outcome, label=label, end=end), [])
    return _living(_question(site, booking, now, reader), _question_buttons(booking, reader))


def _number(row: Row) -> int:
    return int(row.subject.partition(":")[2])


def _living(text: str, buttons: list[Block]) -> Message:
    reply = message(text, actions(*buttons))
    return Message(reply.text, reply.blocks, living=True)


def _short(site: Site, booking: Booking, now: datetime, reader: Reader) -> Message:
    """What is left of a reminder that has nothing more to remind of."""
    state = reader.text(N_("it belongs to {owner} now"), owner=UserId(booking.owner))
    if booking.is_over(now):
        state = phrases.state(reader, booking, now)
    said = reader.text(
        N_("~{label} · {held}~ · {what}"),
        label=phrases.label(booking),
        held=phrases.held(reader, site.cluster, booking.shares),
        what=state,
    )
    return _living(said, [])


def _see_the_warning(site: Site, booking: Booking, now: datetime, reader: Reader) -> Mrkdwn:
    return reader.text(
        N_(
            "*{label}*: its GPUs, {held}, are needed for urgent work and are reclaimed at {at}. "
            "The warning about it has the buttons."
        ),
        label=phrases.label(booking),
        held=phrases.held(reader, site.cluster, booking.shares),
        at=reader.clock(booking.window.end, now),
    )


def _before_start(site: Site, booking: Booking, now: datetime, reader: Reader) -> Mrkdwn:
    return reader.text(
        N_("*{label}* starts {left}: {held}, {window}"),
        label=phrases.label(booking),
        left=time_left(reader, booking.window.start, now),
        held=phrases.held(reader, site.cluster, booking.shares),
        window=booking.window,
    )


def _at_start(site: Site, booking: Booking, reader: Reader) -> list[Block]:
    value = pack(booking.id)
    buttons = [
        button(reader.plain("Move…"), ActionId.MOVE, value),
        button(reader.plain("Cancel…"), ActionId.GIVE_UP_FORM, value),
    ]
    if site.cluster.policy.no_show is not NoShow.OFF and booking.used_at is None:
        caption = reader.plain("I will use it")
        buttons.append(button(caption, ActionId.STILL_NEEDED, value))
    return buttons


def _running(site: Site, booking: Booking, reader: Reader) -> Mrkdwn:
    said = reader.text(
        N_("*{label}* runs since {start}, until {end}: {held}"),
        label=phrases.label(booking),
        start=booking.window.start,
        end=phrases.promised(booking).end,
        held=phrases.held(reader, site.cluster, booking.shares),
    )
    return Mrkdwn("\n".join([said, *_where_to_run(booking, reader)]))


def _where_to_run(booking: Booking, reader: Reader) -> list[Mrkdwn]:
    """Which GPUs of which node, ready to be copied into a shell."""
    lines = [
        reader.many(
            "GPU {ids} of {node}: `CUDA_VISIBLE_DEVICES={exactly}`",
            "GPUs {ids} of {node}: `CUDA_VISIBLE_DEVICES={exactly}`",
            len(ids),
            ids=phrases.ranges(ids),
            node=node,
            exactly=",".join(str(number) for number in ids),
        )
        for node, ids in booking.gpu_ids[: phrases.NAMED_NODES]
    ]
    more = len(booking.gpu_ids) - phrases.NAMED_NODES
    if more > 0:
        lines.append(
            reader.many(
                "and {n} more node, with all its GPUs",
                "and {n} more nodes, with all their GPUs",
                more,
            )
        )
    return lines


def _while_running(booking: Booking, now: datetime, reader: Reader) -> list[Block]:
    extend = button(reader.plain("Extend…"), ActionId.EXTEND, pack(booking.id))
    return [give_up_form_button(reader, booking, now), extend]


def _before_end(site: Site, booking: Booking, now: datetime, reader: Reader) -> Mrkdwn:
    end = phrases.promised(booking).end
    if end <= now:
        return reader.text(
            N_(
                "*{label}* runs over since {end}. It may finish until {latest} at most, as long "
                "as nobody needs its GPUs."
            ),
            label=phrases.label(booking),
            end=end,
            latest=reader.clock(booking.window.end, now),
        )
    said = reader.text(
        N_("*{label}* ends {left}, at {end}: {held}"),
        label=phrases.label(booking),
        left=time_left(reader, end, now),
        end=reader.clock(end, now),
        held=phrases.held(reader, site.cluster, booking.shares),
    )
    return Mrkdwn("\n".join([said, *_about_overrun(site, booking, reader)]))


def _about_overrun(site: Site, booking: Booking, reader: Reader) -> list[Mrkdwn]:
    more = allowance(phrases.promised(booking).length, site.cluster.policy.overrun)
    if not more or booking.queued:
        return []
    said = N_("A run that is not done by then may go on for up to {length} while nobody needs it.")
    return [reader.text(said, length=more)]


def _at_end(site: Site, booking: Booking, now: datetime, reader: Reader) -> list[Block]:
    """One slot more if it is free, else the waitlist; and letting the run finish."""
    value, policy = pack(booking.id), site.cluster.policy
    buttons = [give_up_form_button(reader, booking, now)]
    if not booking.queued:
        buttons.insert(0, _extend_or_wait(site, booking, now, reader))
    if policy.overrun > 0 and not booking.queued and booking.overrun_from is None:
        buttons.append(button(reader.plain("Let my run finish"), ActionId.LET_FINISH, value))
    return buttons


def _extend_or_wait(site: Site, booking: Booking, now: datetime, reader: Reader) -> Block:
    """A slot more on the same GPUs, or the waitlist for as many of that kind."""
    slot, end = site.cluster.policy.slot, phrases.promised(booking).end
    following = Window(end, end + slot)
    if is_free(site, booking, following, now=now):
        caption = reader.plain(N_("Extend by {length}"), length=slot)
        return button(caption, ActionId.EXTEND_BY, pack(booking.id, slot), style="primary")
    request = BookingRequest(
        shape=booking.shape,
        window=following,
        priority=booking.priority,
        preemptible=booking.preemptible,
        team=booking.team,
        purpose=booking.purpose,
        job=booking.job,
        continues=None if booking.job is None else booking.id,
    )
    return join_button(reader, instead_of(request, site.cluster.grid))


def _question(site: Site, booking: Booking, now: datetime, reader: Reader) -> Mrkdwn:
    mine = reader.user == booking.owner
    said = N_("Is *{label}* still needed? Nobody seems to use its {gpus}.")
    if not mine:
        said = N_("{owner}: is *{label}* still needed? Nobody seems to use its {gpus}.")
    gpus = reader.many_plain("{n} GPU", "{n} GPUs", booking.gpus)
    where = phrases.nodes(reader, booking.shares)
    lines = [
        reader.text(
            said,
            owner=UserId(booking.owner),
            label=phrases.label(booking),
            gpus=reader.plain(N_("{what} on {where}"), what=gpus, where=where),
        ),
        *_idle_since(site, booking, now, reader),
        *_who_waits(site, booking, reader),
        *_deadline(site, booking, now, reader),
    ]
    return reader.sentences(*lines)


def _idle_since(site: Site, booking: Booking, now: datetime, reader: Reader) -> list[Mrkdwn]:
    """Since when its GPUs have been seen to idle, where that is measured."""
    since = idle_since(site, booking.id)
    if since is None:
        return []
    return [reader.text(N_("They have been idle since {since}."), since=reader.clock(since, now))]


def _who_waits(site: Site, booking: Booking, reader: Reader) -> list[Mrkdwn]:
    waiting = waiting_for(site, booking)
    if waiting == 0:
        return []
    return [
        reader.many(
            "{n} person is waiting for GPUs like these.",
            "{n} people are waiting for GPUs like these.",
            waiting,
        )
    ]


def _deadline(site: Site, booking: Booking, now: datetime, reader: Reader) -> list[Mrkdwn]:
    """When it is released if nobody answers."""
    if booking.asked_at is None:
        return []
    until = booking.asked_at + site.cluster.policy.no_show_after
    at = reader.clock(until, now)
    left = time_left(reader, until, now)
    return [reader.text(N_("Without an answer it is released at {at} ({left})."), at=at, left=left)]


def _question_buttons(booking: Booking, reader: Reader) -> list[Block]:
    value = pack(booking.id)
    needed = reader.plain("Yes, I need it")
    return [
        button(needed, ActionId.STILL_NEEDED, value, style="primary"),
        button(reader.plain("Release now"), ActionId.NOT_NEEDED, value),
    ]

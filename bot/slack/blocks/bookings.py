"""Bookings as people see them: rows, confirmations, and the card in the team's channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from bot.domain.booking import Booking
from bot.domain.cluster import Cluster
from bot.domain.drain import Drain
from bot.domain.errors import N_
from bot.domain.notes import Note
from bot.domain.preemption_notice import Preemption
from bot.slack import phrases
from bot.slack.blocks.build import (
    actions,
    button,
    context,
    message,
    option,
    overflow,
    section,
)
from bot.slack.context import Block, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import pack
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.return_address import IN_LIST

#: Whether a booking is upcoming, and whether it is running.
When = tuple[bool, bool]


def confirmation(
    reader: Reader,
    cluster: Cluster,
    bookings: Iterable[Booking],
    notes: Iterable[Note],
    now: datetime,
) -> Reply:
    """What the asker reads after booking, privately, with what they may want next."""
    booked = tuple(bookings)
    lines = [
        reader.many(
            ":white_check_mark: Booked.", ":white_check_mark: Booked, in {n} parts.", len(booked)
        )
    ]
    lines += [_booked_line(reader, cluster, booking) for booking in booked]
    lines += [reader.note(note) for note in notes]
    rows = [_next_steps(reader, booking, now, named=len(booked) > 1) for booking in booked]
    return message("\n".join(lines), *rows, replace=True)


def _booked_line(reader: Reader, cluster: Cluster, booking: Booking) -> Mrkdwn:
    return reader.text(
        N_("{line}\n{about}"),
        line=phrases.line(reader, cluster, booking),
        about=phrases.joined(
            phrases.kind(reader, booking),
            phrases.team(reader, booking.team),
            phrases.job(reader, booking.job),
            phrases.purpose(reader, booking.purpose),
        ),
    )


def _next_steps(reader: Reader, booking: Booking, now: datetime, *, named: bool) -> Block:
    """Extend, Transfer, Cancel; with the booking's id on them where there are several."""
    suffix = f" {phrases.label(booking)}" if named else ""
    return actions(
        button(reader.plain("Extend…") + suffix, ActionId.EXTEND, pack(booking.id)),
        button(reader.plain("Transfer…") + suffix, ActionId.TRANSFER, pack(booking.id)),
        give_up_form_button(reader, booking, now, suffix=suffix),
    )


def changed(reader: Reader, cluster: Cluster, said: str, booking: Booking, now: datetime) -> Reply:
    """What somebody reads after changing a booking: what was done, and how it stands now."""
    if booking.is_over(now):
        return message(said, replace=True)
    line = phrases.line(reader, cluster, booking)
    return message(f"{said}\n{line}", _next_steps(reader, booking, now, named=False), replace=True)


def row(
    reader: Reader,
    cluster: Cluster,
    booking: Booking,
    drains: Mapping[str, Drain],
    now: datetime,
    preemption: Preemption | None = None,
) -> tuple[Block, ...]:
    """One's own booking in a list, with everything that can be done with it.

    `preemption` is its latest as preemptee.
    """
    gpus = phrases.gpus(cluster, booking.shares)
    state = phrases.state(reader, booking, now, preemption)
    amiss = phrases.out_of_service(reader, booking, drains, now)
    return _row(reader, booking, gpus, state, amiss, _when(booking, now))


# A list is looked at again and again, and on most of its bookings nothing has changed.
@lru_cache(maxsize=4096)
def _row(
    reader: Reader, booking: Booking, gpus: str, state: Mrkdwn, amiss: Mrkdwn, when: When
) -> tuple[Block, ...]:
    about = phrases.joined(
        state,
        phrases.kind(reader, booking),
        amiss,
        phrases.job(reader, booking.job),
        phrases.purpose(reader, booking.purpose),
    )
    line = phrases.line_of(reader, booking, gpus)
    text = reader.text(N_("{line}\n{about}"), line=line, about=about)
    return (section(text), actions(*_buttons(reader, booking, when, in_list=True)))


def row_buttons(
    reader: Reader, booking: Booking, now: datetime, *, in_list: bool = True
) -> list[Block]:
    """Extend, Move (before the start), Transfer, Cancel or Release, Show."""
    return _buttons(reader, booking, _when(booking, now), in_list=in_list)


def _when(booking: Booking, now: datetime) -> When:
    return booking.is_upcoming(now), booking.is_running(now)


def _buttons(reader: Reader, booking: Booking, when: When, *, in_list: bool) -> list[Block]:
    value = pack(booking.id)
    return [{**made, "value": value} for made in _offered(reader, when, in_list)]


# They differ in what they are about and in nothing else.
@lru_cache(maxsize=512)
def _offered(reader: Reader, when: When, in_list: bool) -> tuple[Block, ...]:  # noqa: FBT001
    """These buttons, without what they are about."""
    is_upcoming, is_running = when
    place = IN_LIST if in_list else ""
    offered = (
        (True, N_("Extend…"), ActionId.EXTEND),
        (is_upcoming, N_("Move…"), ActionId.MOVE),
        (True, N_("Transfer…"), ActionId.TRANSFER),
        (True, N_("Release…") if is_running else N_("Cancel…"), ActionId.GIVE_UP_FORM),
        (in_list, N_("Show"), ActionId.SHOW),
    )
    return tuple(
        button(reader.plain(caption), action + place)
        for is_there, caption, action in offered
        if is_there
    )


def give_up_form_button(
    reader: Reader, booking: Booking, now: datetime, *, suffix: str = ""
) -> Block:
    """Cancel or release by a small form that has room for a reason."""
    running = booking.is_running(now)
    caption = reader.plain("Release…") if running else reader.plain("Cancel…")
    return button(caption + suffix, ActionId.GIVE_UP_FORM, pack(booking.id))


def card(
    reader: Reader,
    cluster: Cluster,
    booking: Booking,
    drains: Mapping[str, Drain],
    now: datetime,
    preemption: Preemption | None = None,
) -> Reply:
    """The living message about a booking in its team's channel; see `row` for `preemption`."""
    text = reader.text(
        N_("*{label}* · {owner} · *{gpus}* on {nodes}\n{window}"),
        label=phrases.label(booking),
        owner=phrases.person_in_bold(reader, booking.owner),
        gpus=phrases.gpus(cluster, booking.shares),
        nodes=phrases.where(reader, booking),
        window=phrases.promised(booking),
    )
    about = phrases.joined(
        phrases.state(reader, booking, now, preemption),
        phrases.kind(reader, booking),
        phrases.team(reader, booking.team),
        phrases.out_of_service(reader, booking, drains, now),
        phrases.job(reader, booking.job),
        phrases.purpose(reader, booking.purpose),
    )
    return message(text, context(about), _card_buttons(reader, booking, now))


def _card_buttons(reader: Reader, booking: Booking, now: datetime) -> Block:
    value = pack(booking.id)
    more = [option(reader.plain("Transfer…"), f"{ActionId.TRANSFER}:{value}")]
    if booking.is_upcoming(now):
        more.insert(0, option(reader.plain("Move…"), f"{ActionId.MOVE}:{value}"))
    return actions(
        button(reader.plain("Show"), ActionId.SHOW, value),
        button(reader.plain("Extend…"), ActionId.EXTEND, value),
        give_up_form_button(reader, booking, now),
        overflow(ActionId.MORE, more),
    )


def struck_card(reader: Reader, cluster: Cluster, booking: Booking, what_happened: str) -> Reply:
    """The card of a booking that is over: one short line."""
    text = reader.text(
        N_("~{label} · {owner} · {held}~ · {what}"),
        label=phrases.label(booking),
        owner=phrases.person(reader, booking.owner),
        held=phrases.held(reader, cluster, booking.shares),
        what=Mrkdwn(what_happened),
    )
    return message(text)

"""What the waitlist tells people: offers, and wishes that came to their end by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from bot.domain.booking import Booking
from bot.domain.errors import N_, UserId
from bot.domain.waitlist import (
    UNANSWERED_OFFERS,
    EntryState,
    Offer,
    OfferState,
    WaitlistEntry,
    entry_label,
)
from bot.domain.window import Window
from bot.services import look, look_waiting
from bot.services.site import Site
from bot.slack import phrases
from bot.slack.blocks.bookings import give_up_form_button
from bot.slack.blocks.build import actions, button, context, message
from bot.slack.blocks.waitlist import again_button, command, line, offer_buttons, runs_now
from bot.slack.context import Message, Reply
from bot.slack.ids import ActionId
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.wishes import again

if TYPE_CHECKING:
    from bot.slack.announcements import Row


def offer_message(row: Row, site: Site, now: datetime, reader: Reader) -> Message | None:
    """The living message about an offer: in the team's channel, and at the person it is for."""
    made = look_waiting.get_offer(site, _number(row))
    entry = look_waiting.get_entry(site, made.entry)
    if made.is_open(now):
        return _living(_open(site, reader, entry, made, now))
    say = _outcome_to_owner if reader.user else _outcome_to_channel
    return _living(message(say(site, reader, entry, made, now)))


def _open(site: Site, reader: Reader, entry: WaitlistEntry, made: Offer, now: datetime) -> Reply:
    """What is free, until when it is held, and the buttons; in a channel it calls the person."""
    said = _free_for_you(site, reader, entry, made)
    if not reader.user:
        said = reader.text(N_("{owner} {said}"), owner=UserId(made.owner), said=said)
    until = reader.text(
        N_("Held until {expires} ({left}); without an answer, the next in line may have it."),
        expires=made.expires_at,
        left=made.expires_at - now,
    )
    buttons = offer_buttons(reader, made, leave=bool(reader.user))
    wish = context(_wish(reader, entry, now))
    return message(f"{said}\n{until}", wish, actions(*buttons))


def _free_for_you(site: Site, reader: Reader, entry: WaitlistEntry, made: Offer) -> Mrkdwn:
    gpus, held = made.placement.gpus, phrases.held(reader, site.cluster, made.shares)
    if entry.is_queued:
        # What is held is longer than the run, so that it fits whenever it is accepted.
        return reader.many(
            "*{held}* is free for you, for {length} from when you accept.",
            "*{held}* are free for you, for {length} from when you accept.",
            gpus,
            held=held,
            length=entry.length,
        )
    return reader.many(
        "*{held}* is free for you: {window}.",
        "*{held}* are free for you: {window}.",
        gpus,
        held=held,
        window=made.window,
    )


def _wish(reader: Reader, entry: WaitlistEntry, now: datetime) -> Mrkdwn:
    """What was asked for, which the offer answers."""
    what = command(reader, entry.purpose) if entry.is_queued else Mrkdwn("")
    why = what or phrases.purpose(reader, entry.purpose)
    asked = reader.text(N_("Asked for: {line}"), line=line(reader, entry, now))
    return phrases.joined(asked, why)


def _outcome_to_channel(
    site: Site, reader: Reader, entry: WaitlistEntry, made: Offer, _now: datetime
) -> Mrkdwn:
    """One short line; it calls nobody, because it is over."""
    owner = phrases.person(reader, made.owner)
    held = phrases.held(reader, site.cluster, made.shares)
    if made.state is OfferState.ACCEPTED:
        return reader.text(
            N_("*{label}* · {owner} · {held}, {window} · accepted from the waitlist"),
            label=_booking(site, made),
            owner=owner,
            held=held,
            window=_granted(site, made),
        )
    return reader.text(
        N_("~{label} · {owner} · {held}~ · {what}"),
        label=entry_label(entry.id),
        owner=owner,
        held=held,
        what=reader.text(ENDS.get(made.state, EXPIRED), at=made.expires_at),
    )


EXPIRED = N_("nobody answered by {at}, so the next in line may have it")
#: What became of an offer, to those who only look on.
ENDS: Mapping[OfferState, str] = {
    OfferState.DECLINED: N_("declined"),
    OfferState.WITHDRAWN: N_("withdrawn: the wish was changed or given up"),
}


def _outcome_to_owner(
    site: Site, reader: Reader, entry: WaitlistEntry, made: Offer, now: datetime
) -> Mrkdwn:
    by_reader = made.answered_by in (None, reader.user)
    said = reader.text(
        (ANSWERED if by_reader else ANSWERED_BY).get(made.state, UNANSWERED),
        held=phrases.held(reader, site.cluster, made.shares),
        window=_granted(site, made),
        label=_booking(site, made),
        by=UserId(made.answered_by or made.owner),
        at=made.expires_at,
    )
    unserved = made.state in (OfferState.DECLINED, OfferState.EXPIRED)
    if not unserved or not entry.is_open or entry.is_past(now):
        return said
    stays = reader.text(N_("{label} waits on."), label=entry_label(entry.id))
    if made.state is OfferState.EXPIRED:
        stays = reader.text(
            N_("{label} waits on; after {n} offers in a row without an answer it leaves the list."),
            label=entry_label(entry.id),
            n=UNANSWERED_OFFERS,
        )
    return reader.sentences(said, stays)


UNANSWERED = N_("You did not answer by {at}, so the next in line may have {held}.")
#: What became of an offer, to its owner who answered it, or for whom somebody else did.
ANSWERED: Mapping[OfferState, str] = {
    OfferState.ACCEPTED: N_("You accepted: *{label}* {held}, {window}."),
    OfferState.DECLINED: N_("You declined {held}, {window}."),
    OfferState.WITHDRAWN: N_(
        "The offer of {held} was withdrawn: the wish was changed or given up."
    ),
}
ANSWERED_BY: Mapping[OfferState, str] = {
    OfferState.ACCEPTED: N_("{by} accepted for you: *{label}* {held}, {window}."),
    OfferState.DECLINED: N_("{by} declined {held}, {window}, for you."),
}


def _booking(site: Site, made: Offer) -> str:
    """The label of what the offer led to; empty when it led to nothing."""
    return "" if made.booking is None else phrases.label(look.get_booking(site, made.booking))


def _granted(site: Site, made: Offer) -> Window:
    """The window that was booked; a queue run is shorter than what was held for it."""
    if made.booking is None:
        return made.window
    return phrases.promised(look.get_booking(site, made.booking))


def entry_message(row: Row, site: Site, now: datetime, reader: Reader) -> Message | None:
    """A direct word about a wish that ended, or began to run, without its owner's doing."""
    found = look_waiting.get_entry(site, _number(row))
    tell = TELL.get(found.state)
    return None if tell is None else _plain(tell(site, reader, found, now))


def _began(site: Site, reader: Reader, found: WaitlistEntry, now: datetime) -> Reply:
    """A queue run began by itself."""
    booking: Booking = look.get_booking(site, found.booking or 0)
    said = runs_now(reader, site.cluster, booking, now)
    lines = [said, command(reader, booking.purpose)]
    show = button(reader.plain("Show"), ActionId.SHOW, str(booking.id))
    over = booking.is_over(now)
    release = [] if over else [give_up_form_button(reader, booking, now)]
    text = "\n".join(shown for shown in lines if shown)
    return message(text, actions(*release, show))


def _left(_site: Site, reader: Reader, found: WaitlistEntry, now: datetime) -> Reply:
    """Nobody answered its offers."""
    said = reader.text(
        N_(
            "I took {line} off the waitlist: {n} offers in a row were not answered, and others "
            "are waiting."
        ),
        line=line(reader, found, now),
        n=UNANSWERED_OFFERS,
    )
    wish = again(found, now)
    return message(said, actions(*([] if wish is None else [again_button(reader, wish)])))


def _expired(_site: Site, reader: Reader, found: WaitlistEntry, now: datetime) -> Reply:
    """Nothing was free in time, or nothing that its owner took."""
    was_offered = found.unanswered > 0 or found.not_before > found.earliest
    said = reader.text(
        OUT_OF_TIME if was_offered else NOTHING_FREE,
        line=line(reader, found, now),
    )
    other = button(reader.plain("Wait for GPUs…"), ActionId.WAIT)
    return message(said, actions(other))


NOTHING_FREE = N_("Nothing was free in time for {line}. It is off the waitlist; I am sorry.")
OUT_OF_TIME = N_("The time for {line} is over, so it is off the waitlist.")

TELL: Mapping[EntryState, Callable[[Site, Reader, WaitlistEntry, datetime], Reply]] = {
    EntryState.BOOKED: _began,
    EntryState.LEFT: _left,
    EntryState.EXPIRED: _expired,
}


def _number(row: Row) -> int:
    return int(row.subject.partition(":")[2])


def _living(reply: Reply) -> Message:
    return Message(reply.text, reply.blocks, living=True)


def _plain(reply: Reply) -> Message:
    return Message(reply.text, reply.blocks)

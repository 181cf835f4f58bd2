"""What a team's channel reads of its pipelines, besides the cards of what they booked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bot.domain.booking import booking_label
from bot.domain.errors import N_
from bot.domain.waitlist import WaitlistEntry, entry_label
from bot.services.look_waiting import get_entry
from bot.services.site import Site
from bot.slack import phrases
from bot.slack.blocks.build import actions, button, message
from bot.slack.blocks.waitlist import line
from bot.slack.context import Message, Reply
from bot.slack.ids import ActionId
from bot.slack.reader import Reader

if TYPE_CHECKING:
    from bot.slack.announcements import Row


def pipeline_waits(row: Row, site: Site, now: datetime, reader: Reader) -> Message | None:
    """The living message about a pipeline that waits because nothing was free in time."""
    entry = get_entry(site, int(row.subject.partition(":")[2]))
    shown = _waiting(entry, now, reader) if entry.is_open else _over(entry, reader)
    return Message(shown.text, shown.blocks, living=True)


def _waiting(entry: WaitlistEntry, now: datetime, reader: Reader) -> Reply:
    said = reader.text(
        N_(
            "Nothing is free in time for a pipeline, so it is on the waitlist: {line}\n{purpose}\n"
            "{owner} gets the offers."
        ),
        line=line(reader, entry, now),
        purpose=phrases.purpose(reader, entry.purpose),
        owner=phrases.person(reader, entry.owner),
    )
    leave = button(reader.plain("Leave the waitlist"), ActionId.WAIT_LEAVE, str(entry.id))
    return message(said, actions(leave))


def _over(entry: WaitlistEntry, reader: Reader) -> Reply:
    label = entry_label(entry.id)
    if entry.booking is None:
        return message(reader.text(N_("{label} is off the waitlist."), label=label))
    booking = booking_label(entry.booking)
    return message(reader.text(N_("{label} became *{booking}*."), label=label, booking=booking))

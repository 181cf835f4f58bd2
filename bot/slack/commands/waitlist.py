"""`/gpu waitlist`: one's own wishes with buttons, and the line as everybody sees it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.domain.booking import booking_label
from bot.domain.errors import N_, NotUnderstood, UserId
from bot.domain.waitlist import WaitlistEntry, entry_label
from bot.services.edit_waitlist import leave_waitlist
from bot.services.look_waiting import get_entry, open_offer_of
from bot.services.look_waiting import waitlist as everybody
from bot.services.site import Site
from bot.slack.blocks.build import actions, button, divider, message, outcome, sections, told
from bot.slack.blocks.waitlist import again_button, line, own_row, place_among, whole_list
from bot.slack.context import Block, Call, Press, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import unpack_id
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.registry import Group, action, verb
from bot.slack.wishes import again

#: One's own wishes that are shown with buttons, two blocks each; a message holds 50.
OWN_SHOWN = 12
#: Lines of the list; what is further back changes before its turn.
LISTED = 30


@verb(
    "waitlist",
    group=Group.BOOK,
    usage=["waitlist"],
    summary=N_("who waits for what; your place in the line"),
    examples=["waitlist"],
)
def waitlist(call: Call, text: str) -> Reply:
    """The asker's wishes, then everybody's in the order in which they are served."""
    if text:
        raise NotUnderstood(word=text, example="/gpu waitlist")
    reader, title = call.reader, call.reader.plain("Waitlist")
    join = actions(button(reader.plain("Wait for GPUs…"), ActionId.WAIT))
    entries = everybody(call.site)
    if not entries:
        return message(_nobody(call), join, title=title)
    lists = _lists(call, entries)
    own = own_rows(call.site, reader, entries, call.now)
    if not own:
        return told(lists[0], *sections(lists), join, title=title)
    said = reader.many("*You wait for {n} thing.*", "*You wait for {n} things.*", len(own))
    rows = [block for row in own[:OWN_SHOWN] for block in row]
    return message(said, *rows, divider(), *sections(lists), join, title=title)


def one_wish(call: Call, entry_id: int) -> Reply:
    """One wish with its place in the line; its owner gets the buttons as well."""
    reader, entry = call.reader, get_entry(call.site, entry_id)
    title = entry_label(entry.id)
    entries = everybody(call.site)
    if entry.id not in [other.id for other in entries]:
        said = reader.text(N_("{label} is off the waitlist."), label=title)
        booked = "" if entry.booking is None else booking_label(entry.booking)
        if booked:
            said = reader.text(N_("{label} became *{booking}*."), label=title, booking=booked)
        return message(said, title=title)
    if entry.owner == reader.user:
        (row,) = (row for row in own_rows(call.site, reader, [entry], call.now, entries))
        return told(title, *row, title=title)
    place, of = place_among(entries, entry)
    said = reader.text(
        N_("{line} · {owner} · place {place} of {of} in line"),
        line=line(reader, entry, call.now),
        owner=UserId(entry.owner),
        place=place,
        of=of,
    )
    return message(said, title=title)


def own_rows(
    site: Site,
    reader: Reader,
    entries: Sequence[WaitlistEntry],
    now: datetime,
    among: Sequence[WaitlistEntry] = (),
) -> list[list[Block]]:
    """The reader's own wishes among `entries`, each with what can be done.

    `among` is the whole list, where `entries` are only some of it.
    """
    return [
        own_row(
            reader,
            site.cluster,
            entry,
            open_offer_of(site, entry.id),
            place_among(among or entries, entry),
            now,
        )
        for entry in entries
        if entry.owner == reader.user
    ]


def _lists(call: Call, entries: Sequence[WaitlistEntry]) -> list[Mrkdwn]:
    """Everybody who waits: for windows, and for gaps, which are lines of their own."""
    lines = []
    for heading, queued in (
        (N_("*The waitlist, in the order in which it is served:*"), False),
        (N_("*Short work that waits for a gap:*"), True),
    ):
        queue = [entry for entry in entries if entry.is_queued is queued]
        if queue:
            lines.append(call.reader.text(heading))
            lines += whole_list(call.reader, queue, call.now, LISTED)
    return lines


def _nobody(call: Call) -> Mrkdwn:
    return call.reader.text(
        N_(
            "Nobody is waiting. When what you want is taken, `/gpu wait 4 20h by fri 18:00` "
            "puts you in line, and I hold GPUs for you as soon as they are freed."
        )
    )


@action(ActionId.WAIT_LEAVE)
def press_leave(press: Press) -> Reply:
    """Take a wish off the list."""
    entry = leave_waitlist(press.site, press.actor, unpack_id(press.value), now=press.now)
    return left(press, entry)


def left(call: Call, entry: WaitlistEntry) -> Reply:
    """That a wish is off the list, and the way back."""
    reader = call.reader
    said = reader.text(N_("{label} is off the waitlist."), label=entry_label(entry.id))
    wish = again(entry, call.now) if entry.owner == call.actor.name else None
    back = [] if wish is None else [again_button(reader, wish)]
    return outcome(message(said, actions(*back), replace=True), reader.plain("Waitlist"), said)

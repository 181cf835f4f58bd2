"""`/gpu mine`: one's own bookings, each with everything that can be done with it."""

from __future__ import annotations

from bot.domain.errors import N_, NotUnderstood
from bot.services.own_bookings import page_of_bookings
from bot.slack.blocks.bookings import row
from bot.slack.blocks.build import actions, button, message
from bot.slack.commands.subscribe import subscribe_button
from bot.slack.context import Call, Press, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import pack_page, unpack_page
from bot.slack.registry import Group, action, verb

#: Two blocks a booking leave room for the heading and the buttons within Slack's 50.
PER_PAGE = 10


@verb(
    "mine",
    group=Group.YOURS,
    usage=["mine"],
    summary=N_("your bookings, with buttons"),
    examples=["mine"],
)
def mine(call: Call, text: str) -> Reply:
    """The asker's bookings that are not over."""
    if text:
        raise NotUnderstood(word=text, example="/gpu mine")
    return mine_page(call, 0)


@action(ActionId.MINE_PAGE)
def press_page(press: Press) -> Reply:
    """Another page of one's bookings."""
    return mine_page(press, unpack_page(press.value)[0])


def mine_page(call: Call, page: int) -> Reply:
    """One page of the asker's bookings."""
    reader, title = call.reader, call.reader.plain("My bookings")
    found = page_of_bookings(call.site, call.actor.name, page, PER_PAGE, now=call.now)
    if not found.total:
        said = reader.text(N_("You have no bookings."))
        start = button(reader.plain("Reserve…"), ActionId.RESERVE, style="primary")
        free = button(reader.plain("What is free"), ActionId.RUN, "free")
        return message(said, actions(start, free), replace=True, title=title)
    page, pages, shown = found.number, found.pages, found.bookings
    said = reader.many("*You have {n} booking.*", "*You have {n} bookings.*", found.total)
    cluster = call.site.cluster
    rows = [
        block
        for b in shown
        for block in row(reader, cluster, b, found.drains, call.now, found.warned.get(b.id))
    ]
    turn = [
        button(
            reader.plain(N_("Page {n} of {pages}"), n=other + 1, pages=pages),
            f"{ActionId.MINE_PAGE}:{other}",
            pack_page(other),
        )
        for other in (page - 1, page + 1)
        if 0 <= other < pages
    ]
    more = [*turn, subscribe_button(reader)]
    return message(said, *rows, actions(*more), replace=True, title=title)

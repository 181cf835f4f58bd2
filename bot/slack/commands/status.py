"""`/gpu status`: who has what, as a picture, page by page."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.domain.errors import N_, InThePast
from bot.domain.request import parse_day_or_moment
from bot.domain.timephrase import Moment
from bot.domain.window import GRACE
from bot.services.look import status as node_status
from bot.slack.blocks.build import actions, button, context, sections, told
from bot.slack.blocks.picture import legend, node_lines, summary
from bot.slack.calendar_picture import calendar_picture, day_from
from bot.slack.context import Block, Call, Press, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import pack_page, unpack_page
from bot.slack.registry import Group, action, verb

#: Nodes on a page: what fits on a telephone without losing the thread.
NODES_PER_PAGE = 16


@verb(
    "status",
    group=Group.BOOK,
    usage=["status [WHEN]"],
    summary=N_("who has what now and next, node by node"),
    examples=["status", "status tomorrow 22:00", "status fri 9am"],
)
def status(call: Call, text: str) -> Reply:
    """The picture of all nodes, now or at another time."""
    if not text:
        return picture(call, 0, None)
    moment = parse_day_or_moment(
        text, now=call.now, zone=call.reader.zone, month_first=call.reader.month_first
    )
    return picture(call, 0, _to_come(call, moment))


def _to_come(call: Call, moment: Moment) -> datetime | None:
    """The instant to show, which must not have passed; None: now. Today means now."""
    today = call.now.astimezone(call.reader.zone).date()
    is_today = moment.is_day and moment.instant.astimezone(call.reader.zone).date() == today
    if is_today or abs(moment.instant - call.now) <= GRACE:
        return None
    if moment.instant < call.now:
        raise InThePast(start=moment.instant, now=call.now)
    return moment.instant


@action(ActionId.STATUS_PAGE)
def press_page(press: Press) -> Reply:
    """Another page of the picture, in place of the one before."""
    page, at = unpack_page(press.value)
    return picture(press, page, None if at is None or at <= press.now else at)


def picture(call: Call, page: int, at: datetime | None) -> Reply:
    """One page of nodes at `at` (None: now), with buttons to the others."""
    names = [node.name for node in call.site.cluster.nodes]
    pages = max(1, -(-len(names) // NODES_PER_PAGE))
    page = min(page, pages - 1)
    here = names[page * NODES_PER_PAGE :][:NODES_PER_PAGE]
    nodes = node_status(call.site, at=at or call.now, now=call.now, only=here)
    shown = [node for node in nodes if node.node.name in here]
    said = summary(call.reader, nodes, at)
    lines = [said, *node_lines(call.reader, shown, at or call.now)]
    reply = told(
        said,
        *sections(lines),
        context(legend(call.reader)),
        actions(*_buttons(call, page, pages, at)),
        replace=True,
        title=call.reader.plain("Status"),
    )
    day = day_from(call.site, at or call.now)
    drawn = calendar_picture(call.site, call.reader, day, now=call.now, nodes=here)
    return replace(reply, picture=drawn)


def _buttons(call: Call, page: int, pages: int, at: datetime | None) -> list[Block]:
    reader = call.reader
    buttons = []
    if page > 0:
        caption = reader.plain(N_("Page {n}"), n=page)
        buttons.append(button(caption, f"{ActionId.STATUS_PAGE}:0", pack_page(page - 1, at)))
    if page + 1 < pages:
        caption = reader.plain(N_("Page {n} of {pages}"), n=page + 2, pages=pages)
        buttons.append(button(caption, f"{ActionId.STATUS_PAGE}:1", pack_page(page + 1, at)))
    again = button(reader.plain("Refresh"), f"{ActionId.STATUS_PAGE}:2", pack_page(page, at))
    return [*buttons, again, button(reader.plain("Reserve…"), ActionId.RESERVE)]

"""The App Home: my bookings, those of my teams, what is free, and a button to reserve."""

from __future__ import annotations

from datetime import datetime

from bot.domain.booking import Booking
from bot.domain.cluster import Team
from bot.domain.errors import N_, UserId
from bot.services.look import bookings_of, drained_nodes, team_bookings
from bot.services.look import status as node_status
from bot.services.look_waiting import waitlist
from bot.services.site import Site
from bot.slack import phrases
from bot.slack.blocks.bookings import row
from bot.slack.blocks.build import VIEW_BLOCKS, actions, context, divider, header, section
from bot.slack.blocks.picture import summary
from bot.slack.commands.free import free_by_model, free_row
from bot.slack.commands.help import start_buttons
from bot.slack.commands.waitlist import own_rows
from bot.slack.context import Block, View
from bot.slack.preemptions import warnings_of
from bot.slack.reader import Reader

#: Bookings of one's own that are shown; `mine` has the others.
OWN_SHOWN = 15
TEAM_SHOWN = 8
WISHES_SHOWN = 5


def home_view(site: Site, reader: Reader, now: datetime) -> View:
    """The App Home of `reader`."""
    blocks = [
        header(site.cluster.name),
        actions(*start_buttons(reader)),
        *_mine(site, reader, now),
        *_waiting(site, reader, now),
        *_free(site, reader, now),
        *_teams(site, reader, now),
        *([] if reader.known else [context(phrases.unknown_zone(reader))]),
    ]
    return {"type": "home", "blocks": blocks[:VIEW_BLOCKS]}


def _mine(site: Site, reader: Reader, now: datetime) -> list[Block]:
    found = bookings_of(site, reader.user, now=now)
    heading = header(reader.plain("My bookings"))
    if not found:
        return [heading, section(reader.text(N_("You have no bookings.")))]
    drains, shown = drained_nodes(site), found[:OWN_SHOWN]
    warned = warnings_of(site, shown, now)
    rows = [
        block
        for b in shown
        for block in row(reader, site.cluster, b, drains, now, warned.get(b.id))
    ]
    left = len(found) - OWN_SHOWN
    if left > 0:
        rows.append(context(reader.text(N_("And {n} more: `/gpu mine`"), n=left)))
    return [heading, *rows]


def _waiting(site: Site, reader: Reader, now: datetime) -> list[Block]:
    """What the reader waits for, if anything, and what is on offer to them."""
    rows = own_rows(site, reader, waitlist(site), now)
    if not rows:
        return []
    shown = [block for row in rows[:WISHES_SHOWN] for block in row]
    left = len(rows) - WISHES_SHOWN
    if left > 0:
        shown.append(context(reader.text(N_("And {n} more: `/gpu waitlist`"), n=left)))
    return [header(reader.plain("You wait for")), *shown]


def _free(site: Site, reader: Reader, now: datetime) -> list[Block]:
    said = summary(reader, node_status(site, at=now, now=now, only=()), None)
    rows = [
        free_row(site, reader, asked, window, now, place=i)
        for i, (asked, window) in enumerate(free_by_model(site, now=now))
    ]
    return [divider(), header(reader.plain("Free GPUs")), section(said), *rows]


def _teams(site: Site, reader: Reader, now: datetime) -> list[Block]:
    blocks = [divider()]
    for team in site.cluster.teams_of(reader.user)[:3]:
        blocks += _team(site, reader, team, now)
    return blocks if len(blocks) > 1 else []


def _team(site: Site, reader: Reader, team: Team, now: datetime) -> list[Block]:
    found = team_bookings(site, team.name, now=now, limit=TEAM_SHOWN)
    heading = header(reader.plain(N_("Team {team}: running and next"), team=team.name))
    lines = [_line(site, reader, booking) for booking in found]
    none = reader.text(N_("Nothing is booked."))
    return [heading, section("\n".join(lines) or none)]


def _line(site: Site, reader: Reader, booking: Booking) -> str:
    return reader.text(
        N_("{line} {owner}"),
        line=phrases.line(reader, site.cluster, booking),
        owner=UserId(booking.owner),
    )

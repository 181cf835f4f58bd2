"""`/gpu calendar`: a day or a week as a picture, and the way to the page."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.domain.errors import N_
from bot.domain.request import parse_day_or_moment
from bot.domain.window import Window
from bot.services.links import calendar_link
from bot.slack import phrases
from bot.slack.blocks.build import actions, context, link_button, message
from bot.slack.calendar_picture import DAY, WEEK, calendar_picture, day_from, midnight
from bot.slack.commands.subscribe import subscribe_button
from bot.slack.context import Block, Call, Press, Reply
from bot.slack.ids import ActionId
from bot.slack.registry import Group, action, verb

DAY_EXAMPLE, WEEK_EXAMPLE = "/gpu calendar tomorrow", "/gpu calendar week next monday"
#: Ways to ask for a week, as the first word.
WEEK_WORDS = frozenset({"week", "周", "一周"})


@verb(
    "calendar",
    group=Group.LAB,
    usage=["calendar [WHEN]", "calendar week [WHEN]"],
    summary=N_("a day or a week as a picture, and a link to the page"),
    examples=["calendar", "calendar tomorrow", "calendar week"],
)
def calendar(call: Call, text: str) -> Reply:
    """The picture of a day from WHEN, or of a week, with a link to the same on the page."""
    window = asked_window(call, text)
    reader = call.reader
    picture = calendar_picture(call.site, reader, window, now=call.now)
    said = reader.text(N_("*Calendar of {cluster}*, {window}"), cluster=call.site.cluster.name,
                       window=window)  # fmt: skip
    summary = reader.text(N_("{text}"), text=picture.alt)
    reply = message(f"{said}\n{summary}", *link_to_page(call, window.start))
    return replace(reply, title=reader.plain("Calendar"), picture=picture)


def asked_window(call: Call, text: str) -> Window:
    """The day or week that is asked for; without a day, a day's length around now.

    Raises BookingError for words that are no time.
    """
    first, _, rest = text.partition(" ")
    is_week = first.casefold() in WEEK_WORDS
    asked = rest.strip() if is_week else text
    if not asked:
        if is_week:
            start = midnight(call.now, call.reader)
            return Window(start, start + WEEK)
        return day_from(call.site, call.now)
    moment = parse_day_or_moment(
        asked,
        now=call.now,
        zone=call.reader.zone,
        month_first=call.reader.month_first,
        example=WEEK_EXAMPLE if is_week else DAY_EXAMPLE,
    )
    start = midnight(moment.instant, call.reader) if moment.is_day else moment.instant
    return Window(start, start + (WEEK if is_week else DAY))


def link_to_page(call: Call, at: datetime) -> tuple[Block, ...]:
    """A button to the page, for the one who asks; nothing where gpubot has no address yet."""
    link = calendar_link(call.site, call.actor.name, now=call.now, at=at)
    if not link:
        return ()
    caption = call.reader.plain("Open the calendar")
    buttons = actions(link_button(caption, ActionId.OPEN_PAGE, link), subscribe_button(call.reader))
    note = phrases.link_note(call.reader, call.site)
    return (buttons, context(note)) if note else (buttons,)


@action(ActionId.OPEN_PAGE)
def press_open(_press: Press) -> Reply | None:
    """The browser opens the page; there is nothing else to do."""
    return None

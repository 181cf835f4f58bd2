"""`/gpu wait …`, and every button that joins the waitlist."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from bot.domain.errors import N_, InThePast, WindowTooSmall
from bot.domain.request import parse_wait
from bot.domain.wait_request import WaitRequest
from bot.services.join_waitlist import FreeAlready, join_waitlist
from bot.slack.blocks.build import message
from bot.slack.commands.wait_form import joined, no_need, open_form
from bot.slack.context import Call, Press, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import sketch_wish, unpack_wish
from bot.slack.registry import Group, action, verb
from bot.slack.wishes import first_wish, wish_draft, worded_wish

WAIT_USAGE = (
    "wait N LENGTH [from WHEN] [by WHEN] [p0|p1|p2] [on NODE] [model M] [spread] "
    '[preemptible|firm] [team T] ["purpose"]'
)


@verb(
    "wait",
    group=Group.BOOK,
    usage=["wait", WAIT_USAGE],
    summary=N_("join the waitlist; alone it opens a form"),
    examples=[
        "wait 4 20h by fri 18:00",
        "wait 4 20h",
        "wait 8 8h from tomorrow 22:00 by sat model A100",
    ],
    details=N_(
        "When GPUs are freed, the first in line whom they suit gets an offer, which holds them "
        "for a while. The line goes by priority, then by who came first. Without `from`, from "
        "now on; without `by`, it may start within a week."
    ),
)
def wait(call: Call, text: str) -> Reply | None:
    """Join the waitlist with what the words ask for; without words, open the form."""
    if not text:
        open_form(call, first_wish(call))
        return None
    wish = parse_wait(
        text,
        now=call.now,
        zone=call.reader.zone,
        cluster=call.site.cluster,
        month_first=call.reader.month_first,
    )
    return join(call, wish)


@action(ActionId.WAIT)
def press_wait(press: Press) -> None:
    """Open the form, filled in from the button's wish, or from words that it carries."""
    if (wish := sketch_wish(press.value)) is not None:
        open_form(press, wish_draft(wish, press.now))
    else:
        open_form(press, worded_wish(press, press.value) if press.value else first_wish(press))


@action(ActionId.JOIN_WAITLIST)
def press_join(press: Press) -> Reply | None:
    """Join with the button's wish; when too little of its time is left, ask until when."""
    try:
        wish = unpack_wish(press.value, now=press.now, cluster=press.site.cluster)
    except (InThePast, WindowTooSmall):
        sketched = sketch_wish(press.value)
        assert sketched is not None
        open_form(press, replace(wish_draft(sketched, press.now), latest=None))
        return None
    return join(press, wish, anew=True)


def join(call: Call, wish: WaitRequest, *, anew: bool = False) -> Reply:
    """Join the waitlist; what is free already is offered at once.

    With `anew` the call is a button that stays: once its wish is off the list, it joins again.
    """
    join_it = partial(join_waitlist, call.site, call.actor, wish, now=call.now)
    try:
        entry = join_it(key=call.key)
        while anew and not entry.is_open:
            entry = join_it(key=f"{call.key}:{entry.id}")
    except FreeAlready as free:
        said, buttons = no_need(call, free)
        return message(said, buttons, replace=True, title=call.reader.plain("Free already"))
    return joined(call, entry, wish.notes)

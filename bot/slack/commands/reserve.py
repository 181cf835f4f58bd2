"""`/gpu reserve …`, and every button that books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot.domain.conflict import Conflict
from bot.domain.errors import N_, InThePast
from bot.domain.request import BookingRequest, parse_reserve
from bot.domain.window import Window
from bot.services.conflict import conflict_over
from bot.services.reserve import reserve_all
from bot.slack.blocks.conflict import conflict_reply
from bot.slack.blocks.preemption import preempt_button
from bot.slack.commands.free import windows_instead
from bot.slack.commands.reserve_form import confirmed, open_form
from bot.slack.context import Call, Press, Reply
from bot.slack.draft import first_draft, worded_draft
from bot.slack.ids import ActionId
from bot.slack.payload import sketch, unpack_requests
from bot.slack.registry import Group, action, verb

RESERVE_USAGE = (
    "reserve N WHEN LENGTH [p0|p1|p2] [on NODE] [model M] [spread] [preemptible|firm] "
    '[team T] ["purpose"]'
)


@verb(
    "reserve",
    group=Group.BOOK,
    usage=[
        "reserve",
        RESERVE_USAGE,
    ],
    summary=N_("book GPUs; alone it opens a form"),
    examples=[
        "reserve 4 tomorrow 22:00 20h",
        'reserve 2 now 4h "baseline run"',
        "reserve 8 fri 9am until sat 18:00 model A100 p1",
        "reserve 6 tonight 12h spread",
        "reserve 1 22:00-06:00 on gpu-01",
    ],
    details=N_(
        "WHEN: `now`, `in 3h`, `tonight`, `tomorrow 22:00`, `fri 9am`, `12/1 10:00`, "
        "`2026-12-01 10:00`. LENGTH: `20h`, `1d12h`, `2 days`, or an end: `until fri 18:00`. "
        "Up to one node's GPUs lie on one node; more takes whole nodes, or `spread` any GPUs. "
        "Priorities: p2 research (the default, preemptible), p1 production, p0 urgent."
    ),
)
def reserve(call: Call, text: str) -> Reply | None:
    """Book what the words ask for; without words, open the form."""
    if not text:
        open_form(call)
        return None
    request = parse_reserve(
        text,
        now=call.now,
        zone=call.reader.zone,
        cluster=call.site.cluster,
        month_first=call.reader.month_first,
    )
    return book(call, [request])


@action(ActionId.RESERVE)
def press_reserve(press: Press) -> None:
    """Open the form, filled in from the button's request, or from words that it carries."""
    if found := sketch(press.value):
        open_form(press, first_draft(press, found[0]))
    else:
        open_form(press, worded_draft(press, press.value) if press.value else None)


@action(ActionId.BOOK)
def press_book(press: Press) -> Reply:
    """Book what the button offers, if it is still free; if its time has passed, offer another."""
    try:
        requests = unpack_requests(press.value, now=press.now, cluster=press.site.cluster)
    except InThePast:
        return windows_instead(press, sketch(press.value))
    return book(press, requests)


def book(call: Call, requests: Sequence[BookingRequest]) -> Reply:
    """Book all of `requests`; when they are taken, say by whom and what is free instead."""
    reader, cluster = call.reader, call.site.cluster
    try:
        booked = reserve_all(call.site, call.actor, requests, now=call.now, key=call.key)
    except Conflict as conflict:
        wanted, found = _whole(call, requests, conflict)
        return conflict_reply(
            reader, cluster, wanted, found.blockers, found.alternatives, call.now,
            more=preempt_button(call, wanted),
        )  # fmt: skip
    notes = [note for request in requests for note in request.notes]
    return confirmed(call, booked, notes)


def _whole(
    call: Call, requests: Sequence[BookingRequest], conflict: Conflict
) -> tuple[BookingRequest, Conflict]:
    """What was wanted in one piece, and what is in its way.

    When a split booking is no longer free, alternatives to one of its parts would be no help.
    """
    first = requests[0]
    if len(requests) == 1:
        return first, conflict
    length = sum((request.window.length for request in requests), timedelta())
    window = Window(first.window.start, first.window.start + length)
    wanted = replace(first, window=window, notes=())
    return wanted, conflict_over(call.site, call.actor, wanted, now=call.now)

"""`/gpu audit`: what happened, in the words of the audit chain."""

from __future__ import annotations

from bot.domain.booking import booking_label
from bot.domain.errors import N_
from bot.domain.request import parse_id_and_rest
from bot.services.look import get_booking, history
from bot.services.team_only import as_read_by
from bot.slack.blocks.build import sections, told
from bot.slack.blocks.history import dated
from bot.slack.context import Call, Reply
from bot.slack.registry import Group, verb


@verb(
    "audit",
    group=Group.LAB,
    usage=["audit [ID]"],
    summary=N_("the last changes, of one booking or of all"),
    examples=["audit", "audit B142"],
)
def audit(call: Call, text: str) -> Reply:
    """The last records, of one booking where it is named."""
    booking_id = None
    heading = call.reader.text(N_("*The last changes*"))
    if text:
        booking_id, _rest = parse_id_and_rest(text, "/gpu audit B142")
        get_booking(call.site, booking_id)
        heading = call.reader.text(N_("*Changes of {label}*"), label=booking_label(booking_id))
    found = history(call.site, booking_id)
    shown = (as_read_by(call.site.cluster, call.actor.name, record) for record in found)
    lines = [dated(call.reader, record) for record in shown]
    if not lines:
        lines = [call.reader.text(N_("Nothing has happened yet."))]
    return told(heading, *sections([heading, *lines]), title=call.reader.plain("History"))

"""The field for a reason, and when the rules want it filled in."""

from __future__ import annotations

from bot.domain.booking import Booking
from bot.domain.policy import LONGEST_REASON
from bot.slack.blocks import inputs
from bot.slack.context import Block, Call
from bot.slack.ids import BlockId


def reason_field(call: Call, booking: Booking | None, *, own_too: bool = False) -> list[Block]:
    """A reason: needed for somebody else's booking; for one's own asked only with `own_too`.

    `booking` None: one of the asker's own, to be chosen in the form.
    """
    own = booking is None or booking.owner == call.actor.name
    if own and not own_too:
        return []
    return [
        inputs.field(
            BlockId.REASON,
            call.reader.plain("Reason"),
            inputs.text(longest=LONGEST_REASON),
            optional=own,
            hint="" if own else call.reader.plain("Its owner will read it."),
        )
    ]


def plain_reason(call: Call) -> Block:
    """A reason that is always needed."""
    reason = inputs.text(longest=LONGEST_REASON)
    return inputs.field(BlockId.REASON, call.reader.plain("Reason"), reason)

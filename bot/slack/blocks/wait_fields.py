"""The fields of the forms to wait and to queue; most are those of the form to reserve."""

from __future__ import annotations

from bot.domain.wait_request import DEFAULT_WAIT
from bot.slack.blocks import inputs
from bot.slack.blocks.job_fields import job_fields
from bot.slack.blocks.reserve_fields import (
    LONGEST_PURPOSE,
    how_fields,
    model_field,
    node_field,
    team_field,
    where_fields,
)
from bot.slack.context import Block, Call
from bot.slack.draft import Draft
from bot.slack.ids import BlockId
from bot.slack.wishes import WishDraft


def wait_fields(call: Call, draft: WishDraft) -> list[Block]:
    """All fields of a wish, filled in from `draft`."""
    return [
        _count(call, draft),
        _length(call, draft),
        *_between(call, draft),
        *where_fields(call, draft, live=False),
        *how_fields(call, draft),
    ]


def queue_fields(call: Call, draft: Draft) -> list[Block]:
    """All fields of short work, filled in from `draft`, whose purpose is the command."""
    reader, slot = call.reader, call.site.cluster.policy.slot
    length = inputs.text(draft.length, placeholder="45m", longest=40)
    under = reader.plain("Less than {slot}, for example 45m.", slot=slot)
    command = inputs.text(draft.purpose, placeholder="python eval.py", longest=LONGEST_PURPOSE)
    by_itself = reader.plain("With a command it begins by itself; without one I ask you first.")
    return [
        _count(call, draft),
        inputs.field(BlockId.LENGTH, reader.plain("Length"), length, hint=under),
        inputs.field(
            BlockId.COMMAND, reader.plain("Command"), command, optional=True, hint=by_itself
        ),
        *(field for field in job_fields(call, draft.job) if field["block_id"] != BlockId.RUN),
        model_field(call, draft, live=False),
        node_field(call, draft, live=False),
        *team_field(call, draft),
    ]


def _count(call: Call, draft: Draft) -> Block:
    count = inputs.number(draft.gpus, lowest=1, highest=call.site.cluster.gpus)
    return inputs.field(BlockId.GPUS, call.reader.plain("How many GPUs"), count)


def _length(call: Call, draft: Draft) -> Block:
    reader, slot = call.reader, call.site.cluster.policy.slot
    length = inputs.text(draft.length, placeholder="20h", longest=40)
    hint = reader.plain("For example 20h, 1d12h, 2 days; rounded up to {slot} slots.", slot=slot)
    return inputs.field(BlockId.LENGTH, reader.plain("Length"), length, hint=hint)


def _between(call: Call, draft: WishDraft) -> list[Block]:
    """The earliest start and the latest end, both of which may stay open."""
    reader = call.reader
    from_now = reader.plain("Left empty, from now on.")
    week = reader.plain("Left empty, it may start within {length}.", length=DEFAULT_WAIT)
    return [
        inputs.field(
            BlockId.EARLIEST,
            reader.plain("Not before"),
            inputs.moment(draft.start),
            optional=True,
            hint=from_now,
        ),
        inputs.field(
            BlockId.LATEST,
            reader.plain("Over by"),
            inputs.moment(draft.latest),
            optional=True,
            hint=week,
        ),
    ]

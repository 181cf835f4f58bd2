"""Windows: forms to fill in, and windows that only tell something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.slack.blocks.build import VIEW_BLOCKS, plain, section
from bot.slack.context import Block, Call, Reply, View
from bot.slack.ids import BlockId, CallbackId
from bot.slack.return_address import to_metadata

#: Longest title, submit and close text.
CAPTION = 24
#: Properties of a shown window that may be sent back; Slack refuses the rest.
KEPT = ("type", "callback_id", "title", "submit", "close", "private_metadata")


def form(
    call: Call,
    callback: CallbackId,
    *,
    title: str,
    submit: str,
    blocks: Iterable[Block],
    data: Mapping[str, Any] | None = None,
) -> View:
    """A window with fields; `data` comes back with its submission."""
    return {
        "type": "modal",
        "callback_id": callback,
        "title": plain(title, CAPTION),
        "submit": plain(submit, CAPTION),
        "close": plain(call.reader.plain("Close"), CAPTION),
        "private_metadata": to_metadata(call, data or {}),
        "blocks": list(blocks)[:VIEW_BLOCKS],
    }


def told(call: Call, reply: Reply) -> View:
    """A window that shows a reply where no message can be sent to."""
    return {
        "type": "modal",
        "callback_id": CallbackId.TOLD,
        "title": plain(reply.title or call.reader.plain("Answer"), CAPTION),
        "close": plain(call.reader.plain("Close"), CAPTION),
        "private_metadata": to_metadata(call, {}),
        "blocks": list(reply.blocks or (section(reply.text),))[:VIEW_BLOCKS],
    }


def with_banner(view: Mapping[str, Any], *blocks: Block) -> View:
    """The same form again with `blocks` above its fields; what was filled in is kept.

    Slack keeps a field's input as long as its block_id and action_id stay the same.
    """
    banner = [{**block, "block_id": f"{BlockId.BANNER}:{i}"} for i, block in enumerate(blocks)]
    fields = [b for b in view["blocks"] if not b.get("block_id", "").startswith(BlockId.BANNER)]
    return {
        **{name: view[name] for name in KEPT if view.get(name)},
        "blocks": [*banner, *fields][:VIEW_BLOCKS],
    }


def banner_of(view: Mapping[str, Any]) -> list[Block]:
    """What `with_banner` put above the fields."""
    return [b for b in view["blocks"] if b.get("block_id", "").startswith(BlockId.BANNER)]


def has_field(view: Mapping[str, Any], block_id: str) -> bool:
    """Whether the form has an input with that block id."""
    return any(
        block.get("type") == "input" and block.get("block_id") == block_id
        for block in view.get("blocks", ())
    )

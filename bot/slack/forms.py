"""Reading what a form's fields hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.slack.context import Values
from bot.slack.ids import BlockId


def _element(values: Values, block: BlockId) -> Mapping[str, Any]:
    """The state of the block's only element; empty when the form has no such field."""
    return next(iter(values.get(block, {}).values()), {})


def typed(values: Values, block: BlockId) -> str:
    """What was typed, without space around it; empty when nothing was."""
    return (_element(values, block).get("value") or "").strip()


def chosen(values: Values, block: BlockId) -> str:
    """The value of the chosen option; empty when none is chosen."""
    return ((_element(values, block).get("selected_option")) or {}).get("value", "") or ""


def ticked(values: Values, block: BlockId) -> bool:
    """Whether the box is ticked."""
    return bool(_element(values, block).get("selected_options"))


def picked_person(values: Values, block: BlockId) -> str:
    """The chosen person's user id; empty when nobody is chosen."""
    return _element(values, block).get("selected_user") or ""


def picked_moment(values: Values, block: BlockId) -> datetime | None:
    """The picked instant, UTC; None when none was picked."""
    stamp = _element(values, block).get("selected_date_time")
    return None if stamp is None else datetime.fromtimestamp(int(stamp), UTC)


def whole_number(values: Values, block: BlockId) -> int | None:
    """The number typed; None when there is none, or it is not a whole number."""
    text = typed(values, block)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None

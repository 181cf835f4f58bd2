"""Where the outcome of a form belongs: the conversation in which the form was opened.

Slack sends no response_url with a submitted form, so a form carries the one of the command or
button that opened it in its private_metadata, which only Slack's servers hand back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.slack.context import Call, Form, Press

#: What private_metadata may hold.
METADATA = 3000
#: No id is larger, in any database.
LARGEST_ID = 2**31 - 1
#: How the action_id of a button ends that is one of a list: what it leads to must not take the
#: place of the whole list.
IN_LIST = ":row"


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """Where to answer. The sender checks that the address is one of Slack's before using it."""

    response_url: str | None
    #: Whether the answer may replace the message there (it was private to the one who pressed).
    replaceable: bool


def return_address(call: Call) -> ReturnAddress:
    """Where answers to `call` go: its own conversation, or the one its window came from."""
    view = call.view if isinstance(call, Form | Press) else None
    if view is None:
        in_list = isinstance(call, Press) and call.action_id.endswith(IN_LIST)
        return ReturnAddress(call.response_url, call.replaceable and not in_list)
    kept = metadata(view)
    url = kept.get("url")
    return ReturnAddress(url if isinstance(url, str) else None, bool(kept.get("replace")))


def metadata(view: Mapping[str, Any]) -> dict[str, Any]:
    """What a window carries; empty when it carries nothing of ours."""
    try:
        kept = json.loads(view.get("private_metadata") or "{}")
    except (ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}


def id_kept(kept: Mapping[str, Any], name: str) -> int | None:
    """The id that a window carries by that name; None: none that anything could have."""
    value = kept.get(name)
    return value if isinstance(value, int) and 0 < value <= LARGEST_ID else None


def to_metadata(call: Call, data: Mapping[str, Any]) -> str:
    """`data` and the return address of `call`, for a window's private_metadata."""
    address = return_address(call)
    kept = {**data, "url": address.response_url, "replace": address.replaceable}
    packed = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    if len(packed) <= METADATA:
        return packed
    return json.dumps({**data, "url": None, "replace": False}, separators=(",", ":"))

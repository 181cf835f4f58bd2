"""Buttons of the answers that a crowd got, pressed as Slack sends it, with what they carry."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from benchmarks.load import TRIGGERS

#: Actions that do something at once: book what was offered instead, extend as far as it goes, wait.
AT_ONCE = ("book", "extend_by", "join_waitlist")
#: Seconds for which the answer to a button is waited for.
PATIENCE_S = 10.0
POLL_S = 0.1

_TEAM = re.compile(r"U0T(\d\d)P\d\d")

#: A user → what that user was told so far in messages that only they see.
Told = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Button:
    """A button as it stands in a message."""

    action: str
    value: str

    @property
    def kind(self) -> str:
        """What it does; of several alike each has a number of its own behind that."""
        return self.action.partition(":")[0]


def buttons(answer: str) -> list[Button]:
    """The buttons of an answer to a command that do something at once."""
    blocks = json.loads(answer).get("blocks", ())
    elements = [element for block in blocks for element in block.get("elements", ())]
    found = (Button(one["action_id"], one["value"]) for one in elements if "value" in one)
    return [one for one in found if one.kind in AT_ONCE]


def press(user: str, pressed: Button) -> bytes:
    """The body of the press, which is like no other; it is answered in the team's channel."""
    team = _TEAM.fullmatch(user)
    assert team is not None
    channel = f"C0TEAM{team[1]}"
    payload = {
        "type": "block_actions", "user": {"id": user, "team_id": "T0"}, "team": {"id": "T0"},
        "api_app_id": "A0", "trigger_id": f"{time.time_ns()}.{next(TRIGGERS)}",
        "channel": {"id": channel, "name": channel.lower()},
        "container": {
            "type": "message", "message_ts": "1700000000.000100", "channel_id": channel,
            "is_ephemeral": True,
        },
        "actions": [{
            "type": "button", "action_id": pressed.action, "block_id": "b",
            "value": pressed.value, "action_ts": f"{time.time():.6f}",
        }],
    }  # fmt: skip
    return urlencode({"payload": json.dumps(payload)}).encode()


async def told_after(told: Told, user: str, before: int) -> str:
    """What `user` is told next, after so many messages; "" when that is nothing for long."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if len(found := told(user)) > before:
            return found[before]
        await asyncio.sleep(POLL_S)
    return ""

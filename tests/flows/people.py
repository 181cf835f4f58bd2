"""People of the demo's lab: what they type and press, and what they see."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from patience import PATIENCE_S

from bot.demo import Demo

ALICE, BOB, CHEN, GRACE = "U0ALICE", "U0BOB", "U0CHEN", "U0GRACE"
VISION, NLP, OPS = "C0VISION", "C0NLP", "C0OPS"


class Lab:
    """A running demo, and shorthands for what people do in it."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.slack = demo.sandbox
        self.site = demo.bot.site if demo.bot else None

    def types(self, user: str, text: str, channel: str = VISION) -> Any:
        """`/gpu text`; returns the one private message that answers it."""
        result = self.slack.command(user, channel, f"/gpu {text}")
        assert result.ok, result.error
        (answer,) = result.messages
        assert answer.ephemeral
        return answer

    def books(self, user: str, text: str, channel: str = VISION) -> tuple[str, Any]:
        """`/gpu reserve text`; returns the booking's label and the confirmation."""
        answer = self.types(user, f"reserve {text}", channel)
        label = re.search(r"\*(B\d+)\*", answer.text)
        assert label is not None, answer.text
        return label.group(1), answer

    def window(self, user: str, text: str) -> Any:
        """`/gpu text`, which opens a window."""
        result = self.slack.command(user, VISION, f"/gpu {text}")
        assert result.ok, result.error
        assert result.messages == []
        return self.slack.wait_for(lambda: self.slack.open_view(user))

    def card(self, label: str, channel: str = VISION) -> Any:
        """The living message of a booking, once it is there; there is never a second one."""
        found = self.slack.wait_for(lambda: self._cards(label, channel))
        assert len(found) == 1, [m.text for m in found]
        return found[0]

    def sees(self, what: Callable[[], Any]) -> Any:
        """Wait until something is so in the workspace."""
        return self.slack.wait_for(what, timeout=PATIENCE_S)

    def answers(self, user: str, channel: str = VISION) -> list[Any]:
        """What only `user` sees in a channel, oldest first."""
        return [m for m in self.slack.messages(channel, user) if m.ephemeral]

    def notices(self, user: str) -> list[str]:
        """Texts of the bot's direct messages to a user."""
        return [m.text for m in self.slack.direct_messages(user)]

    def bookings(self) -> int:
        """How many bookings there are, of any state."""
        with self.demo.bot.site.database.snapshot() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM booking").scalar_one()

    def _cards(self, label: str, channel: str) -> list[Any]:
        posts = self.slack.messages(channel, GRACE)
        return [m for m in posts if re.search(rf"\b{label}\b", m.text) and not m.ephemeral]


def captions(message: Any) -> list[str]:
    """What the buttons of a message say."""
    return [element["text"]["text"] for element in _buttons(message)]


def button(message: Any, caption: str) -> dict[str, str]:
    """The arguments of `click` for the first button that begins with `caption`."""
    found = next(b for b in _buttons(message) if b["text"]["text"].startswith(caption))
    named = {"action_id": found["action_id"]}
    return named | ({"value": found["value"]} if "value" in found else {})


def _buttons(message: Any) -> list[dict[str, Any]]:
    elements = [e for block in message.blocks for e in block.get("elements", ())]
    accessories = [block["accessory"] for block in message.blocks if "accessory" in block]
    return [e for e in (*elements, *accessories) if e.get("type") == "button"]

"""What people of the demo's lab are told about runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from people import ALICE, VISION, Lab
from runners.waiting import eventually


def thread(lab: Lab, label: str) -> str:
    """What the thread of a booking's card tells, oldest first."""
    posts = [m for m in lab.slack.messages(VISION, ALICE) if not m.ephemeral]
    card = next((m for m in posts if re.match(rf"[*~]{label}\b", m.text)), None)
    if card is None:
        return ""
    return "\n".join(message.text for message in lab.slack.thread(VISION, card.ts)[1:])


def tells(lab: Lab, label: str, *parts: str) -> None:
    """Wait, with the bot at work, until the thread tells all of that in this order."""
    pattern = ".*".join(map(re.escape, parts))

    def told() -> bool:
        lab.demo.bot.run_ticks()
        return re.search(pattern, thread(lab, label), re.S) is not None

    eventually(told, lambda: f"{parts} not in:\n{thread(lab, label)}")


def booked(lab: Lab, user: str) -> set[str]:
    """The bookings that somebody was told they have."""
    messages = [*lab.answers(user), *lab.slack.direct_messages(user)]
    return {found for m in messages if "Booked" in m.text for found in re.findall(r"B\d+", m.text)}


def direct(lab: Lab, user: str, text: str) -> Any:
    """The direct message to `user` that says `text`."""

    def found() -> Any:
        return next((m for m in lab.slack.direct_messages(user) if text in m.text), None)

    return eventually(found, lambda: str([m.text for m in lab.slack.direct_messages(user)]))


def kept_log(lab: Lab, label: str) -> str:
    """The log of a booking's first run, once it is archived."""
    folder = Path(lab.demo.folder) / "logs" / f"gpubot-{label.lower()}-1"
    return (folder / "worker-0.log").read_text()

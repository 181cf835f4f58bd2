"""A training from the words that book it to the log that is left of it, in the embedded Slack."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from people import ALICE, BOB, VISION, Lab, button
from runners.waiting import eventually

MINUTE = timedelta(minutes=1)


@pytest.fixture
def lab(lab_over_http: Lab) -> Lab:
    return lab_over_http


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
    return lab.sees(
        lambda: next((m for m in lab.slack.direct_messages(user) if text in m.text), None)
    )


def test_a_training_is_preempted_saves_its_work_and_goes_on_in_a_new_booking(lab: Lab) -> None:
    label, _ = lab.books(BOB, "4 now 4h on gpu-03 job demo-train epochs=40 seconds=0.2")
    tells(lab, label, "Its run began")

    preview = lab.types(ALICE, "reserve 4 now 2h on gpu-03 p0")
    lab.slack.click(ALICE, preview, **button(preview, "Preempt"))
    form = lab.slack.wait_for(lambda: lab.slack.open_view(ALICE))
    assert lab.slack.submit(ALICE, form, {"reason": "customer demo"}).ok
    tells(lab, label, "Its run was told to save a checkpoint", "Its run saved a checkpoint")

    warning = direct(lab, BOB, "will be reclaimed")
    lab.slack.click(BOB, warning, **button(warning, "Book me again"))
    again = lab.sees(lambda: booked(lab, BOB) - {label}).pop()
    lab.demo.clock.shift(31 * MINUTE)
    tells(lab, label, "Its GPUs were reclaimed", "Its run was stopped", "last checkpoint", "kept")

    lab.demo.clock.shift(timedelta(hours=4))
    tells(lab, again, "Its run began", "Its run finished", "kept")
    done = direct(lab, BOB, f"{again}*: its run finished")
    log = httpx.get(button_url(done, "Log"))
    assert log.status_code in (200, 401, 403)
    assert "resumed after epoch" in archived(lab, again)


def button_url(message: Any, caption: str) -> str:
    elements = [e for block in message.blocks for e in block.get("elements", ())]
    return next(e["url"] for e in elements if e.get("text", {}).get("text") == caption)


def archived(lab: Lab, label: str) -> str:
    folder = Path(lab.demo.folder) / "logs" / f"gpubot-{label.lower()}-1"
    return (folder / "worker-0.log").read_text()


def test_a_training_that_fails_says_why_and_runs_again_by_a_press(lab: Lab) -> None:
    label, _ = lab.books(BOB, "1 now 4h on gpu-03 job demo-train epochs=3 seconds=0 fail=2")
    tells(lab, label, "Its run failed", "loss is nan")
    failed = direct(lab, BOB, f"{label}*: its run failed")
    lab.slack.click(BOB, failed, **button(failed, "Run it again"))
    tells(lab, label, "had its job started again", "Its run failed")

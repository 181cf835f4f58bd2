"""One file a verb: its text, its forms and its buttons."""

from __future__ import annotations

from importlib import import_module

from bot.slack.registry import VERBS

#: Every module that registers something.
MODULES = (
    "reserve", "reserve_form", "free", "status", "mine", "show", "extend", "move", "give_up",
    "transfer", "node", "audit", "help", "wait", "wait_form", "waitlist", "queue", "offers",
    "preempt", "reclaim", "still_needed", "report", "token", "subscribe", "calendar", "job",
    "runs",
)  # fmt: skip

#: The order in which help lists the verbs.
ORDER = (
    "reserve", "free", "wait", "waitlist", "queue", "status", "calendar", "mine", "show", "extend",
    "move", "cancel", "release", "transfer", "job", "node", "report", "audit", "token", "help",
)  # fmt: skip


def load() -> None:
    """Import every verb, which registers it, and put them in order."""
    for name in MODULES:
        import_module(f"{__name__}.{name}")
    for name in ORDER:
        VERBS[name] = VERBS.pop(name)

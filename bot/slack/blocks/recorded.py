"""What a record of the audit holds, read: windows, nodes, what was before and after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.domain.errors import N_
from bot.domain.window import Window
from bot.services.record import AuditRecord
from bot.slack.reader import Mrkdwn, Reader


def window_of(state: Mapping[str, Any]) -> Window:
    """The window of a booking as a record keeps it."""
    return Window(instant(state["start"]), instant(state["end"]))


def both(record: AuditRecord) -> tuple[dict[str, Any], dict[str, Any]]:
    """What it was and what it became; empty where there is none."""
    return record.before or {}, record.after or {}


def instant(text: str) -> datetime:
    """An instant as a record keeps it."""
    return datetime.fromisoformat(text)


def nodes_of(state: Mapping[str, Any]) -> str:
    """The nodes of a booking, as a record keeps it."""
    return ", ".join(node for node, _ in state.get("shares", ()))


def new_place(reader: Reader, before: Mapping[str, Any], after: Mapping[str, Any]) -> Mrkdwn:
    """Where it is now, if it went elsewhere; else nothing."""
    if before["shares"] == after["shares"]:
        return Mrkdwn("")
    return reader.text(N_(", now on {nodes}"), nodes=nodes_of(after))

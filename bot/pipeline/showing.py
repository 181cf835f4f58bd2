"""A booking as programs and people read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.pipeline.client import Failed, Json


def as_lines(booking: Json) -> str:
    """A booking as a shell, `$GITHUB_ENV` and dotenv files read it."""
    lines = {
        "GPU_BOOKING": booking["id"],
        "GPU_NODES": ",".join(node for node, _ in booking["shares"]),
        "GPU_START": booking["start"],
        "GPU_END": booking["end"],
    }
    if booking["gpu_ids"]:
        lines["GPU_IDS"] = "+".join(f"{node}:{_ids(ids)}" for node, ids in booking["gpu_ids"])
    if devices := cuda_visible_devices(booking):
        lines["CUDA_VISIBLE_DEVICES"] = devices
    return "\n".join(f"{name}={value}" for name, value in lines.items())


def as_json(booking: Json) -> str:
    """A booking as the API has it, with what CUDA wants to know."""
    more = {"cuda_visible_devices": cuda_visible_devices(booking)}
    return json.dumps({**booking, **more}, ensure_ascii=False)


def failed_as_json(error: Failed) -> str:
    """What went wrong, for programs."""
    told = {"exit": int(error.code), "error": str(error), "problem": error.problem}
    return json.dumps(told, ensure_ascii=False)


def cuda_visible_devices(booking: Json) -> str | None:
    """Its GPUs' numbers, where they are settled and the same on all of its nodes."""
    found = {_ids(ids) for _, ids in booking["gpu_ids"]}
    return found.pop() if len(found) == 1 else None


def nearest(problem: Json) -> list[str]:
    """The windows near what was asked for that are free, a line each."""
    return [
        f"{one['gpus']} GPUs: " + ", then ".join(_window(part) for part in one["parts"])
        for one in problem.get("alternatives") or ()
    ]


def _window(part: Json) -> str:
    nodes = ", ".join(node for node, _ in part["nodes"])
    return f"{shown(part['start'])} – {shown(part['end'])} on {nodes}"


def line_of(booking: Json) -> str:
    """As in "B142: 4 GPUs on gpu-03, 2026-11-25 14:00 UTC – 2026-11-26 10:00 UTC"."""
    nodes = ", ".join(node for node, _ in booking["shares"])
    span = f"{shown(booking['start'])} – {shown(booking['end'])}"
    return f"{booking['id']}: {booking['gpus']} GPUs on {nodes}, {span}"


def _ids(ids: Sequence[int]) -> str:
    return ",".join(str(number) for number in ids)


def instant(text: str) -> datetime:
    """An instant of the API; aware."""
    return datetime.fromisoformat(text)


def shown(text: str) -> str:
    """An instant of the API for people: a pipeline has no time zone of its own."""
    return f"{instant(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"

"""Making ready, after the start, what whoever asks first would otherwise wait for.

Some libraries take long to import, and are not needed to answer Slack: they are imported where
they are used, and here.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Sequence

from fastapi import FastAPI

from bot.web import pages

#: Pictures, and calendars to subscribe to.
MODULES = ("bot.pictures.tracks", "bot.pictures.heatmap", "bot.web.feed_events")

#: A request, as ASGI describes it.
NOWHERE = {"type": "http", "method": "GET", "path": "/nowhere", "root_path": "", "headers": []}

#: How often, and how many seconds apart, it is looked whether gpubot is ready.
LOOKS, LOOK_AGAIN_S = 100, 0.05


def warm_up_when_ready(
    web: FastAPI,
    problems: Callable[[], Sequence[str]],
    stopping: threading.Event,
    when_warm: Callable[[], object] | None,
) -> None:
    """Warm up once there are no problems, or a while later; call `when_warm` then."""
    for _ in range(LOOKS):
        if not problems() or stopping.wait(LOOK_AGAIN_S):
            break
    try:
        if not stopping.is_set():
            warm_up(web)
    finally:
        if when_warm is not None:
            when_warm()


def warm_up(web: FastAPI) -> None:
    """Import, read and make what the first to ask would wait for."""
    for route in web.routes:
        # FastAPI makes them as they are looked at; nothing is at this address.
        route.matches(NOWHERE)
    pages.warm_up()
    for name in MODULES:
        importlib.import_module(name)

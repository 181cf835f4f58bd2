"""Making ready, after the start, what whoever asks first would otherwise wait for.

Some libraries take long to import, and are not needed to answer Slack: they are imported where
they are used, and here.
"""

from __future__ import annotations

import importlib

from fastapi import FastAPI

from bot.web import pages

#: Uploads of pictures, the pictures themselves, and calendars to subscribe to.
MODULES = ("httpx", "bot.pictures.tracks", "bot.pictures.heatmap", "bot.web.feed_events")

#: A request, as ASGI describes it.
NOWHERE = {"type": "http", "method": "GET", "path": "/nowhere", "root_path": "", "headers": []}


def warm_up(web: FastAPI) -> None:
    """Import, read and make what the first to ask would wait for."""
    for route in web.routes:
        # FastAPI makes them as they are looked at; nothing is at this address.
        route.matches(NOWHERE)
    pages.warm_up()
    for name in MODULES:
        importlib.import_module(name)

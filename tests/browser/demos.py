"""The demo, as the browser tests start it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from patience import PATIENCE_S

from bot.demo import Demo


@contextmanager
def started_demo(folder: Path, **options: bool) -> Iterator[Demo]:
    """The demo on a Wednesday at 10:37 in Shanghai, with the clock standing still."""
    demo = Demo(folder, ack_timeout=PATIENCE_S, **options)
    demo.clock.jump(datetime(2026, 11, 25, 2, 37, tzinfo=UTC))
    demo.clock.set_speed(0)
    demo.start()
    try:
        yield demo
    finally:
        demo.stop()

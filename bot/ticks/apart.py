"""Ticks that wait for others for long: on threads beside the scheduler's."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from bot import logs

log = logging.getLogger(__name__)


def apart(name: str, run: Callable[[], object]) -> Callable[[], None]:
    """What starts `run` on a thread of its own, and does nothing while it still runs there.

    The tick itself is over at once: how long a server takes to answer, whose troubles are told in
    a way of their own, is no sign of a scheduler that is stuck.
    """
    running = threading.Lock()

    def once() -> None:
        try:
            run()
        except Exception:
            log.exception("%s failed", name)
        finally:
            running.release()

    def start() -> None:
        if running.acquire(blocking=False):
            threading.Thread(target=logs.carrying(once), name=name, daemon=True).start()

    return start

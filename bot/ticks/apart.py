"""Ticks that wait for others: on threads that cannot keep the program from ending."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from bot import logs

log = logging.getLogger(__name__)


def apart(name: str, run: Callable[[], object]) -> Callable[[], None]:
    """What starts `run` on a thread of its own, and does nothing while it still runs there.

    The scheduler's own threads are waited for at the end of the program, however long a server
    takes to answer; these are not.
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

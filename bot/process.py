"""One process from its start to the signal that ends it."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from bot.config.problems import load_config
from bot.config.settings import ConfigError, Settings
from bot.main import Bot

log = logging.getLogger(__name__)

#: For how many seconds a thread may keep Python to itself while others want it. By default it is
#: five times as much, and an answer that needs it a few times waits for a report each time.
SWITCH_S = 0.001


def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises ConfigError when the settings or the configuration file cannot be used, and OSError
    when the port is taken.
    """
    if missing := settings.missing_for_slack():
        raise ConfigError(missing)
    sys.setswitchinterval(SWITCH_S)
    cluster, edges = load_config(settings.config_path)
    bot = Bot(settings, cluster, edges=edges)

    def settle() -> None:
        # What is loaded by now stays; the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        gc.enable()

    # Until then hardly anything is garbage; looking for it takes a tenth of the start.
    gc.disable()
    run_until_signal(lambda: bot.start(when_warm=settle), bot.stop)


def run_until_signal(start: Callable[[], None], stop: Callable[[], None]) -> None:
    """Call `start`, wait for SIGTERM or SIGINT, call `stop`; a second signal ends at once."""
    ended = threading.Event()
    started = time.monotonic()

    def end(number: int, _frame: FrameType | None) -> None:
        log.info("%s: ending after %.0f s", signal.Signals(number).name, time.monotonic() - started)
        signal.signal(number, signal.SIG_DFL)
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        start()
        # Python handles a signal when the main thread runs again; one that comes in just before
        # it begins to wait does not wake it.
        while not ended.wait(1):
            pass
    finally:
        stop()
        with suppress(ValueError):
            for number, handler in before.items():
                signal.signal(number, handler)

"""Which of what Slack sends has waited here for too long, over HTTP or in Socket Mode."""

from __future__ import annotations

import logging
import time

from slack_bolt.request import BoltRequest

log = logging.getLogger(__name__)

#: Slack gives up on an answer after 3 s. What has waited for so many seconds is not begun any more:
#: who asked would be told that it failed, ask again, and get it twice.
TOO_LATE_S = 2.5
#: How often it is told that too much is asked for, in seconds.
TOLD_EVERY_S = 60.0


class Lateness:
    """Whether what Slack sent has waited for too long, which the log is told now and then."""

    def __init__(self) -> None:
        self._told_until = float("-inf")

    def mark(self, request: BoltRequest, waited_s: float) -> None:
        """Have a request answered, and not carried out, that has waited here for too long."""
        if waited_s <= TOO_LATE_S:
            return
        request.context["is_late"] = True
        if time.monotonic() < self._told_until:
            return
        self._told_until = time.monotonic() + TOLD_EVERY_S
        log.warning(
            "what Slack sent has waited %.1f s: too much is asked for. Commands, buttons and forms"
            " that wait for more than %.1f s are answered that gpubot is busy, and not carried out",
            waited_s, TOO_LATE_S,
        )  # fmt: skip

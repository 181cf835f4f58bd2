"""Logging: one line an event, and no secrets in it."""

from __future__ import annotations

import logging
import re
import sys
from typing import TextIO

#: Slack's tokens and our own, and the one-time addresses that let anybody reply or connect as the
#: bot.
_SECRET = re.compile(
    r"(x(?:ox[a-z]|app)-)[A-Za-z0-9-]+|(wss?://)\S+|(https://hooks\.slack\.com/)\S+"
    r"|(gpubot_)[A-Za-z0-9_-]{20,}"
)

#: Libraries that are louder than their news is worth, or print whole requests when at DEBUG.
_QUIET = {
    # A tick that still runs when it is due again shows in /metrics and /readyz.
    "apscheduler": logging.ERROR,
    # Prometheus is asked again and again.
    "httpcore": logging.INFO,
    "httpx": logging.WARNING,
    "slack_bolt": logging.INFO,
    "slack_sdk": logging.INFO,
    # Failed calls are raised as well, and logged where it is known what they mean.
    "slack_sdk.web": logging.CRITICAL,
    "slack_sdk.webhook": logging.CRITICAL,
    "urllib3": logging.INFO,
    "uvicorn": logging.WARNING,
    "websockets": logging.WARNING,
    "alembic": logging.WARNING,
}


class OneLine(logging.Formatter):
    """`2026-11-25T14:00:00 INFO bot.main text`; tracebacks and typed newlines stay on the line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, with secrets blotted out."""
        text = super().format(record)
        text = _SECRET.sub(lambda match: f"{match[match.lastindex or 0]}…", text)
        return text.replace("\r", "\\r").replace("\n", "\\n")


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Log to `stream` (standard error by default) from `level` on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, logging.getLevelName(level)))

"""Logging: one line an event, as text or as JSON, and no secrets in it.

What a line is about (the request that it belongs to, who asked, the booking) is said once, where
that is known, by `about` and `note`; every line that is written inside of it has it, whichever
module or library writes it. Threads do not take it along by themselves: `carrying` does.
"""

from __future__ import annotations

import json
import logging
import random
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime
from typing import TextIO

log = logging.getLogger(__name__)

#: Slack's tokens and our own, the one-time addresses that let anybody reply or connect as the bot,
#: passwords in addresses of servers, what links carry to say who comes, and the rows that
#: PostgreSQL shows when it refuses one.
_SECRET = re.compile(
    r"(x(?:ox[a-z]|app)-)[A-Za-z0-9-]+|(wss?://)\S+|(https://hooks\.slack\.com/)\S+"
    r"|(gpubot_)[A-Za-z0-9_-]{20,}|(\w://[^\s:/@]*:)[^\s/@]+(?=@)"
    r"|([?&](?:token|ticket|code|state)=)[^\s&\"'<>]+"
    r"|(Failing row contains \()(?s:.)*?(?=\)\.$|\Z)",
    re.MULTILINE,
)

#: What a request may be called by whoever sends it. Anything else could be a line of its own.
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
#: Not the chance that all share: whoever seeds that, as tests do, would have names come twice.
_CHANCE = random.Random()  # noqa: S311 - it guards nothing

#: What a line may be about, in the order in which it is shown. What stands in `extra` counts too.
FIELDS = (
    "request", "incident", "user", "booking", "run", "node", "action", "audit", "outbox", "tick",
)  # fmt: skip

#: Libraries that are louder than their news is worth, or print whole requests when at DEBUG.
_QUIET = {
    # A tick that still runs when it is due again shows in /metrics and /readyz.
    "apscheduler": logging.ERROR,
    "boto3": logging.INFO,
    "botocore": logging.INFO,
    # Prometheus is asked again and again.
    "httpcore": logging.INFO,
    "httpx": logging.WARNING,
    "kubernetes": logging.INFO,
    "s3transfer": logging.INFO,
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

#: What the lines of this moment are about; None: nothing is known.
_ABOUT: ContextVar[dict[str, object] | None] = ContextVar("about", default=None)


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Have every line that is written inside say these fields, besides what is said already."""
    token = _ABOUT.set({**(_ABOUT.get() or {}), **fields})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def note(**fields: object) -> None:
    """Add to the innermost `about`, on whichever thread; outside of one it does nothing."""
    known = _ABOUT.get()
    if known is not None:
        known.update(fields)


def carrying(job: Callable[[], None]) -> Callable[[], None]:
    """`job`, which says on another thread what is said here and now."""
    context = copy_context()
    return lambda: context.run(job)


def request_id(given: str = "") -> str:
    """What to call a request: what its sender calls it, where that can be; else something new."""
    if given and _REQUEST_ID.fullmatch(given):
        return given
    return f"{_CHANCE.getrandbits(64):016x}"


class OneLine(logging.Formatter):
    """`2026-11-25T14:00:00 INFO bot.main text request=…`; newlines stay on the line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, with secrets blotted out."""
        text = _without_secrets(super().format(record))
        return text.replace("\r", "\\r").replace("\n", "\\n")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's name
        """The line itself, before a traceback."""
        fields = (f" {name}={value}" for name, value in _fields(record).items())
        return super().formatMessage(record) + "".join(fields)


class JsonLine(logging.Formatter):
    """One JSON object: time, level, logger, message, what it is about, and any traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, with secrets blotted out."""
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": f"{at:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": _without_secrets(record.getMessage()),
        }
        # Ids, none of which opens anything.
        line.update(_fields(record))
        if record.exc_info:
            line["traceback"] = _without_secrets(self.formatException(record.exc_info))
        elif record.exc_text:
            line["traceback"] = _without_secrets(record.exc_text)
        if record.stack_info:
            line["stack"] = _without_secrets(record.stack_info)
        # ASCII alone: no character can break the line, whatever reads it.
        return json.dumps(line, default=str)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    known = {**(_ABOUT.get() or {}), **record.__dict__}
    return {name: known[name] for name in FIELDS if known.get(name)}


def _without_secrets(text: str) -> str:
    return _SECRET.sub(lambda match: f"{match[match.lastindex or 0]}…", text)


def set_up(level: str, stream: TextIO | None = None, *, as_json: bool = False) -> None:
    """Log to `stream` (standard error by default) from `level` on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLine() if as_json else OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, logging.getLevelName(level)))


def are_json() -> bool:
    """Whether lines are JSON now."""
    return any(isinstance(one.formatter, JsonLine) for one in logging.getLogger().handlers)


@contextmanager
def catching_the_rest() -> Iterator[None]:
    """Log what ends a thread, and what libraries warn of, like everything else; while it lasts."""
    before, threading.excepthook = threading.excepthook, _thread_ended
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        threading.excepthook = before


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is None or isinstance(ended.exc_value, SystemExit):
        return
    name = ended.thread.name if ended.thread else "?"
    log.critical("the thread %s has ended by an error", name, exc_info=ended.exc_value)

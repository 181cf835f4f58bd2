"""Short-lived rights the workspace hands to the app: trigger ids and response URLs."""

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.sandbox.errors import SlackError
from bot.sandbox.journal import Journal
from bot.sandbox.records import Message

RESPONSE_URL_USES = 5
RESPONSE_URL_SECONDS = 30 * 60


@dataclass
class Trigger:
    """The right to open one modal for one person soon after they did something."""

    user: str
    issued: float
    used: bool = False


class Triggers:
    """Trigger ids: each is good once, within `lifetime` real seconds."""

    def __init__(
        self, journal: Journal, monotonic: Callable[[], float], lifetime: float, prefix: str
    ) -> None:
        self._journal = journal
        self._monotonic = monotonic
        self._lifetime = lifetime
        self._prefix = prefix
        self._numbers = itertools.count(1_000_000_001)
        self._open: dict[str, Trigger] = {}

    def issue(self, user: str) -> str:
        """A new trigger id for what `user` just did."""
        trigger_id = f"{next(self._numbers)}.{self._prefix}.{secrets.token_hex(16)}"
        with self._journal.lock:
            self._open[trigger_id] = Trigger(user, self._monotonic())
        return trigger_id

    def exchange(self, trigger_id: str) -> Trigger:
        """Use a trigger up.

        Raises SlackError invalid_trigger_id, exchanged_trigger_id or expired_trigger_id.
        """
        with self._journal.lock:
            trigger = self._open.get(trigger_id)
            if trigger is None:
                raise SlackError("invalid_trigger_id")
            if trigger.used:
                raise SlackError("exchanged_trigger_id")
            if self._monotonic() - trigger.issued > self._lifetime:
                raise SlackError("expired_trigger_id")
            trigger.used = True
            return trigger


@dataclass
class ResponseUrl:
    """Where the app may answer what `user` did in `channel`; `source` is the message used."""

    user: str
    channel: str
    source: Message | None
    issued: float
    issued_at: datetime
    uses: int = 0


class ResponseUrls:
    """Response URLs: five uses within 30 minutes.

    The minutes pass by the real clock or by the workspace's, whichever is further, so that a
    demo at sixty-fold speed or after a jump is as strict as a real half hour.
    """

    def __init__(
        self, journal: Journal, monotonic: Callable[[], float], now: Callable[[], datetime]
    ) -> None:
        self._journal = journal
        self._monotonic = monotonic
        self._now = now
        self._open: dict[str, ResponseUrl] = {}

    def issue(self, user: str, channel: str, source: Message | None = None) -> str:
        """A new key; the server makes an address of it."""
        key = secrets.token_urlsafe(18)
        with self._journal.lock:
            self._open[key] = ResponseUrl(user, channel, source, self._monotonic(), self._now())
        return key

    def use(self, key: str) -> ResponseUrl:
        """Use one of the five; raises SlackError expired_url, used_url or not_found."""
        with self._journal.lock:
            url = self._open.get(key)
            if url is None:
                raise SlackError("not_found")
            if self._age(url) > RESPONSE_URL_SECONDS:
                raise SlackError("expired_url")
            if url.uses >= RESPONSE_URL_USES:
                raise SlackError("used_url")
            url.uses += 1
            return url

    def _age(self, url: ResponseUrl) -> float:
        real = self._monotonic() - url.issued
        return max(real, (self._now() - url.issued_at).total_seconds())

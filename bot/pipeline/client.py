"""How a pipeline talks to gpubot: requests that survive outages, and what errors mean to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import httpx

from bot.loopback import is_loopback
from bot.pipeline.exits import Exit

Json = dict[str, Any]

#: Seconds for one request, and between tries of one that failed: the first, and the longest.
TIMEOUT_S = 30.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 30.0
#: For how many seconds a command goes on trying once it has been told to end.
HURRIED_S = 4.0


class Failed(Exception):
    """A command that cannot be done. `code` is its exit code, `problem` what gpubot answered."""

    def __init__(self, code: Exit, said: str, problem: Json | None = None) -> None:
        super().__init__(said)
        self.code, self.problem = code, problem or {}


class Client:
    """The API of the gpubot at `url`, by a token.

    A request that fails for a reason that passes (no connection, 5xx, 429) is sent again, with
    growing pauses, for `patience_s` seconds. `sleep` and `clock` (seconds) are the machine's.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience_s: float,
        tell: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _check(url, token)
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "User-Agent": f"gpubot/{version('gpubot')}",
        }
        # A redirect would carry the token elsewhere, so none is followed.
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1",
            headers=headers,
            timeout=TIMEOUT_S,
            trust_env=not is_loopback(url),
        )
        self._patience_s, self._tell = patience_s, tell
        self._sleep, self._clock = sleep, clock

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def hurry(self) -> None:
        """Try for a few seconds at most from now on: whoever ends a pipeline kills it soon."""
        self._patience_s = min(self._patience_s, HURRIED_S)

    def get(self, path: str) -> Json:
        """What is at `path`. Raises Failed."""
        return self._patiently("GET", path, {}, None)

    def post(self, path: str, body: Json, key: str | None = None) -> Json:
        """The answer to `body`; sent again it is done once, by `key`. Raises Failed."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._patiently("POST", path, headers, body)

    def _patiently(
        self, method: str, path: str, headers: Mapping[str, str], body: Json | None
    ) -> Json:
        began, pause = self._clock(), FIRST_PAUSE_S
        # As ASCII, because words of the command line need not be text that can be written.
        content = None if body is None else json.dumps(body)
        while True:
            try:
                answer = self._http.request(method, path, headers=dict(headers), content=content)
                why = f"it answered {answer.status_code}"
            except httpx.TransportError as error:
                answer, why = None, str(error) or type(error).__name__
            if answer is not None and not _passes(answer):
                return _read(answer)
            if self._clock() - began + pause > self._patience_s:
                raise Failed(Exit.UNREACHABLE, f"gpubot cannot be reached: {why}")
            self._tell(f"gpubot cannot be reached ({why}); trying again in {pause:.0f} s")
            self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)


def _check(url: str, token: str) -> None:
    try:
        parts = httpx.URL(url)
        # What cannot stand in a host is escaped there.
        is_address = parts.scheme in ("http", "https") and parts.host and "%" not in parts.host
    except httpx.InvalidURL:
        is_address = False
    if not is_address:
        raise Failed(Exit.USAGE, "give gpubot's address: --url or GPUBOT_URL, as in https://…")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Failed(Exit.USAGE, "give a token: GPUBOT_TOKEN; /gpu token makes one")


def _passes(answer: httpx.Response) -> bool:
    """Whether the same request may be answered otherwise in a moment."""
    return answer.status_code >= 500 or answer.status_code == 429


def _read(answer: httpx.Response) -> Json:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        said = f"this is not gpubot: it answered {answer.status_code} without JSON"
        raise Failed(Exit.UNEXPECTED, said)
    if answer.is_success:
        return content
    raise Failed(_code(answer.status_code, content), _said(content), content)


def _code(status: int, problem: Json) -> Exit:
    if problem.get("code") == "conflict":
        return Exit.NOT_FREE
    match status:
        case 401 | 403 | 409:
            return Exit.REFUSED
        case 404 | 422:
            return Exit.USAGE
        case _:
            return Exit.UNEXPECTED


def _said(problem: Json) -> str:
    return str(problem.get("detail") or problem.get("title") or "it refused")

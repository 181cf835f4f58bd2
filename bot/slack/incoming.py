"""What comes over HTTP and says that it is from Slack: proved first, then read, then answered.

The look at the signature here is the only one: Bolt's own is switched off (`app.build_app`), as it
comes after the body was read, which fails where it cannot be. So anybody could have had it write a
traceback; here nothing is read that Slack has not signed just now.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from hmac import compare_digest

from slack_bolt import App
from slack_bolt.request import BoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import Clock, SignatureVerifier

from bot.slack.lateness import Lateness
from bot.slack.shapes import what_is_wrong

log = logging.getLogger(__name__)

#: How often it is told that requests are too old, in seconds.
TOLD_EVERY_S = 60.0

#: As in `BoltRequest`.
Headers = Mapping[str, str | Sequence[str]]


class Refused(Exception):
    """The request is not answered by Bolt."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why

    @property
    def response(self) -> BoltResponse:
        """What is answered in its place."""
        return BoltResponse(status=self.status, body={"error": self.why})


class _Time(Clock):
    """A clock as slack_sdk wants it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def now(self) -> float:
        return self._now()


class Incoming:
    """Bolt, and the secret by which Slack's requests are known."""

    def __init__(
        self, bolt: App, signing_secret: str, now: Callable[[], float] = time.time
    ) -> None:
        """`now` is the real time, in seconds of the epoch."""
        self._bolt = bolt
        self._verifier = SignatureVerifier(signing_secret, _Time(now))
        self._quiet_until = float("-inf")
        self._lateness = Lateness()

    def answer(
        self, body: str, query: str, headers: Mapping[str, str], waited_s: float = 0.0
    ) -> BoltResponse:
        """What is answered to a request; it is read only when Slack has signed it just now.

        `waited_s`: for how many seconds it has waited here.
        """
        try:
            request = self.read(body, query, headers)
        except Refused as refused:
            return refused.response
        if "ssl_check" in request.body and "command" not in request.body:
            # Slack looks now and then whether an address has a good certificate.
            return BoltResponse(status=200, body="")
        self._lateness.mark(request, waited_s)
        return self._bolt.dispatch(request)

    def read(self, body: str, query: str, headers: Mapping[str, str]) -> BoltRequest:
        """The request, for Bolt to dispatch. Raises Refused: 401 unsigned, 400 unreadable."""
        if not self._is_signed(body, headers):
            raise Refused(401, "unsigned")
        given: dict[str, str | Sequence[str]] = dict(headers)
        try:
            request = BoltRequest(body=body, query=query, headers=given)
        except Exception as error:  # noqa: BLE001 - it looks into the body as if that could only be Slack's
            log.warning("Slack sent what cannot be read: %s", type(error).__name__)
            raise Refused(400, "unreadable") from None
        if wrong := what_is_wrong(request.body):
            log.warning("Slack sent what cannot be read: %s", wrong)
            raise Refused(400, "unreadable")
        return request

    def _is_signed(self, body: str, headers: Mapping[str, str]) -> bool:
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            is_signed = self._verifier.is_valid_request(body, lower)
            if not is_signed:
                self._tell_stale(body, lower)
        except (ValueError, TypeError, OverflowError):
            # The time is no number or too large a one, or the signature is not ASCII.
            return False
        return is_signed

    def _tell_stale(self, body: str, headers: Mapping[str, str]) -> None:
        """Say so when Slack did sign it, at another time: this machine's clock may be wrong."""
        at = int(headers.get("x-slack-request-timestamp", ""))
        signature = self._verifier.generate_signature(timestamp=str(at), body=body)
        if not compare_digest(signature or "", headers.get("x-slack-signature", "")):
            return
        if time.monotonic() < self._quiet_until:
            return
        self._quiet_until = time.monotonic() + TOLD_EVERY_S
        off = at - self._verifier.clock.now()
        log.warning(
            "a request of Slack's was refused: it was signed %s %s this machine's clock, and not"
            " within five minutes of it. Is the clock right, or is somebody repeating it?",
            timedelta(seconds=abs(round(off))),
            "after" if off > 0 else "before",
        )

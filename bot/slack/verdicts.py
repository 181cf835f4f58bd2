"""What Slack's errors mean for a message: try it later, or never again."""

from __future__ import annotations

import re
from datetime import timedelta

from slack_sdk.errors import SlackApiError

#: The pause when Slack says "too many requests" without saying how long.
UNNAMED_RETRY_AFTER = timedelta(seconds=30)

#: However long Slack wants to be left alone, it is tried again after this time: what stands there
#: may be a mistake, and trying too early costs one more refusal.
LONGEST_RETRY_AFTER = timedelta(minutes=10)
#: Of a broken answer no more characters are kept: it may be a whole page.
LONGEST_CODE = 200

#: Slack's errors that pass by themselves, or when an operator repairs the app's installation.
#: Every other error concerns the message or its recipient and will not change by waiting.
PASSING = frozenset({
    "accesslimited", "fatal_error", "internal_error", "ratelimited", "rate_limited",
    "request_timeout", "service_unavailable", "team_added_to_org", "external_channel_migrating",
    "account_inactive", "invalid_auth", "missing_scope", "not_authed", "token_expired",
    "token_revoked",
})  # fmt: skip


_CODE = re.compile(r"[a-z][a-zA-Z0-9_]{1,99}")


class TryLater(Exception):
    """Not now. `pause` is how long Slack asked us to wait; None when it did not say."""

    def __init__(self, why: str, pause: timedelta | None = None) -> None:
        super().__init__(why)
        self.pause = pause


class Refused(Exception):
    """Slack will never take this message. `code` is Slack's error."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}" if details else code)
        self.code = code


def judged(error: SlackApiError) -> TryLater | Refused:
    """Whether what Slack answered can change by waiting."""
    response = error.response
    status = response.status_code
    data = response.data if isinstance(response.data, dict) else {}
    code = data.get("error", "no_json")
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return TryLater("ratelimited", _retry_after(response.headers))
    if status >= 500 or status in (404, 408) or not _is_code(code) or code in PASSING:
        return TryLater(f"{status} {str(code)[:LONGEST_CODE]}")
    return Refused(code, _details(data)[:LONGEST_CODE])


def _is_code(code: object) -> bool:
    """Whether this is one of Slack's error codes, not the client's words about a broken answer."""
    return isinstance(code, str) and _CODE.fullmatch(code) is not None and code != "no_json"


def _details(data: dict[str, object]) -> str:
    metadata = data.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    return "; ".join(map(str, messages)) if isinstance(messages, list) else ""


def _retry_after(headers: dict[str, str]) -> timedelta:
    value = next((v for k, v in headers.items() if k.casefold() == "retry-after"), "")
    if not re.fullmatch(r"[0-9]{1,9}", value):
        return UNNAMED_RETRY_AFTER
    return min(timedelta(seconds=int(value)), LONGEST_RETRY_AFTER)

"""What Slack's errors mean for a message: try it later, or never again."""

from __future__ import annotations

from datetime import timedelta

from slack_sdk.errors import SlackApiError

#: The pause when Slack says "too many requests" without saying how long.
UNNAMED_RETRY_AFTER = timedelta(seconds=30)

#: Slack's errors that pass by themselves, or when an operator repairs the app's installation.
#: Every other error concerns the message or its recipient and will not change by waiting.
PASSING = frozenset({
    "accesslimited", "fatal_error", "internal_error", "ratelimited", "rate_limited",
    "request_timeout", "service_unavailable", "team_added_to_org", "external_channel_migrating",
    "account_inactive", "invalid_auth", "missing_scope", "not_authed", "token_expired",
    "token_revoked",
})  # fmt: skip


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
    code = str(data.get("error", "no_json"))
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return TryLater("ratelimited", _retry_after(response.headers))
    if status >= 500 or status in (404, 408) or code in PASSING or not _is_code(code):
        return TryLater(f"{status} {code}")
    details = data.get("response_metadata", {}).get("messages", [])
    return Refused(code, "; ".join(details))


def _is_code(code: str) -> bool:
    """Whether this is one of Slack's error codes, not the client's words about a broken answer."""
    return code.replace("_", "").isalnum() and code.isascii() and code != "no_json"


def _retry_after(headers: dict[str, str]) -> timedelta:
    value = next((v for k, v in headers.items() if k.casefold() == "retry-after"), "")
    return timedelta(seconds=int(value)) if value.isdigit() else UNNAMED_RETRY_AFTER

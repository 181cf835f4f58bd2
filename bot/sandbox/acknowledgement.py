"""The app's answer to what it was sent."""

from dataclasses import dataclass, field
from typing import Self

from bot.sandbox.records import Json


@dataclass(frozen=True)
class Ack:
    """An acknowledgement: `body` is what the app answered with, empty where it said nothing.

    `error` is Slack's word for what went wrong: operation_timeout, dispatch_failed (nothing
    reachable), http_client_error, http_service_error.
    """

    ok: bool
    body: Json = field(default_factory=dict)
    error: str | None = None

    @classmethod
    def accepted(cls, body: Json) -> Self:
        """The app answered in time."""
        return cls(ok=True, body=body)

    @classmethod
    def failed(cls, error: str) -> Self:
        """The app did not answer, or not well."""
        return cls(ok=False, error=error)

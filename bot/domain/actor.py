"""Who does something: a person in Slack, an API token, or gpubot itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """The one on whose behalf a change is made.

    `name` is a Slack user id, `token:…` for an API token, or `gpubot` when the program itself
    acts by a rule.
    """

    name: str

    @property
    def is_bot(self) -> bool:
        """Whether gpubot itself acts, which no permission rule restricts."""
        return self.name == "gpubot"


#: gpubot acting by its own rules; such a change always records a reason.
GPUBOT = Actor("gpubot")


@dataclass(frozen=True, slots=True)
class Person:
    """What gpubot remembers of somebody's Slack profile."""

    user: str
    name: str
    #: IANA name of their time zone.
    zone_name: str
    #: Slack's locale, such as `en-US` or `zh-CN`.
    locale: str
    email: str | None
    refreshed_at: datetime

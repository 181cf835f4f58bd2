"""Who does something: a person, perhaps by an API token, or gpubot itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """The one on whose behalf a change is made.

    `name` is a Slack user id, or `gpubot` when the program itself acts by a rule. What an API token
    does, it does with the rights of the person who made it and in their name; `via` says that it
    was the token.
    """

    name: str
    #: By what means, where it was not they themselves: `token:7 nightly`, `page`.
    via: str = ""

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

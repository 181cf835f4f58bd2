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
    #: By what means, where it was not they themselves: `token:7 nightly`, `page`,
    #: `pipeline:7 nightly`, `github lab/yolo#123`.
    via: str = ""

    @property
    def is_bot(self) -> bool:
        """Whether gpubot itself acts, which no permission rule restricts."""
        return self.name == "gpubot"

    @property
    def maker(self) -> str:
        """What a booking remembers of who made it: the person, or the pipeline."""
        return self.via if is_pipeline(self.via) else self.name


def is_pipeline(maker: str) -> bool:
    """Whether a program of a whole team acts, rather than a person or their own program."""
    return maker.startswith(("pipeline:", "github "))


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

"""A sign-in with Slack under way, and how it fails.

Apart from `bot.web.open_id`, whose libraries take an eighth of a second to import and are needed
only where signing in with Slack is configured.
"""

from __future__ import annotations

from dataclasses import dataclass


class SignInFailed(Exception):
    """Slack did not say who it is. The text is for the log: people read why in plain words."""


class ForeignWorkspace(SignInFailed):
    """It is somebody of another workspace."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What a sign-in under way has to remember until Slack sends the browser back."""

    state: str
    nonce: str
    verifier: str
    next: str

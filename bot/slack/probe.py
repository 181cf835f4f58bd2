"""Whether Slack's Web API answers us."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.slack.clients import CALL_ERRORS

log = logging.getLogger(__name__)


class Probe:
    """Asks Slack from time to time who we are, and remembers how that went."""

    def __init__(self, client: WebClient, heard: Callable[[datetime], None] | None = None) -> None:
        """`heard` is told what time it is at Slack, aware UTC."""
        self._client, self._heard = client, heard
        self._lock = threading.Lock()
        self._problem: str | None = "Slack: not reached yet"
        self._team: str | None = None

    def look(self) -> None:
        """Ask now. A refusal or silence is no exception: it is what `problem` tells."""
        try:
            answer = self._client.auth_test()
        except SlackApiError as error:
            data = error.response.data
            code = data.get("error") if isinstance(data, dict) else None
            self._set(f"Slack: {str(code or error.response.status_code)[:100]}")
        except CALL_ERRORS as error:
            self._set(f"Slack: {type(error).__name__}")
        else:
            team = answer.get("team_id")
            self._team = team if isinstance(team, str) else None
            self._set(None)
            date = date_of(answer.headers)
            if date is not None and self._heard is not None:
                self._heard(date)

    def team(self) -> str | None:
        """The id of the bot's workspace; asks Slack while it is not known; None: it does not say.

        A token belongs to one workspace for good, so it is asked for once.
        """
        if self._team is None:
            self.look()
        return self._team

    def problem(self) -> str | None:
        """Why Slack cannot be used; None when the last look went well."""
        with self._lock:
            return self._problem

    def _set(self, problem: str | None) -> None:
        with self._lock:
            changed, self._problem = problem != self._problem, problem
        if changed:
            log.log(logging.WARNING if problem else logging.INFO, "%s", problem or "Slack answers")


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """When an answer was made, by the clock of who made it: whole seconds, aware UTC.

    None: it does not say, or not in which zone.
    """
    said = next((value for name, value in headers.items() if name.casefold() == "date"), "")
    try:
        date = parsedate_to_datetime(said)
        return None if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None

"""Sending what handlers answer: replies through `response_url`, windows through views.*."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.domain.errors import N_, BookingError
from bot.slack.clients import BACKGROUND_TIMEOUT_S, CALL_ERRORS, is_loopback
from bot.slack.context import Reply, View
from bot.slack.workers import Workers

log = logging.getLogger(__name__)

#: Where Slack's response_urls point.
SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")


class WindowNotOpened(BookingError):
    """Slack did not take a window, mostly because its trigger was over three seconds old."""

    code = "window_not_opened"
    template = N_("Slack did not open the window in time. Please try again.")


class Answers:
    """Sends replies in the background, and opens windows at once.

    `client` must be an interactive one; `workers` sends the replies.
    """

    def __init__(self, client: WebClient, workers: Workers) -> None:
        self._client = client
        self._workers = workers

    def send(
        self,
        reply: Reply,
        *,
        response_url: str | None,
        channel: str | None,
        user: str,
        replaceable: bool,
    ) -> None:
        """Have `reply` reach `user` alone, in the conversation that `response_url` belongs to.

        Where that address is used up or does not answer, as an ephemeral message in `channel`.
        """
        body = {**to_body(reply), "replace_original": reply.replace and replaceable}
        self._workers.submit(lambda: self._deliver(body, response_url, channel, user))

    def open_view(self, trigger: str, *, pushed: bool) -> Callable[[View], None]:
        """A function that opens a window with `trigger`; `pushed`: on top of the present one."""
        method = self._client.views_push if pushed else self._client.views_open

        def open_it(view: View) -> None:
            try:
                method(trigger_id=trigger, view=view)
            except CALL_ERRORS as error:
                log.warning("a window was not opened: %s", _why(error))
                raise WindowNotOpened from error

        return open_it

    def update_view(self, view_id: str, view: View, hash: str | None) -> None:  # noqa: A002
        """Show another content in a window; one that changed or closed meanwhile is left alone."""
        try:
            self._client.views_update(view_id=view_id, view=view, hash=hash)
        except CALL_ERRORS as error:
            if _code(error) not in ("hash_conflict", "not_found"):
                log.warning("a window was not updated: %s", _why(error))

    def _deliver(
        self, body: dict[str, Any], response_url: str | None, channel: str | None, user: str
    ) -> None:
        if response_url is not None and self._respond(response_url, body):
            return
        if channel is None:
            log.warning("a reply to %s could not be delivered", user)
            return
        try:
            self._client.chat_postEphemeral(
                channel=channel, user=user, text=body["text"], blocks=body.get("blocks")
            )
        except CALL_ERRORS as error:
            log.warning("a reply to %s could not be delivered: %s", user, _why(error))

    def _respond(self, url: str, body: dict[str, Any]) -> bool:
        if not _is_slacks(url, self._client.base_url):
            log.error("a response_url points to %s, which is not Slack", urlsplit(url).hostname)
            return False
        webhook = WebhookClient(url, timeout=BACKGROUND_TIMEOUT_S, retry_handlers=[])
        if is_loopback(url):
            webhook.proxy = None
        try:
            answer = webhook.send_dict(body)
        except CALL_ERRORS as error:
            log.warning("a response_url did not answer: %s", _why(error))
            return False
        if answer.status_code != 200:
            log.warning("a response_url refused: %s %s", answer.status_code, answer.body[:200])
        return answer.status_code == 200


def to_body(reply: Reply) -> dict[str, Any]:
    """A reply as Slack's JSON, for one person's eyes."""
    body: dict[str, Any] = {"response_type": "ephemeral", "text": reply.text}
    if reply.blocks:
        body["blocks"] = list(reply.blocks)
    return body


def _is_slacks(url: str, api_url: str) -> bool:
    """Whether a response_url is Slack's, or of the same server as the configured Web API."""
    address, api = urlsplit(url), urlsplit(api_url)
    if address.scheme == "https" and address.hostname in SLACK_HOSTS:
        return True
    return (address.scheme, address.netloc) == (api.scheme, api.netloc)


def _code(error: Exception) -> str:
    data = error.response.data if isinstance(error, SlackApiError) else None
    return str(data.get("error", "")) if isinstance(data, dict) else ""


def _why(error: Exception) -> str:
    details = ""
    if isinstance(error, SlackApiError) and isinstance(error.response.data, dict):
        details = str(error.response.data.get("response_metadata", {}).get("messages", ""))
    return f"{type(error).__name__} {_code(error) or error} {details}".strip()

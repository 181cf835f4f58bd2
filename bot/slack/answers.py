"""Sending what handlers answer: replies through `response_url`, windows through views.*."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.domain.errors import N_, BookingError
from bot.slack.clients import CALL_ERRORS, webhook
from bot.slack.context import Picture, Reply, View
from bot.slack.pictures import NOT_YET, Pictures, until_taken, with_picture
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

    `client` must be an interactive one; `workers` sends the replies. Without `pictures` replies
    have none. `pause` waits so many seconds.
    """

    def __init__(
        self,
        client: WebClient,
        workers: Workers,
        pictures: Pictures | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._client = client
        self._workers = workers
        self._pictures = pictures
        self._pause = pause

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

        Where that address is used up (after 30 minutes: forms stay open for longer) or does not
        answer, as an ephemeral message in `channel`, or else as a direct message.
        """
        replaces = reply.replace and replaceable
        body = {**to_body(reply), "replace_original": replaces}

        def send() -> None:
            self._deliver(body, response_url, channel, user)
            if reply.picture is not None and response_url is not None:
                self._follow(reply, reply.picture, response_url, in_place=replaces)

        self._workers.submit(send)

    def send_picture(self, reply: Reply, response_url: str | None) -> None:
        """Have the picture of a reply follow that stands in the answer to a command.

        It is a message of its own: Slack replaces no message by the response_url of a command.
        """
        picture = reply.picture
        if picture is not None and response_url is not None:
            self._workers.submit(lambda: self._follow(reply, picture, response_url, in_place=False))

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

    def _follow(self, reply: Reply, picture: Picture, url: str, *, in_place: bool) -> None:
        """Show the picture below the text: in its message, or as a message of its own."""
        if self._pictures is None:
            return
        file = self._pictures.file(picture)
        if file is None:
            self._apologise(url, picture)
            return
        blocks = with_picture(reply.blocks if in_place else (), picture, file)
        text = reply.text if in_place else picture.alt
        body = {**to_body(Reply(text, tuple(blocks))), "replace_original": in_place}
        error = until_taken(lambda: self._post_to(url, body), self._pause)
        if error in NOT_YET:
            self._apologise(url, picture)

    def _apologise(self, url: str, picture: Picture) -> None:
        if picture.missing:
            body = to_body(Reply(picture.missing))
            self._respond(url, {**body, "replace_original": False})

    def _deliver(
        self, body: dict[str, Any], response_url: str | None, channel: str | None, user: str
    ) -> None:
        if response_url is not None and self._respond(response_url, body):
            return
        content = {"text": body["text"], "blocks": body.get("blocks")}
        ephemeral, direct = self._client.chat_postEphemeral, self._client.chat_postMessage
        if channel is None or not self._post(ephemeral, channel=channel, user=user, **content):
            self._post(direct, channel=user, **content)

    def _post(self, method: Callable[..., object], **arguments: Any) -> bool:
        try:
            method(**arguments)
        except CALL_ERRORS as error:
            log.warning("a reply could not be posted to %s: %s", arguments["channel"], _why(error))
            return False
        return True

    def _respond(self, url: str, body: dict[str, Any]) -> bool:
        return not self._post_to(url, body)

    def _post_to(self, url: str, body: dict[str, Any]) -> str:
        """Send to a response_url; return what went wrong, empty when nothing did."""
        if not _is_slacks(url, self._client.base_url):
            log.error("a response_url points to %s, which is not Slack", urlsplit(url).hostname)
            return "not_slack"
        try:
            answer = webhook(url).send_dict(body)
        except CALL_ERRORS as error:
            log.warning("a response_url did not answer: %s", _why(error))
            return "no_answer"
        if answer.status_code == 200:
            return ""
        log.warning("a response_url refused: %s %s", answer.status_code, answer.body[:200])
        # In words or as JSON.
        return "invalid_blocks" if "invalid_blocks" in answer.body else "refused"


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
